// Events that only the kernel makes happen: a route that comes and goes, a TAP device that is deleted, VTEPs that nobody has
// configured. Hosts are in hosts.test.ts, loops in loop-guard.test.ts, crashes in crash.test.ts, a full disk in mirror.test.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { MirrorRow, PortRow } from "./harness/rows.ts";

const TIMEOUT_MS = 10_000;
const FAR = "10.200.0.1";
/** The port is to count nothing. */
const SILENT = ["flood=false", "bcast_flood=false", "mcast_flood=false"];

describe("a port whose route comes and goes, and a mirror whose device does", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      configure: ({ bridges: { br0 } }) => {
        br0.mirrors = { m0: { select_all: true, output: { tap: "mirror0" } } };
      },
    });
  });
  afterAll(() => lab?.end());

  test("port_down when it is made, for there is no route", async () => {
    const words = ["type=vxlan", "vni=9", `remote=${FAR}`, ...SILENT];
    await expect(lab.vxswitch("port", "add", "br0", "far", ...words)).rejects.toThrow("no route");
    const why = `port br0/far is down: the kernel has no route to ${FAR} from ${OWN_LEG.underlay}`;
    expect(await lab.events("port_down")).toMatchObject([
      { bridge: "br0", port: "far", message: expect.stringContaining(why) },
    ]);
    expect(await lab.events("vtep_down")).toEqual([]);
  });

  test("vtep_up and port_up when there is one", async () => {
    await lab.test.run("ip", "route", "add", "10.200.0.0/16", "dev", "eth0");
    await expectEvents(lab, "vtep_up", [{ vtep: FAR, message: `VTEP ${FAR} is reached again` }]);
    await expectEvents(lab, "port_up", [{ bridge: "br0", port: "far" }]);
  });

  test("vtep_down and port_down when it has gone, each once", async () => {
    await lab.test.run("ip", "route", "del", "10.200.0.0/16");
    await expectEvents(lab, "vtep_down", [{ vtep: FAR }]);
    await expectEvents(lab, "port_down", [{ port: "far" }, { port: "far" }]);
  });

  test("mirror_down when the device is deleted, mirror_up when it is there again, and frames are on it", async () => {
    await lab.test.run("ip", "link", "del", "mirror0");
    const message = "mirror br0/m0 is down: the TAP device mirror0 was removed or renamed";
    await expectEvents(lab, "mirror_down", [{ bridge: "br0", mirror: "m0", message }]);
    await expectEvents(lab, "mirror_up", [{ bridge: "br0", mirror: "m0" }]);
    const mirror = async () => (await lab.show<MirrorRow>("mirrors"))[0];
    const { packets } = await mirror();
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    expect(await waitUntil(async () => (await mirror()).packets >= packets + 6, TIMEOUT_MS)).toBe(true);
    expect(await lab.test.run("ip", "-s", "link", "show", "mirror0")).toMatch(/,UP/);
    await expectEvents(lab, "mirror_down", [{}]);
  });

  test("underlay at the start: whether datagrams are received by a ring", async () => {
    const [event] = await lab.events("underlay");
    expect(event.message).toMatch(/^(datagrams are received by ring on eth0$|no receive ring on eth0: )/);
  });
});

describe("a hub", () => {
  let lab: KernelLab;
  const first = `hub-${CLIENT1.underlay}`;
  beforeAll(async () => {
    lab = await KernelLab.start({
      configure: ({ bridges: { br0 } }) => {
        const allow = [`${CLIENT1.underlay}/32`];
        br0.ports = { hub: { type: "vxlan", vni: 4100, remote: "any", allow }, br0: br0.ports.br0 };
      },
    });
  });
  afterAll(() => lab?.end());

  test("vtep_admitted for one that it allows", async () => {
    await lab.client1.ping(OWN_LEG.ipv4, { count: 1 });
    await expectEvents(lab, "vtep_admitted", [{ bridge: "br0", port: first, vtep: CLIENT1.underlay }]);
  });

  test("vtep_refused for another, not once a frame", async () => {
    const refused = () => lab.drops("vtep_unadmitted");
    const before = await refused();
    // By MAC address, or nothing but a few questions for one would leave.
    await lab.client2.run(
      "ip",
      "neigh",
      "replace",
      OWN_LEG.ipv4,
      "lladdr",
      "02:00:00:00:00:77",
      "dev",
      "vxlan0",
    );
    await lab.client2.ping(OWN_LEG.ipv4, { count: 20, intervalSeconds: 0.01, waitSeconds: 0.3 });
    expect((await refused()) - before).toBeGreaterThanOrEqual(20);
    await waitUntil(async () => (await lab.events("vtep_refused")).length > 0, TIMEOUT_MS);
    const message = `br0/hub does not take in ${CLIENT2.underlay}: it is in none of the networks of allow`;
    const told = await lab.events("vtep_refused");
    expect(told[0]).toMatchObject({ port: "hub", vtep: CLIENT2.underlay, message });
    // Once in half a minute; the first of those ends a second after the start.
    expect(told.length).toBeLessThanOrEqual(2);
  });

  test("vtep_removed when it has been silent for long", async () => {
    await lab.client1.run("ip", "link", "set", "vxlan0", "down");
    await lab.vxswitch("port", "set", "br0", "hub", "idle=1s");
    await expectEvents(lab, "vtep_removed", [{ port: first }]);
    expect((await lab.show<PortRow>("ports")).map(({ port }) => port)).not.toContain(first);
  });
});

/** Waits until there are as many events of a type as are wanted; they are like these, and no more. */
async function expectEvents(
  lab: KernelLab,
  type: Parameters<KernelLab["events"]>[0],
  wanted: object[],
): Promise<void> {
  await waitUntil(async () => (await lab.events(type)).length >= wanted.length, TIMEOUT_MS);
  expect(await lab.events(type)).toMatchObject(wanted);
}
