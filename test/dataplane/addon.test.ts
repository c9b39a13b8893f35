// The addon's bounds: a wrong argument is an error with a name, a wrong row a counted drop; nothing is ever read or
// written beyond what was handed over. What might crash is tried in a process of its own.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DESTINATION_WORDS } from "../../src/dataplane/destinations.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import {
  COPY_RESULT,
  COPY_WORDS,
  FLAG_NEEDS_CSUM,
  FRAME_WORDS,
  GSO_TCPV4,
} from "../../src/dataplane/frames.ts";
import { type Native, native } from "../../src/dataplane/io/native.ts";
import { directory, tool } from "./decoder.ts";

const ADDON = fileURLToPath(new URL("../../build/vxswitch.node", import.meta.url));
const ABUSE = fileURLToPath(new URL("./addon-abuse.mjs", import.meta.url));
const NATIVE = fileURLToPath(new URL("../../native", import.meta.url));
const HEADERS = fileURLToPath(new URL("../../node_modules/node-api-headers/include", import.meta.url));
const RANDOM_CALLS = 4000;
const ABUSE_TIMEOUT_MS = 60_000;
/** For a compiler and sanitizers that share the cores with other tests. */
const SANITIZED_TIMEOUT_MS = 120_000;
const NO_FD = 1_000_000;
const STAGING = new Uint8Array(65_000);

test("no argument of any call crashes it, nor do random tables", { timeout: ABUSE_TIMEOUT_MS }, () => {
  abuse(ADDON, {});
});

test("under the sanitizers of addresses and undefined behaviour nothing is found either", {
  timeout: SANITIZED_TIMEOUT_MS,
}, ({ skip }) => {
  const compiler = process.env.CC ?? "cc";
  const library = (name: string): string => tool(compiler, [`-print-file-name=${name}`]).trim();
  const preloaded = ["libasan.so", "libubsan.so"].map(library);
  // A compiler that has none of them answers with the bare name.
  if (!preloaded.every(isAbsolute)) skip(`${compiler} comes without sanitizers`);
  // V8 handles its own faults; what it keeps for ever is no leak of ours.
  const environment = { LD_PRELOAD: preloaded.join(" "), ASAN_OPTIONS: "detect_leaks=0:handle_segv=0" };
  const probe = spawnSync(process.execPath, ["-e", "0"], { env: { ...process.env, ...environment } });
  if (probe.status !== 0) skip("the sanitizers do not run under this kernel");
  const sanitized = join(directory, "sanitized.node");
  const sources = readdirSync(NATIVE).filter((name) => name.endsWith(".c"));
  const flags = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-fPIC",
    "-shared",
    "-DNAPI_VERSION=8",
    "-isystem",
    HEADERS,
  ];
  const checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  tool(compiler, [...flags, ...checks, "-o", sanitized, ...sources.map((name) => join(NATIVE, name))]);
  abuse(sanitized, environment);
});

/** Runs the abuse in a process of its own, which must live to report. */
function abuse(addon: string, environment: Record<string, string>): void {
  const args = [ABUSE, addon, String(Date.now() >>> 0), String(RANDOM_CALLS)];
  const options = {
    encoding: "utf8",
    timeout: ABUSE_TIMEOUT_MS,
    env: { ...process.env, ...environment },
  } as const;
  const { stdout, stderr, signal, status } = spawnSync(process.execPath, args, options);
  expect(stderr, `node ${args.join(" ")} ended by ${signal ?? `status ${status}`}`).toBe("");
  const { calls, returned, threw, badErrors } = JSON.parse(stdout);
  expect(badErrors).toEqual([]);
  expect(returned + threw).toBe(calls);
  expect(threw).toBeGreaterThan(1000);
  expect(returned).toBeGreaterThan(1000);
}

const BYTES = new Uint8Array(256);
const WORDS = new Int32Array(64);
type Call = (addon: Native) => unknown;

