// Cables that are slow and lossy, set and taken away while the switch runs, as real endpoints feel them. Times are asserted
// from below alone: a loaded machine is late, never early.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT1, CLIENT2, KernelLab } from "./harness/kernel-lab.ts";
import { expectTcp } from "./harness/transfer.ts";

const PINGS = 60;
const TCP_BYTES = 1024 * 1024;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  // So that clients send nothing but what they are asked to: no ARP, no IPv6.
  const [one, other] = [lab.client1, lab.client2];
  for (const [peer, address, mac] of [
    [one, CLIENT2.ipv4, await other.mac("vxlan0")],
    [other, CLIENT1.ipv4, await one.mac("vxlan0")],
  ] as const) {
    await peer.run("ip", "neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev", "vxlan0");
    await peer.run("ip", "-6", "address", "flush", "dev", "vxlan0");
  }
});
afterAll(() => lab?.end());

const impair = (port: string, ...words: string[]) => lab.vxswitch("port", "set", "br0", port, ...words);

async function counted(name: string, port: string): Promise<number> {
  return sum(await lab.metrics(), `vxswitch_port_${name}`, { port });
}

test("what is delayed in both directions takes both delays, and none once it is set back", async () => {
  await impair("client1", "impair_in.delay=60ms", "impair_out.delay=90ms");
  const slow = await roundTrips();
  expect(slow).toHaveLength(3);
  expect(Math.min(...slow)).toBeGreaterThanOrEqual(150);
  expect(await lab.vxswitch("show", "ports")).toContain("br0/client1 is impaired: impair_in delay 60ms");
  await impair("client1", "impair_in=", "impair_out=");
  // Were a delay still there, the fastest would show it as well.
  expect(Math.min(...(await roundTrips()))).toBeLessThan(150);
  expect(await counted("impair_held", "client1")).toBe(0);
});

test("of what is sent, all that does not arrive was lost on purpose, and duplicates arrive as such", async () => {
  await impair("client2", "impair_in.loss=30%", "impair_in.duplicate=30%");
  const args = ["-n", "-q", "-c", String(PINGS), "-i", "0.01", "-W", "2", CLIENT2.ipv4];
  const { stdout } = await lab.client1.host.outcome("ping", args, { timeoutMs: 20_000 });
  await impair("client2", "impair_in=");
  const [, sent, answered, duplicates = 0] =
    /(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?/.exec(stdout) ?? [];
  expect(Number(sent)).toBe(PINGS);
  expect(PINGS - Number(answered)).toBe(await lab.drops("impair_loss"));
  expect(Number(duplicates)).toBe(await counted("impair_duplicates_total", "client2"));
  // By this port's generators, which begin at their default.
  expect([Number(answered), Number(duplicates)]).toEqual([36, 10]);
});

test("TCP through a rate takes at least as long as its bytes do, and arrives whole", async () => {
  await impair("client2", "impair_out.rate=20mbit");
  const startMs = performance.now();
  await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, TCP_BYTES);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual((TCP_BYTES * 8) / 20_000);
});

/** Milliseconds that each of three pings took. */
async function roundTrips(): Promise<number[]> {
  const args = ["-n", "-c", "3", "-i", "0.05", "-W", "2", CLIENT2.ipv4];
  const { stdout } = await lab.client1.host.outcome("ping", args, { timeoutMs: 20_000 });
  return Array.from(stdout.matchAll(/time=([\d.]+) ms/g), ([, ms]) => Number(ms));
}
