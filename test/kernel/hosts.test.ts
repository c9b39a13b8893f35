// Hosts and events against real endpoints: the addresses that they tell of, moves as they happen, what a reload says.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import type { HostView } from "../../src/control/server/host-view.ts";
import { CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";

const MOVED_MAC = "02:00:00:00:0a:0a";
/** From what happens to the event. */
const EVENT_TIMEOUT_MS = 2000;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
});
afterAll(() => lab?.end());

test("hosts that talk have their addresses, as ARP and ND told them", async () => {
  await lab.client1.ping(CLIENT2.ipv4);
  await lab.client1.ping(CLIENT2.ipv6);
  for (const [peer, port, ipv4, ipv6] of [
    [lab.client1, "client1", "192.168.0.1", "fd00::1"],
    [lab.client2, "client2", "192.168.0.2", "fd00::2"],
  ] as const) {
    const mac = await peer.mac("vxlan0");
    const told = async () => {
      const host = (await lab.show<HostView>("hosts")).find((row) => row.mac === mac);
      const by = Object.fromEntries((host?.addresses ?? []).map((row) => [row.address, row.by.join()]));
      return host?.port === port && by[ipv4] === "arp" && by[ipv6] === "nd";
    };
    expect(await waitUntil(told, EVENT_TIMEOUT_MS), await lab.vxswitch("show", "hosts")).toBe(true);
  }
});

test("a host that moves is told of within two seconds, with where it was", async () => {
  await lab.client1.run("ip", "link", "set", "vxlan0", "address", MOVED_MAC);
  await lab.client1.ping(OWN_LEG.ipv4);
  await lab.client1.run("ip", "link", "set", "vxlan0", "address", "02:00:00:00:0b:0b");
  await lab.client2.run("ip", "link", "set", "vxlan0", "address", MOVED_MAC);
  await lab.test.run("ip", "neigh", "flush", "dev", "br0");
  await lab.client2.ping(OWN_LEG.ipv4);
  const moved = async () => (await lab.events("moved")).some(({ mac }) => mac === MOVED_MAC);
  expect(await waitUntil(moved, EVENT_TIMEOUT_MS)).toBe(true);
  const [event] = (await lab.events("moved")).filter(({ mac }) => mac === MOVED_MAC);
  expect(event).toMatchObject({ bridge: "br0", port: "client2", from: "client1", vlan: 0 });
  const host = (await lab.show<HostView>("hosts")).find(({ mac }) => mac === MOVED_MAC);
  expect(host).toMatchObject({ port: "client2", moves: 1, last_move: { port: "client1" } });
});

test("a reload is told of, with what has changed", async () => {
  lab.config.bridges.br0.ageing = "200s";
  await lab.reloadUntilUp();
  const reloaded = async () => (await lab.events("reload")).length > 0;
  expect(await waitUntil(reloaded, EVENT_TIMEOUT_MS)).toBe(true);
  expect((await lab.events("reload"))[0].changes?.join()).toContain("ageing");
});
