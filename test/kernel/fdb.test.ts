// What the switch learns from real endpoints, forgets with age, and follows when it moves.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { FdbRow } from "./harness/rows.ts";

/** Clients send router solicitations of their own for some seconds after their devices are up. */
const FORGET_TIMEOUT_MS = 40_000;
const MOVED_MAC = "02:00:00:00:0a:0a";

describe("with the default ageing", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start();
  });
  afterAll(() => lab?.end());

  test("an address is learnt on the port it came from, with VTEP and VNI", async () => {
    await lab.client1.ping(CLIENT2.ipv4);
    const mac = await lab.client1.mac("vxlan0");
    const row = await fdbRow(lab, mac);
    const age = row?.age_seconds;
    expect(row).toEqual({
      bridge: "br0",
      vlan: 0,
      mac,
      port: "client1",
      remote: CLIENT1.underlay,
      vni: 4100,
      age_seconds: age,
      static: false,
    });
    expect(age).toBeLessThan(10);
  });

  test("an address that moves from one client to the other is followed", async () => {
    await lab.client1.run("ip", "link", "set", "vxlan0", "address", MOVED_MAC);
    await lab.client1.ping(OWN_LEG.ipv4);
    expect((await fdbRow(lab, MOVED_MAC))?.port).toBe("client1");

    const movedBefore = sum(await lab.metrics(), "vxswitch_fdb_moved_total");
    await lab.client1.run("ip", "link", "set", "vxlan0", "address", "02:00:00:00:0b:0b");
    await lab.client2.run("ip", "link", "set", "vxlan0", "address", MOVED_MAC);
    await lab.test.run("ip", "neigh", "flush", "dev", "br0");
    expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
    expect((await fdbRow(lab, MOVED_MAC))?.port).toBe("client2");
    expect(sum(await lab.metrics(), "vxswitch_fdb_moved_total")).toBeGreaterThan(movedBefore);
  });
});

describe("with an ageing of two seconds", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      configure: (config) => {
        config.bridges.br0.ageing = "2s";
      },
    });
  });
  afterAll(() => lab?.end());

  test("an address that is no longer heard of is forgotten", async () => {
    await lab.client1.ping(CLIENT2.ipv4);
    const mac = await lab.client1.mac("vxlan0");
    expect(await fdbRow(lab, mac)).toBeDefined();
    const expiredBefore = sum(await lab.metrics(), "vxswitch_fdb_expired_total");
    expect(await waitUntil(async () => (await fdbRow(lab, mac)) === undefined, FORGET_TIMEOUT_MS, 250)).toBe(
      true,
    );
    expect(sum(await lab.metrics(), "vxswitch_fdb_expired_total")).toBeGreaterThan(expiredBefore);
  });
});

async function fdbRow(lab: KernelLab, mac: string): Promise<FdbRow | undefined> {
  return (await lab.show<FdbRow>("fdb")).find((row) => row.mac === mac);
}
