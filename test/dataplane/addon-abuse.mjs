// Abuses the addon in a process of its own (addon.test.ts starts it): wrong types, arrays too short, numbers out of
// bounds, and random ones. Prints one JSON object of counts; if the addon reads or writes where it must not, this
// process does not live to print it. Arguments: path of the addon, seed, random calls.
import { createRequire } from "node:module";

const [addonPath, seedText, callsText] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);

/** Not a number that could be a descriptor of ours: 0-2 print the result. */
const NO_FD = 1_000_000;
const WRONG = [
  undefined,
  null,
  true,
  "text",
  {},
  [],
  new Float64Array(64),
  new DataView(new ArrayBuffer(64)),
  1n,
  Symbol("x"),
  () => 0,
];
const NUMBERS = [
  -1,
  -(2 ** 31),
  2 ** 31,
  2 ** 32,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  0.5,
  65_536,
  2 ** 31 - 1,
];

/** A call that works, or fails as the system would: the base of every alteration. */
const VALID = {
  view: () => [new Int32Array(4)],
  copyFrames: () => [new Uint8Array(64), new Uint8Array(64), Int32Array.of(0, 0, 64), 1],
  pollWait: () => [Int32Array.of(-1), new Int32Array(1), 1, 0],
  wakeSignal: () => [NO_FD],
  wakeClear: () => [NO_FD],
  closeFd: () => [NO_FD],
  udpOpen: () => [0, Int32Array.of(0, 0, -65536, 0x01010101), 1, 0, 4096, 0],
  udpShareAddress: () => [NO_FD, 1],
  udpSharePort: () => [NO_FD],
  udpTakeZeroChecksums: () => [NO_FD, 1],
  udpDrops: () => [NO_FD],
  udpQueued: () => [NO_FD],
  udpPathMtu: () => [0, new Int32Array(4), Int32Array.of(0, 0, 0, 0x0100007f), 4789],
  udpReceive: () => [NO_FD, new Uint8Array(4096), new Int32Array(64), 0, 1024, 4],
  udpTransmit: () => [
    0,
    Int32Array.of(NO_FD),
    Int32Array.of(50_000),
    new Uint8Array(4096),
    frames(),
    new Int32Array(16),
    4,
    new Int32Array(64),
    new Uint8Array(65_000),
  ],
  erspanOpen: () => [Int32Array.of(0, 0, -65536, 0x01010101), 4096],
  erspanTransmit: () => [
    NO_FD,
    new Int32Array(8).fill(1500),
    new Uint8Array(4096),
    frames(),
    new Int32Array(16),
    4,
    new Uint8Array(70_000),
  ],
  nextHop: () => [new Int32Array(4), Int32Array.of(0, 0, -65536, 0x0100007f), new Int32Array(20)],
  neighbourProbe: () => [2 ** 30, Int32Array.of(0, 0, -65536, 0x0100007f)],
  routeEventsRead: () => [NO_FD],
  socketProbe: () => [0],
  socketBufferBytes: () => [NO_FD],
  classifierSet: () => [NO_FD, Int32Array.of(0, 0, -65536, 0x0100007f), 1, 4789, 1],
  ringOpen: () => [4095],
  ringLink: () => [NO_FD, NO_FD, Int32Array.of(NO_FD), 2 ** 30],
  ringDrops: () => [NO_FD],
  ringDevice: () => [NO_FD],
  packetOpen: () => [2 ** 30, 4096],
  packetDevice: () => [NO_FD],
  socketError: () => [NO_FD],
  ringMap: () => [ring(), new Uint8Array(ROOM_BYTES)],
  ringUnmap: () => [ring(), new Uint8Array(ROOM_BYTES)],
  ringSleep: () => [ring(), new Uint8Array(ROOM_BYTES)],
  ringReceive: () => [ring(), records(), new Int32Array(128 * 16), vteps(), 64, ROOM_BYTES, COPIES_BYTES],
  tapReceive: () => [NO_FD, new Uint8Array(4096), new Int32Array(64), 0, 1024, 4],
  tapTransmit: () => [NO_FD, new Uint8Array(4096), frames(), new Int32Array(16), 4, 1450],
  segmentFrame: () => [new Uint8Array(3000), frames(), 1464, new Uint8Array(4096), new Int32Array(8)],
};
/** Only with names that no device has. */
const NAMED = {
  tapOpen: () => ["a name far too long for a device"],
  tunnelRedirect: () => ["vxswitch-none", 1],
  linkIndex: () => ["vxswitch-none"],
  linkSet: () => ["vxswitch-none", 1500, 1, 0],
  linkAddress: () => ["vxswitch-none", 0, new Int32Array(4), 24, 1],
};

