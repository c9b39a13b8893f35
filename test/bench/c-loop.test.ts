// The C core of the benchmark's peer c-loop does what it is compared with: for random batches, good and malformed, it and
// the forwarder leave the same rows, copies and counters.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCore, type Core, type CoreState, loadCore } from "../../bench/c-loop/core.ts";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  allocateCounters,
  bridgeCounter,
  DROPS,
  HOST_NEWS_DROPS,
  portCounter,
  UNDERLAY_PORT,
} from "../../src/dataplane/counters.ts";
import {
  allocateDestinations,
  DESTINATION_DEVICE,
  DESTINATION_PORT,
  DESTINATION_SHIFT,
} from "../../src/dataplane/destinations.ts";
import type { Device } from "../../src/dataplane/device.ts";
import { Drop } from "../../src/dataplane/drop-reason.ts";
import { allocateDropRecords } from "../../src/dataplane/drop-records.ts";
import { Engine } from "../../src/dataplane/engine.ts";
import { allocateFdb } from "../../src/dataplane/fdb/fdb.ts";
import * as layout from "../../src/dataplane/frames.ts";
import { allocateHostNews } from "../../src/dataplane/host-news.ts";
import { allocateListeners } from "../../src/dataplane/listeners.ts";
import { allocateLoops } from "../../src/dataplane/loops.ts";
import { allocateMeters } from "../../src/dataplane/meters.ts";
import { allocateNeighbours } from "../../src/dataplane/neighbours.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import { allocateVteps } from "../../src/dataplane/vteps.ts";
import { ROOT } from "../repo/sources.ts";

const { COPY_RESULT, COPY_SHIFT, FRAME_REMOTE, FRAME_SHIFT, FRAME_WORDS } = layout;

const BATCHES = 400;
const BATCH_FRAMES = 64;
const FRAME_BYTES_MAX = 160;
const UDP_DEVICE = 3;
const PORTS = [
  { port: 1, destination: 5, vni: 4100, remote: "10.122.0.22" },
  { port: 2, destination: 6, vni: 4101, remote: "10.122.3.152" },
  { port: 3, destination: 9, vni: 4100, remote: "fd00::7" },
];
/** Some come from elsewhere, or with a VNI that their sender does not have. */
const REMOTES = [...PORTS.map(({ remote }) => remote), ...PORTS.map(({ remote }) => remote), "10.9.9.9"];
const VNIS = [4100, 4101, 4100, 4101, 7];

/** That every one of them came up shows that the batches are as random as they should be. */
const REASONS = [
  "vxlan_short",
  "vxlan_flags",
  "vtep_unknown",
  "vni_unknown",
  "datagram_truncated",
  "outer_malformed",
  "source_mac_invalid",
  "inner_malformed",
  "offload_invalid",
  "split_horizon",
  "queue_full",
] as const;

let directory = "";
let core: Core;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "vxswitch-c-loop-"));
  core = loadCore(buildCore(ROOT, directory));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Random numbers below a bound, the same for the same seed. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % bound;
  };
}

/** What a switch needs, once for each of the two. */
function makeTables() {
  const memory = {
    counters: allocateCounters(),
    destinations: allocateDestinations(),
    vteps: allocateVteps(),
    dropRecords: allocateDropRecords(),
    meters: allocateMeters(),
    loops: allocateLoops(),
    neighbours: allocateNeighbours(),
    listeners: allocateListeners(),
    hostNews: allocateHostNews(),
  };
  const destinations = new Int32Array(memory.destinations);
  for (const { port, destination } of PORTS) {
    destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT] = port;
    destinations[(destination << DESTINATION_SHIFT) + DESTINATION_DEVICE] = UDP_DEVICE;
  }
  return { memory, destinations, counters: new Float64Array(memory.counters) };
}

/** Every seventh copy fails, whoever sends it. */
function transmit(copies: Int32Array, count: number): void {
  for (let i = 0; i < count; i++)
    copies[(i << COPY_SHIFT) + COPY_RESULT] = i % 7 === 3 ? -Drop.queue_full : 0;
}

class Reference {
  readonly tables = makeTables();
  readonly engine: Engine<Device, never>;
  copies = new Int32Array(0);