test.each<[string, Call, RegExp]>([
  [
    "an argument that is missing",
    (addon) => (addon.copyFrames as () => number)(),
    /argument 0: expected one more/,
  ],
  [
    "bytes in place of words",
    (addon) => addon.pollWait(BYTES as never, WORDS, 1, 0),
    /argument 1: expected an Int32Array/,
  ],
  [
    "words in place of bytes",
    (addon) => addon.copyFrames(WORDS as never, BYTES, WORDS, 1),
    /argument 1: expected a Uint8Array/,
  ],
  [
    "a view of bytes in place of words",
    (addon) => addon.pollWait(addon.view(BYTES) as never, WORDS, 1, 0),
    /argument 1: expected an Int32Array/,
  ],
  ["a view of no array", (addon) => addon.view(new DataView(new ArrayBuffer(4)) as never), /a typed array/],
  ["text in place of a number", (addon) => addon.wakeSignal("1" as never), /argument 1: expected an integer/],
  [
    "a negative count",
    (addon) => addon.copyFrames(BYTES, BYTES, WORDS, -1),
    /argument 4: expected an integer within/,
  ],
  ["more jobs than the table holds", (addon) => addon.copyFrames(BYTES, BYTES, WORDS, 22), /argument 4/],
  ["a port beyond 65535", (addon) => addon.udpOpen(0, WORDS, 65_536, 0, 0, 0, 0), /argument 3/],
  ["an empty name", (addon) => addon.tapOpen(""), /argument 1: expected a name/],
  ["a name too long for a device", (addon) => addon.tapOpen("x".repeat(16)), /argument 1: expected a name/],
  ["more arena than 1 GiB", (addon) => addon.arenaMap((1 << 30) + 1), /argument 1/],
])("%s is a TypeError that says which argument", (_, call, message) => {
  expect(() => call(native())).toThrow(TypeError);
  expect(() => call(native())).toThrow(message);
});

