// What a Prometheus server would find, after traffic of every kind.
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";

const PINGS = 20;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  expect(await lab.client1.ping(OWN_LEG.ipv4, { count: PINGS })).toBe(PINGS);
});
afterAll(() => lab?.end());

test("promtool has nothing to say about the scrape", async () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await lab.running.scrape(),
    encoding: "utf8",
  });
  expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
});

test("a frame is counted where it entered and where it left, with its bytes", async () => {
  const before = await lab.metrics();
  const payload = 1000;
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS, size: payload })).toBe(PINGS);
  const after = await lab.metrics();
  const grown = (metric: string, port: string) =>
    sum(after, metric, { port }) - sum(before, metric, { port });
  // Beside the pings there may be the ARP and IPv6 chatter of the endpoints.
  for (const port of ["client1", "client2"]) {
    for (const way of ["receive", "transmit"]) {
      const bytes = PINGS * (payload + 42);
      expect(grown(`vxswitch_port_${way}_packets_total`, port)).toBeGreaterThanOrEqual(PINGS);
      expect(grown(`vxswitch_port_${way}_bytes_total`, port)).toBeGreaterThanOrEqual(bytes);
      expect(grown(`vxswitch_port_${way}_packets_total`, port)).toBeLessThan(PINGS + 20);
      expect(grown(`vxswitch_port_${way}_bytes_total`, port)).toBeLessThan(bytes + 3000);
    }
  }
});

test("show tells the same as the metrics", async () => {
  const rows = await lab.show<{ port: string; rx_packets: number }>("ports");
  const samples = await lab.metrics();
  for (const { port, rx_packets } of rows) {
    const scraped = sum(samples, "vxswitch_port_receive_packets_total", { port });
    expect(scraped).toBeGreaterThanOrEqual(rx_packets);
    expect(scraped).toBeLessThan(rx_packets + 20);
  }
});