  constructor(arena: Uint8Array, tellsOffloads: boolean) {
    const device: Device = {
      fd: -1,
      encapsulated: true,
      tellsOffloads,
      spins: false,
      receive: () => 0,
      transmit: ({ copies, count }) => {
        transmit(copies, count);
        this.copies = copies.slice(0, count << COPY_SHIFT);
        return 0;
      },
    };
    const host = {
      device: () => device,
      clock: { seconds: 0, nanoseconds: 0 },
      captureSink: () => {
        throw new Error("no captures here");
      },
      sink: () => {
        throw new Error("no mirrors here");
      },
    };
    this.engine = new Engine(
      this.tables.memory,
      {
        bytes: arena,
        view: new DataView(arena.buffer),
        answersAt: 0,
        neighAnswersAt: 0,
        clampedAt: 0,
        formsAt: 0,
        heldAt: 0,
      },
      host,
    );
    this.engine.apply({
      op: "set-bridge",
      memory: allocateFdb(0, 8192),
      options: { ageingSeconds: 0, forwardsBpdu: true, guardsLoops: false, snoopsMulticast: false },
    });
    this.engine.apply({ op: "add-device", device: UDP_DEVICE, make: device, fallback: UDP_DEVICE });
    for (const { port, destination, vni, remote } of PORTS) {
      const ingress = { remote: parseAddress(remote).words, vni };
      this.engine.apply({
        op: "add-port",
        bridge: 0,
        port,
        destination,
        policy: OPEN_POLICY,
        bound: [],
        isQuarantined: false,
        hasManyEnds: false,
        device: UDP_DEVICE,
        ingress,
      });
    }
  }

  forward(frames: Int32Array, count: number, nowSeconds: number): void {
    this.engine.tables.frames.set(frames);
    this.copies = new Int32Array(0);
    this.engine.tick(nowSeconds);
    this.engine.forwarder.forward(UDP_DEVICE, count);
  }
}

class Subject {
  readonly tables = makeTables();
  readonly frames = new Int32Array(BATCH_FRAMES * FRAME_WORDS);
  private readonly list = new Int32Array(BATCH_FRAMES * PORTS.length * layout.COPY_WORDS);
  private readonly state: CoreState;
  private readonly arena: Uint8Array;
  private readonly infer: number;
  copies = new Int32Array(0);

  constructor(arena: Uint8Array, tellsOffloads: boolean) {
    const rows = PORTS.flatMap(({ port, destination, vni, remote }) => [
      ...[UDP_DEVICE, vni, ...parseAddress(remote).words],
      ...[destination, portCounter(port)],
    ]);
    const { destinations, memory } = this.tables;
    const counters = new Uint8Array(memory.counters);
    const [underlay, bridge] = [portCounter(UNDERLAY_PORT), bridgeCounter(0)];
    this.state = core.open(Int32Array.from(rows), destinations, counters, underlay, bridge);
    this.arena = arena;
    this.infer = tellsOffloads ? 0 : 1;
  }

  forward(frames: Int32Array, count: number, nowSeconds: number): void {
    this.frames.set(frames);
    const { list, state } = this;
    const copyCount = core.forward(this.frames, count, this.arena, list, state, nowSeconds, this.infer);
    transmit(list, copyCount);
    this.copies = list.slice(0, copyCount << COPY_SHIFT);
    core.account(this.frames, list, copyCount, state);
  }
}

/** One datagram at `at`: fields that matter are drawn from few values, so that each case comes up often. */
function writeDatagram(arena: Uint8Array, at: number, random: (bound: number) => number): number {
  const view = new DataView(arena.buffer, at, FRAME_BYTES_MAX);
  for (let i = 0; i < FRAME_BYTES_MAX; i++) view.setUint8(i, random(4) === 0 ? random(256) : 0);
  view.setUint8(0, random(20) === 0 ? 0x10 : 0x08);
  view.setUint32(4, (VNIS[random(VNIS.length)] << 8) | random(256));
  const target = random(12) === 0 ? [0xffff, 0xffffffff] : [0x0200, random(40)];
  const source = random(20) === 0 ? [random(2) << 8, random(2)] : [0x0200, random(40)];
  [target, source].forEach(([high, low], index) => {
    view.setUint16(8 + index * 6, high);
    view.setUint32(10 + index * 6, low);
  });
  const tags = [0, 0, 1, 2][random(4)];
  for (let tag = 0; tag < tags; tag++) {
    view.setUint16(20 + tag * 4, tag === 0 ? [0x8100, 0x88a8][random(2)] : 0x8100);
    view.setUint16(22 + tag * 4, random(3) | (random(8) << 13));
  }
  const l3 = 22 + tags * 4;
  const type = random(6);
  view.setUint16(l3 - 2, type < 3 ? 0x0800 : type < 5 ? 0x86dd : 0x0806);
  const bytes = random(10) === 0 ? random(FRAME_BYTES_MAX) : 130;
  if (type < 3) writeIpv4(view, l3, bytes, random);
  else if (type < 5) writeIpv6(view, l3, bytes, random);
  return bytes;
}

