// The history of rates: what samples of counters become, against counts that a test makes up. Time is a number.
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Activity } from "../../src/control/activity/activity.ts";
import { DROP_TRACKS_MAX, History } from "../../src/control/activity/history.ts";
import { LinkSpeeds } from "../../src/control/activity/link-speed.ts";
import { ratesView } from "../../src/control/activity/views.ts";
import { createClient } from "../../src/control/cli/client.ts";
import { parseConfig } from "../../src/control/config/file.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { plan } from "../../src/control/plan.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import type { PortStatus, SwitchStatus } from "../../src/dataplane/spec.ts";
import { FakeDataplane } from "./fake-dataplane.ts";
import { Harness, SCENARIO } from "./harness.ts";

const PORT = "br0/client1";

let dataplane: FakeDataplane;
let history: History;
beforeEach(async () => {
  dataplane = new FakeDataplane();
  await dataplane.apply(plan(null, specsOf(parseConfig(SCENARIO, "F"))));
  history = new History();
});

function count(counts: Partial<PortStatus>, port = PORT): void {
  dataplane.counts.set(port, { ...dataplane.counts.get(port), ...counts });
}

function sample(nowMs: number): void {
  history.sample(nowMs, dataplane.status());
}

/** Frames received over a span, as the rates and the lengths of their slots have it. */
function framesIn(span: number, key = PORT): number {
  const { values, seconds } = history.columns(key, span)!;
  return values.rx_packets.reduce((sum, rate, i) => sum + (Number.isNaN(rate) ? 0 : rate * seconds[i]), 0);
}

describe("a rate", () => {
  test("is what was counted between two samples, by the second", () => {
    count({ rxPackets: 1000, rxBytes: 64_000, txPackets: 5, txBytes: 10 });
    sample(0);
    count({ rxPackets: 1500, rxBytes: 96_000, txPackets: 6, txBytes: 15 });
    dataplane.drops.set(PORT, { policed: 4, inner_malformed: 3 });
    sample(500);
    expect(Array.from(history.latest("port", PORT)!)).toEqual([1000, 64_000, 2, 10, 6, 14, 0]);
    expect(history.latestDrops(PORT, "policed")).toBe(8);
  });
  test("is not known before there are two samples", () => {
    sample(0);
    expect(history.latest("port", PORT)).toEqual(new Float64Array(7).fill(Number.NaN));
    expect(history.columns(PORT, 60)).toMatchObject({ ageSeconds: [], values: { rx_packets: [] } });
  });
  test("is divided by the time that a late timer really took", () => {
    count({ rxPackets: 0 });
    sample(0);
    count({ rxPackets: 5000 });
    sample(5000);
    expect(history.latest("port", PORT)![0]).toBe(1000);
    expect(history.columns(PORT, 60)).toMatchObject({ seconds: [5], values: { rx_packets: [1000] } });
  });
  test("is never negative: counters that have fallen are those of another port of that name", () => {
    count({ rxPackets: 1000 });
    sample(0);
    sample(1000);
    count({ rxPackets: 30, rxBytes: 0, txPackets: 0, txBytes: 0 });
    sample(2000);
    expect(history.columns(PORT, 60)!.values.rx_packets).toEqual([Number.NaN, 30]);
  });
  test("of a port that is new is that of all it has counted", async () => {
    sample(0);
    sample(1000);
    const spec = { ...dataplane.ports.get(PORT)!, name: "client3", vni: 1 };
    await dataplane.apply([{ op: "add-port", port: spec as never }]);
    count({ rxPackets: 7 }, "br0/client3");
    sample(2000);
    expect(history.columns("br0/client3", 60)!.values.rx_packets).toEqual([Number.NaN, 7]);
  });
  test("goes with its port", async () => {
    sample(0);
    const before = history.sizeBytes;
    await dataplane.apply([{ op: "del-port", bridge: "br0", name: "client1" }]);
    sample(1000);
    expect(history.columns(PORT, 60)).toBeNull();
    expect(history.sizeBytes).toBeLessThan(before);
  });
});