/** Ethernet, IPv4 with a right checksum, UDP to port 4789 of 127.0.0.1, 72 bytes. */
const DATAGRAM = Buffer.concat([
  Buffer.from("0200000000010200000000020800", "hex"),
  Buffer.from("450000640000400040113c877f0000017f000001", "hex"),
  Buffer.from("c35012b500500000", "hex"),
  Buffer.alloc(72),
]);

/** A ring's room (native/ring.c). */
const [READER_AT, WRITER_AT] = [65_536, 131_072];
const RECORDS_AT = WRITER_AT + 4096;
const RING_BYTES = 4096;
const RECORD_BYTES = 1024;
const ROOM_BYTES = 3 * 65_536 + 2 * RING_BYTES;
const COPIES_BYTES = 65_600;
const OPENERS = ["udpOpen", "ringOpen", "erspanOpen"];

const counts = { calls: 0, returned: 0, threw: 0, badErrors: [] };

function frames() {
  const rows = new Int32Array(64);
  for (let row = 0; row < 4; row++) rows.set([row * 600, 600, 1, row % 2, 0, 34, 16, row], row * 16);
  return rows;
}

/** At the beginning of the arena. */
function ring() {
  return Int32Array.of(NO_FD, NO_FD, 0, 0, RING_BYTES, 0);
}

/** Memory as the kernel would leave it: full of records, each of which holds a datagram for the VTEP. */
function records() {
  const arena = new Uint8Array(ROOM_BYTES + COPIES_BYTES);
  const words = new DataView(arena.buffer);
  words.setUint32(WRITER_AT, RING_BYTES, true);
  for (let at = RECORDS_AT; at < ROOM_BYTES; at += RECORD_BYTES) {
    words.setUint32(at, RECORD_BYTES - 8, true);
    words.setUint32(at + 8, DATAGRAM.length, true);
    arena.set(DATAGRAM, at + 14);
  }
  return arena;
}

function vteps() {
  return Int32Array.of(0, 0, -65536, 0x0100007f, 4789, 7, 0, 0);
}

function attempt(name, values) {
  counts.calls++;
  try {
    const value = addon[name](...(below(2) ? values : values.map(viewOf)));
    // What was opened by chance is closed again.
    if (OPENERS.includes(name)) addon.closeFd(value);
    counts.returned++;
  } catch (error) {
    counts.threw++;
    if (!(error instanceof Error)) counts.badErrors.push(`${name}: ${String(error)}`);
  }
}

/** What stands for an array, which nobody else may hold. */
function viewOf(value) {
  return value instanceof Int32Array || value instanceof Uint8Array ? addon.view(value) : value;
}

/** Every argument in turn: left out, of a wrong type, a wrong number, an array too short or misplaced. */
function alterOneByOne(name, valid) {
  const arity = valid().length;
  for (let count = 0; count < arity; count++) attempt(name, valid().slice(0, count));
  attempt(name, [...valid(), ...new Array(20).fill(0)]);
  for (let i = 0; i < arity; i++) {
    for (const value of [...WRONG, ...NUMBERS, ...arrays()]) {
      const values = valid();
      // A frame count or a timeout for ever is no abuse but a wish.
      if (name === "pollWait" && i === 3) continue;
      // What becomes the descriptor 0 is a descriptor of ours.
      if (values[i] === NO_FD && typeof value === "number" && (value | 0) === 0) continue;
      values[i] = value;
      attempt(name, values);
    }
  }
}

