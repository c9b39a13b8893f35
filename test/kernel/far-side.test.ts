// Ports whose far side is not one VTEP: multicast groups, a hub for whoever comes, a list; against endpoints of the kernel, in
// group mode and as they come.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer } from "./harness/peer.ts";
import type { FdbRow, MirrorRow, PortRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const VNI = 4100;
const GROUP = { ipv4: "239.1.1.1", ipv6: "ff05::100" };
const UNDERLAY_IPV6 = { client2: "fd01::152", own: "fd01::103" };
const BRIEFLY = { count: 1, waitSeconds: 0.3 };
const LEARN_TIMEOUT_MS = 5000;
/** Of a port that is to count nothing. */
const SILENT = ["flood=false", "bcast_flood=false", "mcast_flood=false"];

type HubRow = PortRow & { hub: string | null; remote: string };

describe("a group", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      configure: ({ bridges: { br0 } }) => {
        const group = { type: "vxlan", vni: VNI, group: GROUP.ipv4, dev: "eth0" };
        br0.ports = { group, br0: br0.ports.br0 };
      },
    });
    await joinGroup(lab.client1, GROUP.ipv4, CLIENT1.ipv4);
    await joinGroup(lab.client2, GROUP.ipv4, CLIENT2.ipv4);
  });
  afterAll(() => lab?.end());

  test("is joined, and who is in it reaches the switch and each other", async () => {
    expect(await lab.test.run("ip", "maddress", "show", "dev", "eth0")).toContain(GROUP.ipv4);
    expect(await lab.client1.ping(OWN_LEG.ipv4)).toBe(3);
    expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  });

  test("teaches which VTEP a station is behind, and frames to it go there alone", async () => {
    const mac = await lab.client1.mac("vxlan0");
    const isKnown = async () => {
      await lab.client1.ping(OWN_LEG.ipv4, BRIEFLY);
      const row = (await lab.show<FdbRow>("fdb")).find((row) => row.mac === mac);
      return row?.port === "group" && row.remote === CLIENT1.underlay;
    };
    expect(await waitUntil(isKnown, LEARN_TIMEOUT_MS)).toBe(true);
    const before = await received(lab.client2, "vxlan0");
    expect(await lab.test.ping(CLIENT1.ipv4, { count: 20, intervalSeconds: 0.01 })).toBe(20);
    expect((await received(lab.client2, "vxlan0")) - before).toBeLessThan(20);
    await expectTcp(lab.test, lab.client1, CLIENT1.ipv4);
    await expectTcp(lab.client1, lab.test, OWN_LEG.ipv4);
  });

  test("is never sent what came by it", async () => {
    const sent = async () => (await portOf(lab, "group"))?.tx_packets;
    await lab.client1.ping(OWN_LEG.ipv4);
    const before = await sent();
    await lab.client1.host.outcome("ping", ["-b", "-c", "10", "-i", "0.01", "-W", "0.1", "192.168.0.255"]);
    // What the own leg says of itself by then is less.
    expect((await sent())! - before!).toBeLessThan(10);
  });

  test("over IPv6 is one too, and frames pass between it and the other", async () => {
    await addAddress(lab.test, UNDERLAY_IPV6.own);
    await addAddress(lab.client2, UNDERLAY_IPV6.client2);
    const words = ["type=vxlan", "vni=4200", `group=${GROUP.ipv6}`, "dev=eth0", `local=${UNDERLAY_IPV6.own}`];
    await lab.vxswitch("port", "add", "br0", "group6", ...words);
    await joinGroup(lab.client2, GROUP.ipv6, CLIENT2.ipv4, ["id", "4200", "local", UNDERLAY_IPV6.client2]);
    expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
    await lab.client1.run("ip", "neigh", "flush", "all");
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
  });

  test("has beside it a port whose remote there is no route to: it is down until there is one", async () => {
    const remote = ["type=vxlan", "vni=9", "remote=10.200.0.1"];
    const noRoute = `the kernel has no route to 10.200.0.1 from ${OWN_LEG.underlay}`;
    await expect(lab.vxswitch("port", "add", "br0", "far", ...remote, ...SILENT)).rejects.toThrow(noRoute);
    const state = async () => (await portOf(lab, "far"))?.state;
    expect(await state()).toBe("down");
    expect(await lab.client1.ping(OWN_LEG.ipv4)).toBe(3);
    await lab.test.run("ip", "route", "add", "10.200.0.0/16", "dev", "eth0");
    expect(await waitUntil(async () => (await state()) === "up", 5000)).toBe(true);
    await lab.test.run("ip", "route", "del", "10.200.0.0/16");
    expect(await waitUntil(async () => (await state()) === "down", 5000)).toBe(true);
  });

  test("that cannot be joined keeps its port down, and nothing else; it is left with its port", async () => {
    const group = ["type=vxlan", "vni=9", "group=239.1.1.2", "dev=eth9"];
    await expect(lab.vxswitch("port", "add", "br0", "nowhere", ...group, ...SILENT)).rejects.toThrow(
      "there is no network device eth9",
    );
    const { state, reason } = (await portOf(lab, "nowhere"))!;
    expect([state, reason]).toEqual([
      "down",
      "the group 239.1.1.2 cannot be joined: there is no network device eth9; 'ip link' lists them",
    ]);
    await lab.test.run("ip", "link", "add", "eth9", "type", "veth", "peer", "name", "eth9-peer");
    const isUp = async () => (await portOf(lab, "nowhere"))?.state === "up";
    expect(await waitUntil(isUp, 10_000)).toBe(true);
    const isJoined = async () =>
      (await lab.test.run("ip", "maddress", "show", "dev", "eth9")).includes("239.1.1.2");
    expect(await isJoined()).toBe(true);
    expect((await portOf(lab, "nowhere"))?.mtu).toBe(1450);
    expect(await lab.client1.ping(OWN_LEG.ipv4)).toBe(3);
    await lab.vxswitch("port", "set", "br0", "nowhere", "group=239.1.1.3");
    expect(await isJoined()).toBe(false);
    await lab.test.run("ip", "link", "del", "eth9");
    expect(await waitUntil(async () => !(await isUp()), 10_000)).toBe(true);
  });
});

