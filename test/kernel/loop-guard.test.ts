// A real loop: a client joins two of the switch's ports by a bridge of its own, without STP. One of them is quarantined,
// the rest of the switch goes on, and when the loop is gone all is as before.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PortRow } from "./harness/rows.ts";

const SECOND_VNI = 4190;
const QUARANTINE_SECONDS = 4;
const TIMEOUT_MS = 10_000;
const BROADCAST = "192.168.0.255";
const ENDS = ["client1", "second"];

interface Row extends PortRow {
  quarantined_seconds_left: number;
  quarantines: number;
  loop_evidence: { time: string; frame: string } | null;
}

let lab: KernelLab;
/** The end of the loop that is taken out. */
let victim: string;
const startedAt = new Date().toISOString();
beforeAll(async () => {
  lab = await KernelLab.start({
    clients: [client(1), client(2)],
    configure: (config) => {
      config.bridges.br0.loop_guard = `${QUARANTINE_SECONDS}s`;
      config.bridges.br0.ports.second = { type: "vxlan", vni: SECOND_VNI, remote: CLIENT1.underlay };
    },
  });
  await lab.client1.run("ip", "link", "add", "vxlan1", "type", "vxlan", ...tunnel());
});
afterAll(() => lab?.end());

test("of the two ends of a loop one is quarantined, and says why", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  await close();
  await lab.client2.host.outcome("ping", ["-b", "-c", "10", "-i", "0.1", "-W", "0.2", BROADCAST]);
  expect(await waitUntil(async () => (await down()).length > 0, TIMEOUT_MS)).toBe(true);
  const quarantined = await down();
  expect(quarantined).toHaveLength(1);
  expect(ENDS).toContain(quarantined[0].port);
  expect(quarantined[0].reason).toMatch(
    /^quarantined for 4 s, a loop: flooded frames come back here, .* type 0x\w{4}/,
  );
  const [{ port, quarantined_seconds_left: left, loop_evidence: evidence }] = quarantined;
  victim = port;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(QUARANTINE_SECONDS);
  // An Ethernet header and more, whose first bytes the reason shows as well.
  expect(evidence?.frame).toMatch(/^(\w\w){15,128}$/);
  expect(quarantined[0].reason).toContain(evidence?.frame.slice(0, 2 * 14));
  expect(evidence?.time.localeCompare(startedAt)).toBe(1);
  expect(await lab.vxswitch("show")).toMatch(/\n +quarantines 1, \d s left, the last for a frame of 2\d+-/);
  expect(await counted("quarantined")).toEqual({ [victim]: 1 });
  expect(await lab.events("quarantined")).toMatchObject([{ bridge: "br0", port: victim }]);
  expect(await lab.drops("loop")).toBeGreaterThanOrEqual(3);
  expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
});

test("when the loop is gone the port comes back, and everybody reaches everybody", async () => {
  await open();
  expect(await waitUntil(async () => (await down()).length === 0, TIMEOUT_MS)).toBe(true);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
  expect(lab.running.log()).toContain("is quarantined no longer");
  // As often as it was taken out: the loop may have been noticed again before it was gone.
  const [taken, given] = [await lab.events("quarantined"), await lab.events("released")];
  expect(given.length).toBeGreaterThan(0);
  expect(given.map(({ port }) => port)).toEqual(taken.map(({ port }) => port));
});

test("what happened is told as long as the port is there", async () => {
  expect(await counted("quarantined")).toEqual({});
  expect(Object.keys(await counted("quarantines_total"))).toContain(victim);
  const row = (await lab.show<Row>("ports")).find(({ port }) => port === victim);
  expect(row).toMatchObject({ state: "up", quarantined_seconds_left: 0 });
  expect(row?.quarantines).toBeGreaterThanOrEqual(1);
  expect(row?.loop_evidence?.frame).toMatch(/^\w{30}/);
});

async function down(): Promise<Row[]> {
  return (await lab.show<Row>("ports")).filter(({ state }) => state === "down");
}

/** The ports of which a metric is not 0. */
async function counted(metric: string): Promise<Record<string, number>> {
  const samples = (await lab.metrics()).filter(({ name }) => name === `vxswitch_port_${metric}`);
  return Object.fromEntries(samples.filter(({ value }) => value > 0).map((s) => [s.labels.port, s.value]));
}

function tunnel(): string[] {
  const ends = ["local", CLIENT1.underlay, "remote", OWN_LEG.underlay];
  return ["id", String(SECOND_VNI), ...ends, "dstport", "4789"];
}

/** The addresses stay on vxlan0, which does not answer meanwhile: it is a port of the bridge. */
async function close(): Promise<void> {
  await lab.client1.run("ip", "link", "add", "loop0", "type", "bridge");
  for (const device of ["vxlan0", "vxlan1"])
    await lab.client1.run("ip", "link", "set", device, "master", "loop0");
  for (const device of ["vxlan1", "loop0"]) await lab.client1.run("ip", "link", "set", device, "up");
}

async function open(): Promise<void> {
  for (const device of ["loop0", "vxlan1"]) await lab.client1.run("ip", "link", "del", device);
}