function writeIpv4(view: DataView, ip: number, bytes: number, random: (bound: number) => number): void {
  const words = random(15) === 0 ? random(16) : 5;
  view.setUint8(ip, random(20) === 0 ? 0x65 : 0x40 | words);
  view.setUint16(ip + 2, random(8) === 0 ? random(200) : Math.max(0, bytes - ip));
  view.setUint16(ip + 6, random(8) === 0 ? 0x2000 : 0x4000);
  view.setUint8(ip + 9, [6, 17, 1][random(3)]);
  leaveUndone(view, ip + 12, 8, view.getUint8(ip + 9), ip + words * 4, bytes, random);
}

function writeIpv6(view: DataView, ip: number, bytes: number, random: (bound: number) => number): void {
  view.setUint8(ip, random(20) === 0 ? 0x45 : 0x60);
  view.setUint16(ip + 4, random(8) === 0 ? random(200) : Math.max(0, bytes - ip - 40));
  view.setUint8(ip + 6, [6, 17, 58][random(3)]);
  leaveUndone(view, ip + 8, 32, view.getUint8(ip + 6), ip + 40, bytes, random);
}

/** The checksum of every other frame holds the pseudo-header's sum alone. */
function leaveUndone(
  view: DataView,
  addresses: number,
  addressBytes: number,
  protocol: number,
  l4: number,
  bytes: number,
  random: (bound: number) => number,
): void {
  const field = l4 + (protocol === 6 ? 16 : 6);
  if (random(2) === 0 || field + 2 > FRAME_BYTES_MAX || bytes < l4) return;
  let sum = protocol + bytes - l4;
  for (let half = 0; half < addressBytes; half += 2) sum += view.getUint16(addresses + half);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(field, sum);
}

function writeBatch(arena: Uint8Array, frames: Int32Array, random: (bound: number) => number): void {
  frames.fill(0);
  for (let frame = 0; frame < BATCH_FRAMES; frame++) {
    const at = frame << FRAME_SHIFT;
    frames[at + layout.FRAME_OFFSET] = frame * FRAME_BYTES_MAX;
    frames[at + layout.FRAME_LENGTH] = writeDatagram(arena, frame * FRAME_BYTES_MAX, random);
    frames[at + layout.FRAME_FLAGS] = random(15) === 0 ? 1 << random(4) : 0;
    frames[at + layout.FRAME_VTEP] = random(30) === 0 ? UDP_DEVICE + 1 : UDP_DEVICE;
    frames.set(parseAddress(REMOTES[random(REMOTES.length)]).words, at + FRAME_REMOTE);
  }
}

/** The words of the rows of these copies that are read on the way out. */
function sentRows(frames: Int32Array, copies: Int32Array): number[][] {
  const sent = copies.filter((_, word) => word % layout.COPY_WORDS === layout.COPY_FRAME);
  return Array.from(sent, (frame) => {
    const at = frame << FRAME_SHIFT;
    return [...frames.subarray(at, at + FRAME_REMOTE)];
  });
}

/** By index; most of the table is never used. Of hosts, the C core tells nobody. */
function counted(counters: Float64Array): Record<number, number> {
  const result: Record<number, number> = {};
  counters[HOST_NEWS_DROPS] = 0;
  for (let i = 0; i < counters.length; i++) if (counters[i] !== 0) result[i] = counters[i];
  return result;
}

describe("the C core forwards as the forwarder does", () => {
  test.each([
    ["where headers must tell of offloads", false],
    ["where the device tells of offloads", true],
  ])("%s", (_, tellsOffloads) => {
    const arena = new Uint8Array(BATCH_FRAMES * FRAME_BYTES_MAX);
    const frames = new Int32Array(BATCH_FRAMES * FRAME_WORDS);
    const reference = new Reference(arena, tellsOffloads);
    const subject = new Subject(arena, tellsOffloads);
    const random = randomFrom(tellsOffloads ? 1 : 2);
    for (let batch = 0; batch < BATCHES; batch++) {
      writeBatch(arena, frames, random);
      const nowSeconds = 1000 + (batch >> 5);
      reference.forward(frames, BATCH_FRAMES, nowSeconds);
      subject.forward(frames, BATCH_FRAMES, nowSeconds);
      expect(subject.copies, `batch ${batch}`).toEqual(reference.copies);
      const rows = sentRows(subject.frames, subject.copies);
      expect(rows, `batch ${batch}`).toEqual(sentRows(reference.engine.tables.frames, reference.copies));
      expect(counted(subject.tables.counters), `batch ${batch}`).toEqual(counted(reference.tables.counters));
    }
    const { counters } = reference.tables;
    const seen = (reason: keyof typeof Drop) =>
      [UNDERLAY_PORT, ...PORTS.map(({ port }) => port)].some(
        (port) => counters[portCounter(port) + DROPS + Drop[reason]],
      );
    expect(REASONS.filter((reason) => !seen(reason))).toEqual([]);
  });
});
