// The forwarding loop with devices of the test's own: which are looked at, and what becomes of one that fails.
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Device } from "../../src/dataplane/device.ts";
import type { Forwarder } from "../../src/dataplane/forwarder.ts";
import { WakeUp } from "../../src/dataplane/io/poller.ts";
import { TurnClock } from "../../src/dataplane/io/turn-clock.ts";
import { Loop, SPIN_ALWAYS_US } from "../../src/dataplane/threads/loop.ts";

const EIO = 5;

let wakeUps: WakeUp[];
let forwarded: string[];
let failed: string[];
let batches: number;
beforeEach(() => {
  wakeUps = [];
  forwarded = [];
  failed = [];
  batches = 0;
});
afterEach(() => {
  for (const wakeUp of wakeUps) wakeUp.close();
});

test("rings are looked at in every turn, others when poll says so", () => {
  run([ring([3, 0, 2]), silent()]);
  expect(forwarded).toEqual(["0: 3", "0: 2"]);
  expect(batches).toBe(2);
});

test("a ring that fails is told once and counts for no frame; the other goes on", () => {
  run([ring([-EIO]), ring([0, 0, 4])]);
  expect(failed).toEqual([`0: ${EIO}`]);
  expect(forwarded).toEqual(["1: 4"]);
  expect(batches).toBe(1);
});

test("a ring that fails beside one with a single frame: that one is a batch all the same", () => {
  run([ring([1]), ring([-EIO])]);
  expect(forwarded).toEqual(["0: 1"]);
  expect(failed).toEqual([`1: ${EIO}`]);
  expect(batches).toBe(1);
});

test("all rings fail", () => {
  run([ring([-EIO]), ring([0, -EIO])]);
  expect(failed).toEqual([`0: ${EIO}`, `1: ${EIO}`]);
  expect(batches).toBe(0);
});

test("a ring is told before the loop blocks, and wakes it", () => {
  const counts = [2, 0, 0, 3];
  const wakeUp = open();
  let told = 0;
  const sleeper = {
    ...device(true, () => counts.shift() ?? 0),
    fd: wakeUp.fd,
    sleep: () => {
      told++;
      wakeUp.signal();
    },
  };
  run([sleeper], 0);
  expect(forwarded).toEqual(["0: 2", "0: 3"]);
  expect(told).toBeGreaterThan(0);
});

test("the loop sleeps until a cable has something to release, and releases it", () => {
  const untilUs = [30_000, 10_000];
  const slept: number[] = [];
  let released = 0;
  run([], 0, {
    release: () => (untilUs.length === 1 && released === 0 ? ++released : 0),
    untilDueUs: (atMostUs) => {
      slept.push(atMostUs);
      return untilUs.shift() ?? 0;
    },
  });
  expect(released).toBe(1);
  expect(batches).toBe(1);
  expect(slept.length).toBeGreaterThan(1);
  // Never beyond the next second, when the host is to be told.
  expect(Math.max(...slept)).toBeLessThanOrEqual(1_000_000);
});

/** What it finds at each look, and then nothing. */
function ring(counts: number[]): Device {
  return device(true, () => counts.shift() ?? 0);
}

/** A device that poll never finds ready. */
function silent(): Device {
  return device(false, () => {
    throw new Error("nothing was ready here");
  });
}

function device(spins: boolean, receive: () => number): Device {
  const { fd } = open();
  return { fd, spins, receive, encapsulated: true, tellsOffloads: true, transmit: () => 0 };
}

function open(): WakeUp {
  const wakeUp = new WakeUp();
  wakeUps.push(wakeUp);
  return wakeUp;
}

/** Runs the loop for some turns more than any device has something in. */
function run(devices: Device[], spinUs = SPIN_ALWAYS_US, holding: Partial<Forwarder> = {}): void {
  const wakeUp = open();
  let turns = 0;
  const forwarder: Forwarder = {
    forward: (index, count) => void forwarded.push(`${index}: ${count}`),
    release: () => 0,
    untilDueUs: (atMostUs) => atMostUs,
    setTime: () => {},
    setMicroseconds: () => {},
    ...holding,
  };
  const loop = new Loop(forwarder, wakeUp, new TurnClock(), spinUs, {
    answer: () => false,
    hear: () => {
      turns++;
      if (turns === 20) wakeUp.signal();
    },
    batchDone: () => void batches++,
    tick: () => {},
    failed: (index, errno) => void failed.push(`${index}: ${errno}`),
  });
  loop.setDevices(devices);
  loop.run();
}