describe("a hub", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      clients: [client(1), client(2), client(3)],
      configure: ({ underlay, bridges: { br0 } }) => {
        // Each tells of whom it has heard, and both may.
        underlay.workers = 2;
        const allow = ["10.122.0.0/24", "10.122.3.0/24"];
        br0.ports = { hub: { type: "vxlan", vni: VNI, remote: "any", allow }, br0: br0.ports.br0 };
        br0.mirrors = { m0: { select_src_port: "hub", output: { tap: "mirror0" } } };
      },
    });
  });
  afterAll(() => lab?.end());

  test("has a port for each VTEP that has come, between which frames pass", async () => {
    expect(await waitUntil(async () => (await reaches(lab.client1, OWN_LEG.ipv4)) === 1, 5000)).toBe(true);
    expect(await waitUntil(async () => (await reaches(lab.client2, CLIENT1.ipv4)) === 1, 5000)).toBe(true);
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
    const ports = (await lab.show<HubRow>("ports")).filter(({ hub }) => hub === "hub");
    expect(ports.map(({ port, remote, state }) => [port, remote, state]).sort()).toEqual([
      [`hub-${CLIENT1.underlay}`, CLIENT1.underlay, "up"],
      [`hub-${CLIENT2.underlay}`, CLIENT2.underlay, "up"],
    ]);
    const first = `hub-${CLIENT1.underlay}`;
    await lab.vxswitch("fdb", "flush", "br0", first);
    await lab.vxswitch("fdb", "add", "br0", "02:00:00:00:00:77", first);
    const row = { mac: "02:00:00:00:00:77", port: first, static: true };
    expect(await lab.show<FdbRow>("fdb")).toContainEqual(expect.objectContaining(row));
    await expect(lab.vxswitch("fdb", "add", "br0", "02:00:00:00:00:77", "hub")).rejects.toThrow(
      "hub is a hub, to which nothing goes",
    );
    for (const { rx_packets } of ports) expect(rx_packets).toBeGreaterThan(100);
    expect((await lab.show<MirrorRow>("mirrors"))[0].packets).toBeGreaterThan(100);
  });

  test("takes in nobody whom it does not allow", async () => {
    expect(await reaches(lab.peer("client3"), OWN_LEG.ipv4)).toBe(0);
    expect(await lab.drops("vtep_unadmitted")).toBeGreaterThan(0);
    await lab.vxswitch("port", "set", "br0", "hub", "allow=");
    expect(await waitUntil(async () => (await reaches(lab.peer("client3"), OWN_LEG.ipv4)) === 1, 5000)).toBe(
      true,
    );
  });

  test("forgets who is silent, and lets him come again", async () => {
    await lab.peer("client3").run("ip", "link", "set", "vxlan0", "down");
    await lab.vxswitch("port", "set", "br0", "hub", "idle=1s", "isolated=true");
    const third = "hub-10.122.4.3";
    expect(await waitUntil(async () => (await portOf(lab, third)) === undefined, 10_000)).toBe(true);
    await lab.peer("client3").run("ip", "link", "set", "vxlan0", "up");
    expect(await waitUntil(async () => (await reaches(lab.peer("client3"), OWN_LEG.ipv4)) === 1, 5000)).toBe(
      true,
    );
    // What it may do is what its hub may do.
    expect(await reaches(lab.client1, CLIENT2.ipv4)).toBe(0);
  });

  test("becomes a list of remotes, which the switch joins to others and not to each other", async () => {
    const remotes = `remotes=${CLIENT1.underlay},${CLIENT2.underlay}`;
    await lab.vxswitch("port", "set", "br0", "hub", "remote=", "idle=", "isolated=", remotes);
    expect((await lab.show<HubRow>("ports")).map(({ port }) => port).sort()).toEqual(["br0", "hub"]);
    for (const peer of [lab.client1, lab.client2]) expect(await reaches(peer, OWN_LEG.ipv4)).toBe(1);
    expect(await reaches(lab.test, CLIENT1.ipv4)).toBe(1);
    expect(await reaches(lab.client1, CLIENT2.ipv4)).toBe(0);
    expect(await lab.vxswitch("show", "vteps")).toContain(CLIENT2.underlay);
  });
});