test.each<[string, Call, string | RegExp]>([
  ["an arena of nothing", (addon) => addon.arenaMap(0), "EINVAL"],
  ["an address of three words", (addon) => addon.udpOpen(0, WORDS.subarray(0, 3), 0, 0, 0, 0, 0), "EINVAL"],
  [
    "a path from an address of three words",
    (addon) => addon.udpPathMtu(0, WORDS.subarray(0, 3), WORDS, 1),
    "EINVAL",
  ],
  ["slots beyond the arena", (addon) => addon.udpReceive(NO_FD, BYTES, WORDS, 1, 64, 4, 0), "EINVAL"],
  [
    "slots far beyond it",
    (addon) => addon.udpReceive(NO_FD, BYTES, WORDS, 0x7fffffff, 1 << 20, 128, 0),
    "EINVAL",
  ],
  ["TAP slots beyond the arena", (addon) => addon.tapReceive(NO_FD, BYTES, WORDS, 1, 64, 4), "EINVAL"],
  ["TAP slots that hold no frame", (addon) => addon.tapReceive(NO_FD, BYTES, WORDS, 0, 23, 4), "EINVAL"],
  ["no socket to send by", (addon) => udpTransmit(addon, { sockets: new Int32Array(0) }), "EINVAL"],
  ["a socket without its port", (addon) => udpTransmit(addon, { ports: new Int32Array(0) }), "EINVAL"],
  [
    "a next hop from an address of three words",
    (addon) => addon.nextHop(WORDS.subarray(0, 3), WORDS, WORDS),
    "EINVAL",
  ],
  ["a next hop's row cut short", (addon) => addon.nextHop(WORDS, WORDS, WORDS.subarray(0, 19)), "EINVAL"],
  [
    "a neighbour at an address of three words",
    (addon) => addon.neighbourProbe(1, WORDS.subarray(0, 3)),
    "EINVAL",
  ],
  [
    "a redirect from a device that is not there",
    (addon) => addon.tunnelRedirect("vxswitch-none", 1),
    "ENODEV",
  ],
  ["more copies than the table holds", (addon) => udpTransmit(addon, { count: 17 }), "EINVAL"],
  [
    "a staging area below one datagram",
    (addon) => udpTransmit(addon, { staging: STAGING.subarray(1) }),
    "EINVAL",
  ],
  ["a copy of a frame that is not in the table", (addon) => udpTransmit(addon, { frame: 4 }), "EINVAL"],
  ["a copy of a frame before the table", (addon) => udpTransmit(addon, { frame: -1 }), "EINVAL"],
  ["a copy for a destination that is not there", (addon) => udpTransmit(addon, { destination: 4 }), "EINVAL"],
  ["a frame that ends behind the arena", (addon) => udpTransmit(addon, { row: [200, 57] }), "EINVAL"],
  ["a frame that begins before the arena", (addon) => udpTransmit(addon, { row: [-1, 1] }), "EINVAL"],
  ["a frame of negative length", (addon) => udpTransmit(addon, { row: [0, -1] }), "EINVAL"],
  ["a TAP's copy of a frame that is not there", (addon) => tapTransmit(addon, { frame: 4 }), "EINVAL"],
  ["a TAP's frame behind the arena", (addon) => tapTransmit(addon, { row: [200, 57] }), "EINVAL"],
  ["a ring beyond the arena", (addon) => ringReceive(addon, { base: 69_632 }), "EINVAL"],
  ["a ring far beyond it", (addon) => ringReceive(addon, { base: -4096 }), "EINVAL"],
  ["a ring off its alignment", (addon) => ringReceive(addon, { base: 4, bytes: 4096 }), "EINVAL"],
  ["a ring below one page", (addon) => ringReceive(addon, { bytes: 2048 }), "EINVAL"],
  ["a ring of a size that is no power of two", (addon) => ringReceive(addon, { bytes: 4097 }), "EINVAL"],
  ["a ring of nothing", (addon) => ringReceive(addon, { bytes: 0 }), "EINVAL"],
  ["a ring read beyond what was written", (addon) => ringReceive(addon, { position: 8 }), "EINVAL"],
  ["copies beyond the arena", (addon) => ringReceive(addon, { copiesBase: ROOM_BYTES + 1 }), "EINVAL"],
  [
    "less room for copies than a record takes",
    (addon) => ringReceive(addon, { copiesBytes: COPIES_BYTES - 1 }),
    "EINVAL",
  ],
  ["a VTEP table without a row", (addon) => ringReceive(addon, { vteps: new Int32Array(7) }), "EINVAL"],
  ["words of a ring cut short", (addon) => addon.ringMap(new Int32Array(5), new Uint8Array(8)), "EINVAL"],
  [
    "a ring's room that does not begin with a page",
    (addon) => addon.ringUnmap(ringWords({ base: 8 }), new Uint8Array(ROOM_BYTES + 8)),
    "EINVAL",
  ],
  [
    "a worker that there cannot be",
    (addon) => addon.ringSleep(ringWords({ worker: 8 }), new Uint8Array(ROOM_BYTES)),
    "EINVAL",
  ],
  ["a ring of half a page", (addon) => addon.ringOpen(2048), /EINVAL|EPERM/],
  ["states that are closed", (addon) => addon.ringDrops(NO_FD), /EBADF|EPERM/],
  ["a link that is closed", (addon) => addon.ringDevice(NO_FD), /EBADF|EPERM/],
  ["a ring without a buffer", (addon) => addon.ringLink(NO_FD, NO_FD, new Int32Array(0), 1), "EINVAL"],
  [
    "a ring of more workers than there can be",
    (addon) => addon.ringLink(1, 1, new Int32Array(9), 1),
    "EINVAL",
  ],
  [
    "a ring whose maps are closed",
    (addon) => addon.ringLink(NO_FD, NO_FD, Int32Array.of(NO_FD), 1),
    /EBADF|EPERM/,
  ],
  ["a classifier that is closed", (addon) => addon.classifierSet(NO_FD, WORDS, 1, 1, 1), "EBADF"],
  [
    "a VTEP at an address of three words",
    (addon) => addon.classifierSet(NO_FD, WORDS.subarray(0, 3), 1, 1, 1),
    "EINVAL",
  ],
  ["a packet socket on no device", (addon) => addon.packetOpen(0x7fff_ffff, 0), /ENODEV|EPERM/],
  ["the device of a socket that is closed", (addon) => addon.packetDevice(NO_FD), "EBADF"],
  ["the error of a socket that is closed", (addon) => addon.socketError(NO_FD), "EBADF"],
  [
    "a collector of seven words",
    (addon) =>
      addon.erspanTransmit(NO_FD, WORDS.subarray(0, 7), BYTES, WORDS, WORDS, 1, new Uint8Array(70_000)),
    "EINVAL",
  ],
  [
    "a collector at an address of three words",
    (addon) => addon.erspanOpen(WORDS.subarray(0, 3), 4096),
    "EINVAL",
  ],
  ["a row cut short", (addon) => addon.segmentFrame(BYTES, WORDS.subarray(0, 15), 1, BYTES, WORDS), "EINVAL"],
  ["ready words too few", (addon) => addon.pollWait(WORDS, WORDS.subarray(0, 1), 2, 0), "EINVAL"],
  ["a descriptor that is none", (addon) => addon.closeFd(NO_FD), "EBADF"],
  ["a wake-up that is none", (addon) => addon.wakeSignal(NO_FD), "EBADF"],
  ["a device that is not there", (addon) => addon.linkSet("vxswitch-none", 1500, 1, 0), "ENODEV"],
])("%s is an error with the errno's name", (_, call, code) => {
  const wanted = typeof code === "string" ? code : expect.stringMatching(code);
  expect(() => call(native())).toThrow(expect.objectContaining({ code: wanted }));
});

test("a view stands for its array in both directions", () => {
  const [source, target] = [Uint8Array.of(1, 2, 3, 4), new Uint8Array(4)];
  const jobs = Int32Array.of(1, 0, 3);
  const { view, copyFrames } = native();
  expect(copyFrames(view(source), view(target), view(jobs), 1)).toBe(1);
  expect(Array.from(target)).toEqual([2, 3, 4, 0]);
  source[1] = 9;
  expect(copyFrames(view(source), target, jobs, 1)).toBe(1);
  expect(target[0]).toBe(9);
});

