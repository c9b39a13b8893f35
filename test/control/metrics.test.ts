// The metrics: names and values against the fake data plane, the whole text against promtool.
import { spawnSync } from "node:child_process";
import { beforeEach, describe, expect, test } from "vitest";
import { Activity } from "../../src/control/activity/activity.ts";
import { parseConfig } from "../../src/control/config/file.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { Events } from "../../src/control/events.ts";
import { createLog } from "../../src/control/log.ts";
import { Metrics } from "../../src/control/metrics.ts";
import { plan } from "../../src/control/plan.ts";
import { RunningSwitch } from "../../src/control/running-switch.ts";
import { createMetricsApp } from "../../src/control/server/metrics-listener.ts";
import { noRefusals } from "../../src/control/web/refusals.ts";
import { DROP_REASON_COUNT } from "../../src/dataplane/drop-reason.ts";
import { FakeDataplane } from "./fake-dataplane.ts";
import { SCENARIO } from "./harness.ts";

let dataplane: FakeDataplane;
const silent = createLog("silent", () => {});
beforeEach(async () => {
  dataplane = new FakeDataplane();
  await dataplane.apply(plan(null, specsOf(parseConfig(SCENARIO, "F"))));
});

const scrape = () => new Metrics(() => dataplane.status()).text();