function arrays() {
  const detached = new Int32Array(16);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const hostile = [0x7fffffff, -1, -(2 ** 31), 1];
  return [
    detached,
    new Int32Array(0),
    new Uint8Array(0),
    new Int32Array(1),
    new Int32Array(3),
    new Uint8Array(1),
    new Uint8Array(new SharedArrayBuffer(64)),
    new Int32Array(new ArrayBuffer(64), 60),
    ...hostile.map((value) => new Int32Array(64).fill(value)),
  ];
}

/** Rows and copies that are right, nearly right, or random. */
function randomCalls(calls) {
  for (let i = 0; i < calls; i++) {
    const [source, target] = [bytes(100 + below(400)), new Uint8Array(100 + below(400))];
    attempt("copyFrames", [source, target, jobs(source.length, target.length), below(9)]);
    const frame = bytes(30 + below(3000));
    const out = new Uint8Array(below(2) ? frame.length : below(frame.length * 3));
    attempt("segmentFrame", [
      frame,
      Int32Array.from(row(0, frame.length)),
      below(3000),
      out,
      new Int32Array(below(40)),
    ]);
    const arena = bytes(1000 + below(3000));
    const frames = new Int32Array(64);
    for (let at = 0; at < 64; at += 16) frames.set(row(below(arena.length), arena.length), at);
    const copies = Int32Array.from({ length: 4 * 8 }, () => (below(40) ? below(4) : random() | 0));
    const destinations = Int32Array.from({ length: 4 * 64 }, () => (below(3) ? 1500 : random() | 0));
    for (let at = 0; at < destinations.length; at += 64) addPath(destinations, at);
    const sockets = new Int32Array(1 + below(3)).fill(NO_FD);
    const ports = new Int32Array(4).fill(50_000);
    attempt("udpTransmit", [
      below(2),
      sockets,
      ports,
      arena,
      frames,
      copies,
      below(9),
      destinations,
      staging,
    ]);
    const tunnel = Int32Array.from({ length: 8 }, () => (below(3) ? 1500 : random() | 0));
    attempt("erspanTransmit", [NO_FD, tunnel, arena, frames, copies, below(9), large]);
    attempt("tapTransmit", [NO_FD, arena, frames, copies, below(9), below(3000)]);
    attempt("udpReceive", [NO_FD, arena, frames, below(4000), below(4000), below(130)]);
    attempt("tapReceive", [NO_FD, arena, frames, below(4000), below(4000), below(6)]);
    receiveFromRing();
  }
}

/** A ring of which a little is not as the kernel would have left it, be it records, datagrams or the ring's own words. */
function receiveFromRing() {
  const [arena, words] = [records(), ring()];
  const view = new DataView(arena.buffer);
  const lengths = [0, 41, 42, RECORD_BYTES - 14, RECORD_BYTES - 13, 0x8000_0000, 0xffff_ffff, random()];
  for (let at = RECORDS_AT; at < ROOM_BYTES; at += RECORD_BYTES) {
    if (below(6) === 0)
      view.setUint32(at, [0, 5, 2 ** 31, 2 ** 30 + 1016, RING_BYTES, random()][below(6)], true);
    if (below(3) === 0) view.setUint32(at + 8, lengths[below(8)], true);
    if (below(4) === 0) view.setUint16(at + 12, [1, 8, 30, below(65_536)][below(4)], true);
    // Up to the VXLAN header and a little beyond.
    for (let count = below(4); count > 0; count--) arena[at + 14 + below(90)] = below(256);
  }
  const positions = [0, 8, 4, RING_BYTES - 8, RING_BYTES, RING_BYTES + 8, 2 ** 30, random()];
  if (below(4) === 0) view.setUint32(READER_AT + 4 * below(2), positions[below(8)], true);
  if (below(4) === 0) view.setUint32(WRITER_AT + 4 * below(2), positions[below(8)], true);
  const numbers = [0, 1, 7, 8, 16, 4096, 8192, 65_536, random() | 0];
  if (below(4) === 0) words[2 + below(4)] = numbers[below(9)];
  const frames = new Int32Array((64 + below(200)) * 16);
  const known = below(8) ? vteps() : new Int32Array(below(20));
  const copies = [ROOM_BYTES - below(2), below(9) ? COPIES_BYTES : random()];
  const values = [
    words,
    below(20) ? arena : arena.subarray(below(64)),
    frames,
    known,
    below(1025),
    ...copies,
  ];
  // Twice: the second call gives back what the first took.
  attempt("ringReceive", values);
  attempt("ringReceive", values);
  attempt("ringSleep", values.slice(0, 2));
}