test("what a port in the place of a hub leaves to the hub is no traffic of the hub", () => {
  const port = { ...dataplane.status().ports[0], rxBytes: 0, txPackets: 0, txBytes: 0 };
  const hub: PortStatus = { ...port, name: "hub", rxPackets: 100, drops: { policed: 1 } };
  const child: PortStatus = { ...port, name: "hub-1", hub: "hub", rxPackets: 5000, drops: { policed: 9 } };
  const status = (...ports: PortStatus[]): SwitchStatus => ({ ...dataplane.status(), ports });
  history.sample(0, status(hub, child));
  history.sample(1000, status(hub, child));
  // It has received 20 more since the last sample, and is gone.
  history.sample(2000, status({ ...hub, rxPackets: 5120, drops: { policed: 10 } }));
  expect(history.latest("port", "br0/hub")![0]).toBe(20);
  expect(history.latestDrops("br0/hub", "policed")).toBe(0);
});

describe("a history", () => {
  test("has five minutes by the second and an hour in averages of ten", () => {
    for (let second = 0; second <= 4000; second++) {
      count({ rxPackets: 10 * second });
      sample(second * 1000);
    }
    expect(history.columns(PORT, 60)!.seconds).toHaveLength(60);
    const fine = history.columns(PORT, 300)!;
    expect([fine.seconds.length, fine.ageSeconds[0], fine.ageSeconds.at(-1)]).toEqual([300, 299, 0]);
    const hour = history.columns(PORT, 3600)!;
    expect(new Set(hour.seconds)).toEqual(new Set([10]));
    expect(hour.seconds).toHaveLength(360);
    expect(new Set(hour.values.rx_packets)).toEqual(new Set([10]));
    expect(framesIn(3600)).toBe(36_000);
  });
  test("sums up to what was counted, however irregular the samples are", () => {
    const step = fc.record({ ms: fc.integer({ min: 1, max: 30_000 }), frames: fc.nat(1e6) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 100 }), (steps) => {
        history = new History();
        const status = dataplane.status();
        let nowMs = 1e6;
        let rxPackets = 0;
        const take = () => history.sample(nowMs, { ...status, ports: [{ ...status.ports[0], rxPackets }] });
        take();
        for (const { ms, frames } of steps) {
          nowMs += ms;
          rxPackets += frames;
          take();
        }
        const inFine = steps.reduceRight(
          ({ ms, frames }, step) =>
            ms < 300_000 ? { ms: ms + step.ms, frames: frames + step.frames } : { ms, frames },
          { ms: 0, frames: 0 },
        ).frames;
        expect(Math.abs(framesIn(300) - inFine)).toBeLessThanOrEqual(1e-6 * inFine + 1e-6);
      }),
      { numRuns: 100 },
    );
  });
  test("shows in a sparkline the last minute", () => {
    for (let second = 0; second <= 90; second++) {
      count({ rxPackets: second * second });
      sample(second * 1000);
    }
    const values = history.recent(PORT, "rx_packets", 60);
    expect(values).toHaveLength(60);
    expect([values[0], values.at(-1)]).toEqual([2 * 31 - 1, 2 * 90 - 1]);
  });
  test("of every port that there can be takes 22 MB, drops by reason included, and no more", () => {
    const { ports, ...rest } = dataplane.status();
    const drops = Object.fromEntries(DROP_REASONS.map(({ name }) => [name, 1]));
    const all = Array.from({ length: 1100 }, (_, i) => ({ ...ports[0], name: `p${i}`, drops }));
    history.sample(0, { ...rest, ports: all });
    history.sample(1000, { ...rest, ports: all });
    expect(history.sizeBytes).toBeLessThan(22e6);
    expect(history.sizeBytes).toBeGreaterThan((1024 * 7 + DROP_TRACKS_MAX) * 660 * 4);
    expect(history.latestDrops("br0/p1000", "loop")).toBeNaN();
    expect(history.latest("port", "br0/p1000")![5]).toBe(0);
  });
});

