// VLANs of ports, changed while the switch runs, against endpoints of the kernel, of which two tag their frames.
import { afterAll, beforeAll, expect, test } from "vitest";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { type Peer, PeerScript, type PingOptions } from "./harness/peer.ts";
import type { FdbRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const IN_VLAN = { client1: "192.168.10.1", client2: "192.168.10.2", own: "192.168.10.103" };
const VLAN = "10";
const BRIEFLY = { count: 1, waitSeconds: 0.3 };

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
  await addVlan(lab.client2, "vxlan0", IN_VLAN.client2);
  await addVlan(lab.test, "br0", IN_VLAN.own);
  await lab.client1.run("ip", "address", "add", `${IN_VLAN.client1}/24`, "dev", "vxlan0");
});
afterAll(() => lab?.end());

test("an untagged client at an access port and tagged ones at trunks reach each other", async () => {
  expect(await answers(lab.client1, IN_VLAN.client2, BRIEFLY)).toBe(0);
  await lab.vxswitch("port", "set", "br0", "client1", `tag=${VLAN}`);
  for (const address of [IN_VLAN.client2, IN_VLAN.own]) expect(await answers(lab.client1, address)).toBe(3);
  expect(await answers(lab.client2, IN_VLAN.client1)).toBe(3);
  expect(await answers(lab.client1, CLIENT2.ipv4, BRIEFLY)).toBe(0);
  expect(await lab.vxswitch("show")).toMatch(/Port client1\n .* tag 10/);
});

test("its station is known in that VLAN", async () => {
  const mac = await lab.client1.mac("vxlan0");
  const rows = (await lab.show<FdbRow>("fdb")).filter((row) => row.mac === mac && row.vlan === Number(VLAN));
  expect(rows).toMatchObject([{ port: "client1" }]);
});

test("bulk TCP passes both ways with tags put on and taken off, super-frames and unfilled checksums too", async () => {
  await expectTcp(lab.client1, lab.client2, IN_VLAN.client2);
  await expectTcp(lab.client2, lab.client1, IN_VLAN.client1);
  await expectTcp(lab.test, lab.client1, IN_VLAN.client1);
});

test("a trunk refuses VLANs that it does not have", async () => {
  await lab.vxswitch("port", "set", "br0", "client2", "trunks=0,20");
  const before = await lab.drops("vlan_refused");
  expect(await answers(lab.client2, IN_VLAN.own, BRIEFLY)).toBe(0);
  expect(await lab.drops("vlan_refused")).toBeGreaterThan(before);
  expect(await answers(lab.client2, OWN_LEG.ipv4)).toBe(3);
});

test("a native VLAN is untagged on the wire, others are tagged", async () => {
  await lab.vxswitch("port", "set", "br0", "client1", "vlan_mode=native-untagged", "tag=20");
  await lab.vxswitch("port", "set", "br0", "client2", "vlan_mode=native-untagged", "tag=20", "trunks=");
  expect(await answers(lab.client1, CLIENT2.ipv4)).toBe(3);
  expect(await answers(lab.client2, IN_VLAN.own)).toBe(3);
});

test("a reload of the file makes them trunks again; RFC 7348's way with tags is an option", async () => {
  lab.reload();
  await expect.poll(() => answers(lab.client1, OWN_LEG.ipv4, BRIEFLY)).toBe(1);
  expect(await answers(lab.client2, IN_VLAN.own)).toBe(3);
  await lab.vxswitch("port", "set", "br0", "client2", "inner_vlan=drop");
  expect(await answers(lab.client2, IN_VLAN.own, BRIEFLY)).toBe(0);
  expect(await answers(lab.client2, CLIENT1.ipv4)).toBe(3);
});

/** How many pings are answered by a host that is looked for anew, not believed unreachable since the last test. */
async function answers(peer: Peer, address: string, options: PingOptions = {}): Promise<number> {
  await peer.run("ip", "neigh", "flush", "all");
  return peer.ping(address, options);
}

/** A device for tagged frames on top of another one; a tag takes four bytes of its MTU. */
async function addVlan(peer: Peer, device: string, address: string): Promise<void> {
  const name = `${device}-${VLAN}`;
  const program = compilePeer("vlan-device", lab.directory);
  await new PeerScript(peer.host.start(program, [device, VLAN, name])).ready();
  await peer.run("ip", "link", "set", name, "mtu", "1446", "up");
  await peer.run("ip", "address", "add", `${address}/24`, "dev", name);
}
