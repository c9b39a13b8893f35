// Two ends of the UDP underlay on loopback: the real device with an arena of its own, and ordinary sockets at the other
// end, for which the kernel takes trains apart. Nothing leaves this machine.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { afterEach, expect } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  DESTINATION_ADDRESS,
  DESTINATION_MTU,
  DESTINATION_UDP_PORT,
  DESTINATION_VNI,
  DESTINATION_WORDS,
} from "../../src/dataplane/destinations.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import {
  COPY_RESULT,
  COPY_WORDS,
  FRAME_FLOW,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_SHIFT,
  FRAME_WORDS,
  FRAMES_MAX,
  TransmitList,
} from "../../src/dataplane/frames.ts";
import { ARENA_BYTES, type Arena, arenaOver } from "../../src/dataplane/io/arena.ts";
import { Poller } from "../../src/dataplane/io/poller.ts";
import {
  closeUdpSockets,
  openUdpSockets,
  type UdpSockets,
  UdpUnderlay,
} from "../../src/dataplane/io/udp-underlay.ts";
import { frame, pattern } from "./packets.ts";

export const HERE = "127.0.0.11";
export const THERE = "127.0.0.12";
export const BUFFER_BYTES = 8 << 20;
export const VNI = 4100;
/** For what must come, on a machine that is busy; and for what must not come any more. */
const PATIENCE_MS = 5000;
const GRACE_MS = 20;

export const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** One end of an underlay, with its own arena and tables. */
export interface End {
  readonly arena: Arena;
  readonly frames: Int32Array;
  readonly destinations: Int32Array;
  readonly sockets: UdpSockets;
  readonly underlay: UdpUnderlay;
}

export function end(address: string, port: number): End {
  const arena = arenaOver(new ArrayBuffer(ARENA_BYTES));
  const frames = new Int32Array(FRAMES_MAX * FRAME_WORDS);
  const destinations = new Int32Array(64 * DESTINATION_WORDS);
  const { ipv6, words } = parseAddress(address);
  const sockets = openUdpSockets(ipv6, words, port, BUFFER_BYTES, []);
  cleanups.push(() => closeUdpSockets(sockets));
  return {
    arena,
    frames,
    destinations,
    sockets,
    underlay: new UdpUnderlay(0, sockets, arena, frames, destinations),
  };
}

export interface Target {
  readonly address?: string;
  readonly port: number;
  readonly vni?: number;
  readonly mtuBytes?: number;
}

export function aim(
  { destinations }: End,
  index: number,
  { address = THERE, port, vni = VNI, mtuBytes = 1500 }: Target,
): void {
  const at = index * DESTINATION_WORDS;
  destinations.set(parseAddress(address).words, at + DESTINATION_ADDRESS);
  destinations[at + DESTINATION_UDP_PORT] = port;
  destinations[at + DESTINATION_VNI] = vni;
  destinations[at + DESTINATION_MTU] = mtuBytes;
}

export interface Outgoing {
  readonly bytes: Buffer;
  readonly flow?: number;
  readonly destination?: number;
  readonly row?: Readonly<Record<number, number>>;
}

/** Transmits frames in one call; returns each copy's drop reason, "" = sent. */
export function transmit({ arena, frames, underlay }: End, outgoing: readonly Outgoing[]): string[] {
  const list = new TransmitList();
  let offset = 0;
  outgoing.forEach(({ bytes, flow = 0, destination = 0, row = {} }, i) => {
    const at = i << FRAME_SHIFT;
    frames.fill(0, at, at + FRAME_WORDS);
    frames[at + FRAME_OFFSET] = offset;
    frames[at + FRAME_LENGTH] = bytes.length;
    frames[at + FRAME_FLOW] = flow;
    for (const [word, value] of Object.entries(row)) frames[at + Number(word)] = value;
    arena.bytes.set(bytes, offset);
    offset += bytes.length;
    list.push(i, destination);
  });
  const failed = underlay.transmit(list);
  const results = outgoing.map((_, i) => list.copies[i * COPY_WORDS + COPY_RESULT]);
  expect(failed).toBe(results.filter((result) => result !== 0).length);
  return results.map((result) => (result === 0 ? "" : DROP_REASONS[-result].name));
}

export interface Datagram {
  readonly bytes: Buffer;
  readonly from: RemoteInfo;
}

/** An ordinary UDP socket: the kernel takes trains apart for it. */
export class Listener {
  readonly datagrams: Datagram[] = [];
  readonly port: number;

  private constructor(socket: Socket) {
    this.port = socket.address().port;
    socket.on("message", (bytes, from) => this.datagrams.push({ bytes, from }));
    cleanups.push(() => socket.close());
  }

  static async open(address = THERE): Promise<Listener> {
    const socket = createSocket({
      type: address.includes(":") ? "udp6" : "udp4",
      recvBufferSize: BUFFER_BYTES,
    });
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    return new Listener(socket);
  }

  /** What has come when that many have, or the patience is at an end, and then nothing more comes. */
  async all(count: number): Promise<Datagram[]> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (this.datagrams.length < count && performance.now() < untilMs) await pause(1);
    await pause(GRACE_MS);
    return this.datagrams.splice(0);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a receiving end gets: the rows with their bytes. Waits for that many, and a moment for more. */
export function receive(
  { arena, frames, underlay }: End,
  count: number,
): { bytes: Buffer; row: Int32Array }[] {
  const poller = new Poller([underlay.fd]);
  const got: { bytes: Buffer; row: Int32Array }[] = [];
  while (poller.wait(1000 * (got.length < count ? PATIENCE_MS : GRACE_MS)) > 0) {
    const rows = underlay.receive();
    expect(rows).toBeGreaterThanOrEqual(0);
    for (let at = 0; at < rows << FRAME_SHIFT; at += FRAME_WORDS) {
      const row = frames.slice(at, at + FRAME_WORDS);
      const bytes = arena.bytes.subarray(row[FRAME_OFFSET], row[FRAME_OFFSET] + row[FRAME_LENGTH]);
      got.push({ bytes: Buffer.from(bytes), row });
    }
  }
  return got;
}

export async function pair(): Promise<{ sender: End; listener: Listener }> {
  const sender = end(HERE, 0);
  const listener = await Listener.open();
  aim(sender, 0, { port: listener.port });
  return { sender, listener };
}

/** A sender and listeners at its destinations 0, 1, …: none has to hold more than a default socket buffer takes. */
export async function fan(count: number): Promise<{ sender: End; listeners: Listener[] }> {
  const sender = end(HERE, 0);
  const addresses = Array.from({ length: count }, (_, i) => `127.0.0.${12 + i}`);
  const listeners = await Promise.all(addresses.map((address) => Listener.open(address)));
  listeners.forEach(({ port }, i) => {
    aim(sender, i, { address: addresses[i], port });
  });
  return { sender, listeners };
}

export function hex(datagrams: readonly Datagram[]): string[] {
  return datagrams.map(({ bytes }) => bytes.toString("hex"));
}

export function sized(bytes: number, seed = 1): Buffer {
  return frame({ payload: pattern(bytes - 14, seed) });
}