test("who asks again and again for what came after his last sample gets every second once", async () => {
  const activity = new Activity(dataplane);
  const { history } = activity;
  const now = performance.now() + 1e12;
  let frames = 10;
  const second = (n: number) => {
    frames += n;
    count({ rxPackets: frames });
    activity.sample(now + history.samples * 1000);
  };
  second(0);
  second(100);
  const waits = activity.ratesAfter(1, 3);
  second(200);
  second(600);
  const answer = await waits;
  expect(answer).toMatchObject({ sample: 4, interval_seconds: 3 });
  expect(answer.ports[0].rates.rx_packets! * 3).toBe(900);
  const next = activity.ratesAfter(4, 1);
  second(7);
  expect(await next).toMatchObject({
    sample: 5,
    interval_seconds: 1,
    ports: [{ rates: { rx_packets: 7 } }, {}, {}],
  });
  // As after a restart of the daemon.
  const restarted = activity.ratesAfter(1000, 60);
  second(8);
  expect(await restarted).toMatchObject({ sample: 6, ports: [{ rates: { rx_packets: 8 } }, {}, {}] });
});

test("the share of the speed is that of the busier direction, where there is a speed", () => {
  const speeds = new LinkSpeeds(
    (device) => ({ eth0: 1000, tap0: 10, tap1: 100, down: -1 })[device] ?? Number.NaN,
  );
  const of = (device: string | null, isTap: boolean) => speeds.bitsPerSecond(device, isTap, 0);
  expect([of("eth0", false), of("tap0", true), of("tap1", true)]).toEqual([1e9, null, 1e8]);
  expect([of("down", false), of("none", false), of(null, false)]).toEqual([null, null, null]);
  sample(0);
  count({ rxBytes: 1000 + 125_000, txBytes: 2000 + 1_250_000 });
  sample(1000);
  const { ports } = ratesView(dataplane.status(), history, {
    alive: true,
    uptimeSeconds: 1,
    samples: 1,
    speedOf: ({ device, type }) => of(device, type === "tap"),
  });
  expect(ports.map((port) => port.ifutil_percent)).toEqual([1, 0, null]);
});

test("who listens gets the rates of each sample, until he stops", () => {
  const activity = new Activity(dataplane);
  const heard: (number | null)[] = [];
  const stop = activity.onSample(({ ports }) => void heard.push(ports[0].rates.tx_packets));
  const now = performance.now() + 1e12;
  activity.sample(now);
  stop();
  activity.sample(now + 1000);
  expect(heard).toEqual([0]);
});

describe("the API", () => {
  let harness: Harness;
  const ask = (path: string) => createClient(harness.socket).ask<Record<string, unknown>>("GET", path);
  beforeEach(async () => {
    harness = new Harness();
    await harness.start();
    return () => harness[Symbol.asyncDispose]();
  });

  test("has the rates of everything, with a minute of each port", async () => {
    const rates = await ask("/v1/rates");
    expect(rates).toMatchObject({
      alive: true,
      workers: [{ alive: true }],
      total: { rx_packets: 0, drops: 0 },
      underlay: { io: "udp" },
      bridges: [{ bridge: "br0" }],
      mirrors: [{ bridge: "br0", mirror: "m0" }],
      sparklines: [{ port: "client1" }, { port: "client2" }, { port: "br0" }],
    });
    expect((rates.ports as object[])[0]).toMatchObject({ bridge: "br0", port: "client1", state: "up" });
  });
  test("has the history of a port and of the underlay, and says what it expects", async () => {
    expect(await ask("/v1/history?port=br0/client1&span=3600")).toMatchObject({
      port: "br0/client1",
      span_seconds: 3600,
      rates: { rx_packets: [] },
    });
    expect(await ask("/v1/history?port=underlay")).toMatchObject({ rates: { rx_overruns: [] } });
    await expect(ask("/v1/history?port=br0/nobody")).rejects.toThrow("expected BRIDGE/NAME");
    await expect(ask("/v1/rates?samples=x")).rejects.toThrow(
      "samples: expected a whole number from 0 to 300, got x",
    );
    await expect(ask("/v1/history?port=br0/client1&span=7")).rejects.toThrow("one of 60, 300, 3600");
  });
});