test("jobs are copied up to the first that does not fit, and their number is told", () => {
  const source = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const copied = (...job: number[]): [number, number[]] => {
    const target = new Uint8Array(8);
    const count = native().copyFrames(source, target, Int32Array.of(0, 0, 4, ...job, 0, 0, 8), 3);
    return [count, Array.from(target)];
  };
  const first = [1, 2, 3, 4, 0, 0, 0, 0];
  for (const job of [
    [13, 0, 4],
    [0, 5, 4],
    [17, 0, 0],
    [-1, 0, 1],
    [0, -1, 1],
    [0, 0, -1],
    [0, 9, 0],
  ]) {
    expect(copied(...job)).toEqual([1, first]);
  }
  expect(copied(16, 8, 0)).toEqual([3, [1, 2, 3, 4, 5, 6, 7, 8]]);
  expect(copied(12, 4, 4)).toEqual([3, [1, 2, 3, 4, 5, 6, 7, 8]]);
});

test("what a socket or a TAP refuses is each copy's own result, and the number of them is told", () => {
  const copies = new Int32Array(4 * COPY_WORDS);
  const results = (): string[] =>
    [0, 1, 2, 3].map((i) => DROP_REASONS[-copies[i * COPY_WORDS + COPY_RESULT]].name);
  expect(udpTransmit(native(), { copies, count: 4 })).toBe(4);
  expect(new Set(results())).toEqual(new Set(["transmit_failed"]));
  expect(tapTransmit(native(), { copies, count: 4 })).toBe(4);
  const row = [0, 100, FLAG_NEEDS_CSUM, GSO_TCPV4, 0, 90, 16];
  expect(tapTransmit(native(), { copies, count: 1, row, mtuBytes: 20 })).toBe(1);
  expect(results()[0]).toBe("offload_invalid");
});

interface RingChange {
  readonly base?: number;
  readonly bytes?: number;
  readonly position?: number;
  readonly worker?: number;
  readonly vteps?: Int32Array;
  readonly copiesBase?: number;
  readonly copiesBytes?: number;
}

/** Of two pages of records, behind which its room ends. */
const ROOM_BYTES = 3 * 65_536 + 2 * 8192;
const COPIES_BYTES = 65_600;

function ringWords({ base = 0, bytes = 8192, position = 0, worker = 0 }: RingChange): Int32Array {
  return Int32Array.of(NO_FD, NO_FD, worker, base, bytes, position);
}

/** Receives from an empty ring, but for the change. */
function ringReceive(addon: Native, change: RingChange): number {
  const { vteps = new Int32Array(8) } = change;
  const frames = new Int32Array(128 * FRAME_WORDS);
  const { copiesBase = ROOM_BYTES, copiesBytes = COPIES_BYTES } = change;
  const arena = new Uint8Array(ROOM_BYTES + COPIES_BYTES);
  return addon.ringReceive(ringWords(change), arena, frames, vteps, 64, copiesBase, copiesBytes);
}

interface Transmission {
  readonly sockets?: Int32Array;
  readonly ports?: Int32Array;
  readonly copies?: Int32Array;
  readonly count?: number;
  readonly staging?: Uint8Array;
  /** Of the first copy. */
  readonly frame?: number;
  readonly destination?: number;
  /** Of the first frame: offset, length and what follows. */
  readonly row?: readonly number[];
  readonly mtuBytes?: number;
}

function tables({
  copies = new Int32Array(16 * COPY_WORDS),
  frame = 0,
  destination = 0,
  row = [0, 60],
}: Transmission) {
  const frames = new Int32Array(4 * FRAME_WORDS);
  frames.set(row);
  copies.set([frame, destination]);
  return { frames, copies };
}

function udpTransmit(addon: Native, transmission: Transmission): number {
  const { sockets = Int32Array.of(NO_FD), ports = WORDS, count = 1, staging = STAGING } = transmission;
  const { frames, copies } = tables(transmission);
  const destinations = new Int32Array(4 * DESTINATION_WORDS).fill(1500);
  return addon.udpTransmit(0, sockets, ports, BYTES, frames, copies, count, destinations, staging);
}

function tapTransmit(addon: Native, transmission: Transmission): number {
  const { frames, copies } = tables(transmission);
  return addon.tapTransmit(
    NO_FD,
    BYTES,
    frames,
    copies,
    transmission.count ?? 1,
    transmission.mtuBytes ?? 1450,
  );
}