/** A path, right or nearly so, to descriptors that are none. */
function addPath(destinations, at) {
  const path = [16, 40, 0, below(70)][below(4)];
  destinations[at + 11] = path;
  const words = [NO_FD + 1, below(2) * (NO_FD + 1), [50, 70, random() | 0][below(3)]];
  if (path <= 40) destinations.set(words, at + path);
}

/** Jobs of which each ends about where one of its two buffers ends. */
function jobs(sourceBytes, targetBytes) {
  const words = [];
  for (let i = 0; i < 8; i++) {
    const [from, to] = [below(sourceBytes + 3), below(targetBytes + 3)];
    const room = Math.min(sourceBytes - from, targetBytes - to);
    words.push(from, to, below(20) ? room - 2 + below(4) : random() | 0);
  }
  return Int32Array.from(words);
}

/** A row of a frame that begins at `offset` and ends about where the arena ends, or before. */
function row(offset, arenaBytes) {
  const length = below(2) ? arenaBytes - offset - 1 + below(3) : below(arenaBytes - offset + 1);
  const start = below(2) ? 14 + 20 * (1 + below(2)) + 4 * below(3) : length - 20 + below(24);
  const gso = [0, 1, 4, 5][below(4)];
  const words = [
    offset,
    length,
    below(8),
    gso,
    below(1500),
    start,
    below(2) ? 16 : below(30),
    random() >>> 1,
  ];
  // Now and then one word that is nonsense.
  if (below(10) === 0) words[below(8)] = random() | 0;
  return [...words, 0, 0, 0, 0, 0, 0, 0, 0];
}

const staging = new Uint8Array(65_000);
const large = new Uint8Array(65_100);
let state = Number(seedText) >>> 0;

/** mulberry32: 32 bits of which each is as good as the others. */
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let word = Math.imul(state ^ (state >>> 15), state | 1);
  word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
  return (word ^ (word >>> 14)) >>> 0;
}

function below(end) {
  return random() % end;
}

function bytes(count) {
  const out = Uint8Array.from({ length: count }, () => below(256));
  // An IPv4 or IPv6 header now and then, tagged or not, so that parsing goes on.
  const l3 = 14 + 4 * below(3);
  if (l3 + 40 < count && below(4) > 0) {
    for (let at = 12; at < l3 - 2; at += 4) out.set([0x81, 0], at);
    const [type, first] = below(2) ? [[0x08, 0x00], 0x45] : [[0x86, 0xdd], 0x60];
    out.set(type, l3 - 2);
    out[l3] = below(4) > 0 ? first : below(256);
    out[l3 + 9] = below(2) ? 6 : 17;
  }
  return out;
}

for (const [name, valid] of Object.entries({ ...VALID, ...NAMED })) alterOneByOne(name, valid);
for (const bad of [...WRONG, ...NUMBERS]) attempt("arenaMap", [bad]);
randomCalls(Number(callsText));
console.log(JSON.stringify(counts));
