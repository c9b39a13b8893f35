// The last frames dropped for each reason: which are kept, what of them, and what a flood of them costs.
import { expect, test } from "vitest";
import { formatAddress } from "../../src/dataplane/address.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import {
  type DropRecord,
  RECORD_SNAP_BYTES,
  RECORDS_KEPT,
  readDropRecords,
} from "../../src/dataplane/drop-records.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, frame, numberedMac, pattern, vxlan } from "./packets.ts";

const PORTS = { ports: ["tap0", "client1", "client2"] };

function recorded(lab: Lab): (Omit<DropRecord, "reason"> & { reason: string })[] {
  return readDropRecords([lab.dropRecords]).map((record) => ({
    ...record,
    reason: DROP_REASONS[record.reason].name,
  }));
}

test("a dropped frame is kept with its reason, port, time, length and first bytes", () => {
  const lab = new Lab(PORTS);
  const bytes = frame({ from: BROADCAST, payload: pattern(1000) });
  lab.receive("client1", bytes);
  const [record, ...more] = recorded(lab);
  expect(more).toEqual([]);
  const { seconds, nanoseconds } = lab.clock;
  expect(record).toMatchObject({
    reason: "source_mac_invalid",
    port: 2,
    originalBytes: bytes.length,
    seconds,
    nanoseconds,
  });
  expect(record.bytes.equals(bytes.subarray(0, RECORD_SNAP_BYTES))).toBe(true);
});

test("a datagram of a stranger is kept with the sender's address", () => {
  const lab = new Lab(PORTS);
  const bytes = vxlan(4100, frame());
  lab.receiveDatagram("203.0.113.9", bytes);
  const [record] = recorded(lab);
  expect([record.reason, record.port, formatAddress(record.sender)]).toEqual([
    "vtep_unknown",
    0,
    "203.0.113.9",
  ]);
  expect(record.bytes.equals(bytes)).toBe(true);
});

test("a copy that is dropped on its way out is kept with the port that it was for and the one that it came from", () => {
  const lab = new Lab(PORTS);
  lab.refuse("client2", "too_big");
  lab.receive("tap0", frame({ from: ALICE, to: BROADCAST }));
  expect(recorded(lab).map(({ reason, port, from, source }) => [reason, port, from, source])).toEqual([
    ["too_big", 2, 1, 1],
    ["too_big", 3, 1, 1],
  ]);
});

test("of each reason the last are kept, the oldest first", () => {
  const lab = new Lab(PORTS);
  for (let i = 0; i < RECORDS_KEPT + 3; i++) {
    lab.passUs(20_000);
    lab.clock.nanoseconds = i;
    lab.receive("client1", frame({ from: BROADCAST, to: numberedMac(i) }));
  }
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BOB, to: ALICE }));
  const kept = recorded(lab);
  const times = kept
    .filter(({ reason }) => reason === "source_mac_invalid")
    .map(({ nanoseconds }) => nanoseconds);
  expect(times).toEqual(Array.from({ length: RECORDS_KEPT }, (_, i) => i + 3));
  expect(kept.filter(({ reason }) => reason === "split_horizon")).toHaveLength(1);
});

test("of a flood only the first frames in ten milliseconds are kept, and each is counted", () => {
  const lab = new Lab(PORTS);
  const bad = Array.from({ length: 100 }, (_, i) => frame({ from: BROADCAST, to: numberedMac(i) }));
  lab.clock.nanoseconds = 1;
  lab.receive("client1", ...bad);
  lab.clock.nanoseconds = 2;
  lab.receive("client1", ...bad);
  expect(recorded(lab).map(({ nanoseconds }) => nanoseconds)).toEqual(new Array(RECORDS_KEPT).fill(1));
  lab.passUs(10_000);
  lab.receive("client1", bad[0]);
  expect(recorded(lab).at(-1)?.nanoseconds).toBe(2);
  expect(lab.drops()).toEqual({ client1: { source_mac_invalid: 201 } });
});