describe("a scrape", () => {
  test("carries every promised name with its labels and value", async () => {
    const text = await scrape();
    const lines = [
      'vxswitch_port_receive_packets_total{bridge="br0",port="client1"} 10',
      'vxswitch_port_receive_bytes_total{bridge="br0",port="client1"} 1000',
      'vxswitch_port_transmit_packets_total{bridge="br0",port="client1"} 20',
      'vxswitch_port_transmit_bytes_total{bridge="br0",port="client1"} 2000',
      'vxswitch_port_impair_duplicates_total{bridge="br0",port="client1"} 0',
      'vxswitch_port_impair_held{bridge="br0",port="client1"} 0',
      'vxswitch_port_up{bridge="br0",port="client1"} 1',
      'vxswitch_fdb_entries{bridge="br0"} 0',
      'vxswitch_fdb_learned_total{bridge="br0"} 5',
      'vxswitch_fdb_moved_total{bridge="br0"} 4',
      'vxswitch_fdb_expired_total{bridge="br0"} 3',
      'vxswitch_fdb_evicted_total{bridge="br0"} 2',
      'vxswitch_mcast_groups{bridge="br0"} 6',
      'vxswitch_mcast_evicted_total{bridge="br0"} 9',
      'vxswitch_flood_copies_total{bridge="br0"} 7',
      'vxswitch_mirror_packets_total{bridge="br0",mirror="m0"} 6',
      'vxswitch_mirror_bytes_total{bridge="br0",mirror="m0"} 600',
      'vxswitch_mirror_drops_total{bridge="br0",mirror="m0",reason="queue"} 1',
      'vxswitch_mirror_drops_total{bridge="br0",mirror="m0",reason="output"} 2',
      "vxswitch_underlay_receive_packets_total 30",
      "vxswitch_underlay_receive_overruns_total 1",
      'vxswitch_worker_receive_packets_total{worker="0"} 30',
      "vxswitch_learning_drops_total 0",
      "vxswitch_path_changes_total 3",
      "vxswitch_worker_restarts_total 0",
    ];
    expect(text.split("\n")).toEqual(expect.arrayContaining(lines));
    expect(text).toMatch(
      /^vxswitch_build_info\{version="\d[^"]*",io="udp",node="\d[^"]*",kernel="\d[^"]*"\} 1$/m,
    );
  });
  test("explains each metric", async () => {
    const text = await scrape();
    const names = (word: string) =>
      [...text.matchAll(new RegExp(`^# ${word} (\\S+) \\S`, "gm"))].map(([, n]) => n);
    expect(names("HELP")).toEqual(names("TYPE"));
    expect(names("HELP").length).toBeGreaterThan(15);
  });
  test("has every drop reason of every port from the start, and those before a port is known", async () => {
    dataplane.drops.set("br0/client2", { port_down: 3 });
    dataplane.drops.set("underlay", { vni_unknown: 4 });
    const drops = (await scrape()).split("\n").filter((line) => line.startsWith("vxswitch_drops_total"));
    expect(drops).toHaveLength((3 + 1) * DROP_REASON_COUNT);
    expect(drops).toContain('vxswitch_drops_total{bridge="br0",port="client2",reason="port_down"} 3');
    expect(drops).toContain('vxswitch_drops_total{bridge="",port="underlay",reason="vni_unknown"} 4');
    expect(drops).toContain('vxswitch_drops_total{bridge="br0",port="client1",reason="port_down"} 0');
  });
  test("says what the data plane says now: nothing is added up, what is gone is gone", async () => {
    const metrics = new Metrics(() => dataplane.status());
    await metrics.text();
    dataplane.mirrors.clear();
    dataplane.ports.delete("br0/client2");
    dataplane.down.set("br0/client1", "gone");
    const text = await metrics.text();
    expect(text).toContain('vxswitch_port_receive_packets_total{bridge="br0",port="client1"} 10\n');
    expect(text).toContain('vxswitch_port_up{bridge="br0",port="client1"} 0\n');
    expect(text).not.toContain("client2");
    expect(text).not.toContain("m0");
  });
  test("tells which ports are quarantined, and how often each was", async () => {
    dataplane.loops.set("br0/client1", { wallMs: 0, frame: Buffer.alloc(60) });
    const lines = (await scrape()).split("\n");
    expect(lines).toContain('vxswitch_port_quarantined{bridge="br0",port="client1"} 1');
    expect(lines).toContain('vxswitch_port_quarantined{bridge="br0",port="client2"} 0');
    expect(lines).toContain('vxswitch_port_quarantines_total{bridge="br0",port="client1"} 2');
    expect(lines).toContain('vxswitch_port_quarantines_total{bridge="br0",port="client2"} 0');
  });
  test("has no MAC address for a label", async () => {
    dataplane.rows = [
      {
        bridge: "br0",
        vlan: 0,
        mac: "02:00:00:00:00:01",
        port: "p",
        remote: null,
        vni: null,
        ageSeconds: 1,
        static: false,
      },
    ];
    expect(await scrape()).not.toMatch(/02:00/);
  });
  test("is clean in the eyes of promtool check metrics", async (context) => {
    const { error, status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: await scrape(),
      encoding: "utf8",
    });
    if (error !== undefined) {
      console.error("NOT PROVEN: promtool is missing; apt install prometheus");
      context.skip("promtool is missing");
    }
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

describe("the listener", () => {
  let running: RunningSwitch;
  beforeEach(async () => {
    dataplane = new FakeDataplane();
    running = await RunningSwitch.start(dataplane, parseConfig(SCENARIO, "F"));
  });
  const ask = async (path: string, init?: RequestInit) =>
    createMetricsApp(
      {
        running,
        activity: new Activity(dataplane),
        events: new Events(silent),
        log: silent,
        refusals: noRefusals(),
      },
      true,
    ).request(path, init);
  test("serves the Prometheus text format", async () => {
    const response = await ask("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain("vxswitch_build_info");
  });
  test("is healthy while it answers, ready while the data plane forwards on all ports", async () => {
    expect((await ask("/healthz")).status).toBe(200);
    expect((await ask("/readyz")).status).toBe(200);
    dataplane.down.set("br0/client1", "the socket is gone");
    dataplane.alive = false;
    const unready = await ask("/readyz");
    expect(unready.status).toBe(503);
    expect(await unready.text()).toBe(
      "a forwarding thread does not answer\nport br0/client1 is down: the socket is gone\n",
    );
    expect((await ask("/healthz")).status).toBe(200);
  });
  test("only reads, and only what there is", async () => {
    expect((await ask("/metrics", { method: "POST" })).status).toBe(405);
    expect((await ask("/metrics", { method: "DELETE" })).status).toBe(405);
    expect((await ask("/", { method: "POST" })).status).toBe(405);
    expect((await ask("/nothing")).status).toBe(404);
  });
});
