// Ports that may not do everything, changed while the switch runs, against real endpoints.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { FdbRow, PortRow } from "./harness/rows.ts";

const RELOAD_TIMEOUT_MS = 5000;
/** Hosts report a group at once, and again after up to 10 s (RFC 2710 section 7.10). */
const REPORT_TIMEOUT_MS = 15_000;
const CLIENTS = ["client1", "client2"];
const BROADCAST = "192.168.0.255";
/** To the nearest bridge: chassis 02:00:00:00:0c:01, port 1, for 120 s (802.1AB clause 8). */
const LLDP =
  `0180c200000e 0200000c0001 88cc 0207 04 020000000c01 0403 07 0031 0602 0078 0000 ${"00".repeat(30)}`.replaceAll(
    " ",
    "",
  );
const OTHER_MAC = "02:00:00:00:0c:01";

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
});
afterAll(() => lab?.end());

test("isolated clients reach the switch's own leg and not each other, from the next frame on", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.client1.ping(CLIENT2.ipv6)).toBe(3);
  const learntBefore = await learnt();
  for (const port of CLIENTS) await lab.vxswitch("port", "set", "br0", port, "isolated=true");
  expect(await learnt()).toEqual(expect.arrayContaining(learntBefore));
  for (const address of [CLIENT2.ipv4, CLIENT2.ipv6])
    expect(await lab.client1.ping(address, { waitSeconds: 0.5 })).toBe(0);
  expect(await lab.drops("isolated")).toBeGreaterThan(0);
  for (const peer of [lab.client1, lab.client2]) {
    expect(await peer.ping(OWN_LEG.ipv4)).toBe(3);
    expect(await peer.ping(OWN_LEG.ipv6)).toBe(3);
  }
  expect(await lab.vxswitch("show")).toMatch(/Port client1\n .*isolated true\n/);
});

test("a reload of the file opens them again, and a frame in between costs no address", async () => {
  const learntBefore = await learnt();
  lab.reload();
  const open = async () =>
    (await lab.show<PortRow & { isolated: boolean }>("ports")).every((p) => !p.isolated);
  expect(await waitUntil(open, RELOAD_TIMEOUT_MS)).toBe(true);
  expect(await lab.client2.ping(CLIENT1.ipv4)).toBe(3);
  expect(await learnt()).toEqual(expect.arrayContaining(learntBefore));
});

test("a port that floods no broadcasts hears no ARP, and answers who knows its address", async () => {
  await lab.vxswitch("port", "set", "br0", "client2", "bcast_flood=false");
  // Client2 first: it asks client1 now and then whether it is still there, and client1 learns from that who asks.
  for (const { host } of [lab.client2, lab.client1]) await host.ip("neigh", "flush", "all", "dev", "vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: 1, waitSeconds: 0.5 })).toBe(0);
  const mac = await lab.client2.mac("vxlan0");
  await lab.client1.run("ip", "neigh", "replace", CLIENT2.ipv4, "lladdr", mac, "dev", "vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  await lab.vxswitch("port", "set", "br0", "client2", "bcast_flood=");
  await lab.client1.run("ip", "neigh", "flush", "all", "dev", "vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
});

test("a locked port takes in the one station whose address is bound to it", async () => {
  const mac = await lab.client1.mac("vxlan0");
  await lab.vxswitch("port", "set", "br0", "client1", "locked=true", `fdb=${mac}`);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.show<FdbRow>("fdb")).toContainEqual(
    expect.objectContaining({ mac, port: "client1", static: true }),
  );
  await lab.client1.run("ip", "link", "set", "vxlan0", "address", OTHER_MAC);
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: 1, waitSeconds: 0.5 })).toBe(0);
  expect(await lab.drops("locked")).toBeGreaterThan(0);
  await lab.vxswitch("port", "set", "br0", "client1", `fdb=${mac},${OTHER_MAC}`);
  // Who has asked in vain asks again only after a second.
  await lab.client1.host.ip("neigh", "flush", "all", "dev", "vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  await lab.vxswitch("port", "set", "br0", "client1", "locked=", "fdb=");
  await lab.client1.run("ip", "link", "set", "vxlan0", "address", mac);
  expect((await lab.show<FdbRow>("fdb")).filter((row) => row.static)).toEqual([]);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
});

test("nobody takes the address of a station at a sticky port", async () => {
  const mac = await lab.client1.mac("vxlan0");
  await lab.vxswitch("port", "set", "br0", "client1", "sticky=true");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  const own = await lab.client2.mac("vxlan0");
  await lab.client2.run("ip", "link", "set", "vxlan0", "address", mac);
  expect(await lab.client2.ping(OWN_LEG.ipv4, { count: 1, waitSeconds: 0.5 })).toBe(0);
  expect(await lab.drops("static_moved")).toBeGreaterThan(0);
  expect(await learnt()).toContainEqual({ mac, port: "client1" });
  await lab.client2.run("ip", "link", "set", "vxlan0", "address", own);
  await lab.vxswitch("port", "set", "br0", "client1", "sticky=");
  expect(await lab.client2.ping(CLIENT1.ipv4)).toBe(3);
});

