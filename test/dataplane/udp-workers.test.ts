// Receivers of several workers on one address and port, over loopback: who may join them, and who gets what.
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  closeUdpSockets,
  openUdpSockets,
  openWorkersUdpSockets,
  type UdpSockets,
  UdpUnderlay,
} from "../../src/dataplane/io/udp-underlay.ts";
import { vxlan } from "./packets.ts";
import { BUFFER_BYTES, cleanups, type End, end, HERE, receive, sized, THERE, VNI } from "./udp-loopback.ts";

const WORKERS = 3;
const FLOWS = 60;
const DATAGRAMS_A_FLOW = 4;
/** Where a datagram bears its flow's number: in the payload, behind VXLAN and Ethernet headers. */
const NUMBER_AT = 8 + 14;
const ANY = "0.0.0.0";
let lastPort = 30_000 + Math.floor(Math.random() * 1000);

function openForWorkers(address: string, port: number, sharing: readonly number[] = []): UdpSockets[] {
  const { words } = parseAddress(address);
  const sets = openWorkersUdpSockets(false, words, port, BUFFER_BYTES, sharing, WORKERS);
  cleanups.push(() => sets.forEach(closeUdpSockets));
  return sets;
}

/** Which flows each of these sockets receives from, when each of many sends a few datagrams that bear its number. */
async function flowsOf(address: string, port: number, sets: readonly UdpSockets[]): Promise<number[][]> {
  for (let flow = 0; flow < FLOWS; flow++) await sendFlow(flow, address, port);
  const here = end(HERE, 0);
  return sets.map((sockets) => {
    const got = receive(over(here, sockets), 0);
    return got.map(({ bytes }) => bytes.readUInt32BE(NUMBER_AT));
  });
}

async function sendFlow(flow: number, address: string, port: number): Promise<void> {
  const socket = createSocket("udp4");
  for (let i = 0; i < DATAGRAMS_A_FLOW; i++) {
    const datagram = vxlan(VNI, sized(60));
    datagram.writeUInt32BE(flow, NUMBER_AT);
    await new Promise((sent) => socket.send(datagram, port, address, sent));
  }
  socket.close();
}

test("source ports come from the range that is given, up to the last one of it", () => {
  const { words } = parseAddress("127.0.0.77");
  const sourcePorts = { min: 41_000, max: 41_000 + 8 * WORKERS - 1 };
  const port = lastPort++;
  const open = (to: number) =>
    openWorkersUdpSockets(false, words, to, BUFFER_BYTES, [], WORKERS, sourcePorts);
  const sets = open(port);
  cleanups.push(() => sets.forEach(closeUdpSockets));
  const lent = sets.flatMap(({ ports }) => Array.from(ports)).sort();
  expect(lent).toEqual(Array.from({ length: 8 * WORKERS }, (_, i) => sourcePorts.min + i));
  expect(() => open(lastPort++)).toThrow(/^no free UDP source port in 41000-41023 after 24 attempts$/);
});

function over({ arena, frames, destinations }: End, sockets: UdpSockets): End {
  return {
    arena,
    frames,
    destinations,
    sockets,
    underlay: new UdpUnderlay(0, sockets, arena, frames, destinations),
  };
}

function expectSpread(received: readonly (readonly number[])[]): void {
  expect(received.flat()).toHaveLength(FLOWS * DATAGRAMS_A_FLOW);
  const flows = received.map((numbers) => new Set(numbers));
  // No flow is at two workers, no worker without flows.
  expect(flows.reduce((sum, { size }) => sum + size, 0)).toBe(FLOWS);
  for (const { size } of flows) expect(size).toBeGreaterThan(0);
}

test("the flows are spread over the workers, each of them whole", async () => {
  const port = lastPort++;
  const sets = openForWorkers(HERE, port);
  expect(sets).toHaveLength(WORKERS);
  expectSpread(await flowsOf(HERE, port, sets));
});

test("each worker has source ports of its own", () => {
  const sets = openForWorkers(HERE, lastPort++);
  const descriptors = sets.flatMap(({ receiver, senders }) => [receiver, ...senders]);
  expect(new Set(descriptors).size).toBe(descriptors.length);
});

test("a wildcard beside a specific address: each address's datagrams go to its own receivers", async () => {
  const port = lastPort++;
  const specific = openForWorkers(HERE, port);
  const any = openForWorkers(
    ANY,
    port,
    specific.map(({ receiver }) => receiver),
  );
  expectSpread(await flowsOf(HERE, port, specific));
  expect((await flowsOf(HERE, port, any)).flat()).toEqual([]);
  expectSpread(await flowsOf(THERE, port, any));
});

test("another switch finds the port taken, with one worker or several, and so does a plain socket", async () => {
  const port = lastPort++;
  openForWorkers(HERE, port);
  const taken = expect.objectContaining({ code: "EADDRINUSE" });
  const { words } = parseAddress(HERE);
  expect(() => openForWorkers(HERE, port)).toThrow(taken);
  expect(() => openForWorkers(ANY, port)).toThrow(taken);
  expect(() => openUdpSockets(false, words, port, BUFFER_BYTES, [])).toThrow(taken);
  const plain = createSocket({ type: "udp4", reuseAddr: true });
  cleanups.push(() => plain.close());
  const error = await new Promise((resolve) => plain.once("error", resolve).bind(port, HERE));
  expect(error).toEqual(taken);
});

test("where one worker's sockets cannot be opened, none stay", () => {
  const port = lastPort++;
  const before = openDescriptors();
  expect(() => openForWorkers("203.0.113.7", port)).toThrow(
    expect.objectContaining({ code: "EADDRNOTAVAIL" }),
  );
  expect(openDescriptors()).toBe(before);
  openForWorkers(HERE, port);
});

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