/** Makes a client's vxlan0 anew, in group mode. */
async function joinGroup(peer: Peer, group: string, address: string, more: string[] = []): Promise<void> {
  const id = more.includes("id") ? [] : ["id", String(VNI)];
  const ends = [...id, ...more, "group", group, "dev", "eth0", "dstport", "4789"];
  await peer.run("ip", "link", "del", "vxlan0");
  await peer.run("ip", "link", "add", "vxlan0", "type", "vxlan", ...ends);
  await peer.run("ip", "address", "add", `${address}/24`, "dev", "vxlan0");
  await peer.run("ip", "link", "set", "vxlan0", "up");
}

function addAddress(peer: Peer, address: string): Promise<string> {
  return peer.run("ip", "address", "add", `${address}/64`, "dev", "eth0", "nodad");
}

/** One ping, its neighbour looked for anew. */
async function reaches(peer: Peer, address: string): Promise<number> {
  await peer.run("ip", "neigh", "flush", "all");
  return peer.ping(address, BRIEFLY);
}

async function portOf(lab: KernelLab, name: string): Promise<PortRow | undefined> {
  return (await lab.show<PortRow>("ports")).find(({ port }) => port === name);
}

/** Frames that a device of a client has received. */
async function received(peer: Peer, device: string): Promise<number> {
  const [{ stats64 }] = JSON.parse(await peer.run("ip", "-j", "-s", "link", "show", "dev", device));
  return stats64.rx.packets;
}