test("what a port sends beyond its rate is dropped and counted", async () => {
  await lab.vxswitch(
    ...["port", "set", "br0", "client1", "ingress_policing_rate=100", "ingress_policing_burst=10"],
  );
  const answered = await lab.client1.ping(CLIENT2.ipv4, {
    count: 20,
    intervalSeconds: 0.01,
    size: 1000,
    waitSeconds: 0.5,
  });
  expect(answered).toBeLessThan(20);
  expect((await lab.drops("policed")) + answered).toBeGreaterThanOrEqual(20);
  await lab.vxswitch(
    ...["port", "set", "br0", "client1", "ingress_policing_rate=", "ingress_policing_burst="],
  );
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: 20, intervalSeconds: 0.01, size: 1000 })).toBe(20);
});

test("a storm of broadcasts is bounded, and pings go on through it", async () => {
  await lab.vxswitch("port", "set", "br0", "client1", "storm_control=1");
  const before = await lab.drops("storm");
  await lab.client1.host.outcome("ping", ["-b", "-c", "20", "-i", "0.01", "-W", "0.1", BROADCAST]);
  expect((await lab.drops("storm")) - before).toBeGreaterThanOrEqual(15);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.vxswitch("show")).toMatch(/storm_control 1\n/);
  await lab.vxswitch("port", "set", "br0", "client1", "storm_control=");
});

test("LLDP passes from client to client, unless the bridge says otherwise", async () => {
  const inject = compilePeer("inject", lab.directory);
  /** How many of three frames of client1's come out of client2's device. */
  const arrived = async (): Promise<number> => {
    const capture = await Capture.start(lab.client2, "vxlan0", join(lab.directory, "lldp.pcap"));
    await lab.client1.run(inject, "vxlan0", LLDP, LLDP, LLDP);
    return capture.stopAndCount("lldp");
  };
  expect(await arrived()).toBe(3);
  lab.config.bridges.br0.forward_bpdu = false;
  lab.reload();
  const isTold = async () => (await lab.vxswitch("show")).includes("forward_bpdu false");
  expect(await waitUntil(isTold, RELOAD_TIMEOUT_MS)).toBe(true);
  expect(await arrived()).toBe(0);
  expect(await lab.drops("bpdu")).toBe(3);
});

test("who is known is not asked for at a port that suppresses, and who asks is answered", async () => {
  for (const port of ["client2", "br0"])
    await lab.vxswitch("port", "set", "br0", port, "neigh_suppress=true");
  const forget = async () => {
    for (const version of ["-4", "-6"])
      await lab.client1.host.ip(version, "neigh", "flush", "all", "dev", "vxlan0");
  };
  await forget();
  // Flooded, and answered by client2 itself: so the switch learns who it is.
  for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) expect(await lab.client1.ping(address)).toBe(3);
  await forget();
  const captures = [
    await Capture.start(lab.client2, "vxlan0", join(lab.directory, "owner.pcap")),
    await Capture.start(lab.test, "br0", join(lab.directory, "third.pcap")),
  ];
  const before = await replies();
  for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) expect(await lab.client1.ping(address)).toBe(3);
  const asked =
    `(arp.opcode == 1 && arp.dst.proto_ipv4 == ${CLIENT2.ipv4} && eth.dst == ff:ff:ff:ff:ff:ff) || ` +
    `(icmpv6.nd.ns.target_address == ${CLIENT2.ipv6} && eth.dst[0:2] == 33:33)`;
  expect(await Promise.all(captures.map((capture) => capture.stopAndCount(asked)))).toEqual([0, 0]);
  expect((await replies()) - before).toBeGreaterThanOrEqual(2);
  const mac = await lab.client2.mac("vxlan0");
  const known = await lab.client1.run("ip", "neigh", "show", "dev", "vxlan0");
  for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) expect(known).toContain(`${address} lladdr ${mac}`);
});

test("a group that one client has joined the other does not hear, once the bridge snoops", async () => {
  lab.config.bridges.br0.mcast_snooping = true;
  await lab.reloadUntilUp();
  const groups = ["239.1.1.1", "ff05::1:1"];
  for (const [i, group] of groups.entries())
    await lab.client1.run("ip", "addr", "add", `${group}/${[32, 128][i]}`, "dev", "vxlan0", "autojoin");
  const areKnown = async () => sum(await lab.metrics(), "vxswitch_mcast_groups", {}) === groups.length;
  expect(await waitUntil(areKnown, REPORT_TIMEOUT_MS)).toBe(true);
  expect(await lab.vxswitch("show")).toContain("mcast_snooping true, groups 2");
  const captures = [
    await Capture.start(lab.client1, "vxlan0", join(lab.directory, "listener.pcap")),
    await Capture.start(lab.client2, "vxlan0", join(lab.directory, "other.pcap")),
  ];
  for (const group of [...groups, "239.1.1.2"])
    await lab.test.host.outcome("ping", ["-I", "br0", "-c", "5", "-i", "0.01", "-W", "0.1", group]);
  const heard = await Promise.all(
    captures.map(async (capture) => {
      await capture.stop();
      const rows = await decode(capture.path, "icmp.type == 8 || icmpv6.type == 128", ["ip.dst", "ipv6.dst"]);
      return rows.map((row) => row.join("")).sort();
    }),
  );
  const five = (group: string) => Array<string>(5).fill(group);
  expect(heard).toEqual([["239.1.1.1", "239.1.1.2", "ff05::1:1"].flatMap(five), five("239.1.1.2")]);
});

async function replies(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_port_neigh_replies_total", { port: "client1" });
}

async function learnt(): Promise<Pick<FdbRow, "mac" | "port">[]> {
  return (await lab.show<FdbRow>("fdb")).map(({ mac, port }) => ({ mac, port }));
}
