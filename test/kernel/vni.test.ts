// Cables of different VNIs: joined by one bridge, and kept apart by two.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LabConfig } from "../../src/control/lab/config.ts";
import { scenarioClient } from "../../src/control/lab/topology.ts";
import { Capture } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { FdbRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const VNI_MAX = 2 ** 24 - 1;

describe("one bridge that joins cables of different VNIs", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({ clients: [client(1, 1), client(2, VNI_MAX)] });
  });
  afterAll(() => lab?.end());

  test("clients with the lowest and the highest VNI ping each other and the switch's own leg", async () => {
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    expect(await lab.client2.ping(CLIENT1.ipv6)).toBe(3);
    expect(await lab.client2.ping(OWN_LEG.ipv4)).toBe(3);
  });

  test("TCP crosses from one VNI to the other byte for byte", async () => {
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
    await expectTcp(lab.client2, lab.client1, CLIENT1.ipv6);
  });
});

describe("two bridges on the same two clients, with the same hardware addresses in both", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({ clients: [twoCables(1), twoCables(2)], configure: twoBridges });
  });
  afterAll(() => lab?.end());

  test("each bridge joins its own cables", async () => {
    expect(await lab.client1.ping("192.168.0.2")).toBe(3);
    expect(await lab.client1.ping("192.168.1.2")).toBe(3);
    await expectTcp(lab.client2, lab.client1, "192.168.1.1", 1_000_000);
  });

  test("each bridge learns the same address on its own port", async () => {
    const rows = (await lab.show<FdbRow>("fdb")).filter(({ mac }) => mac === macOf(1));
    expect(rows.map(({ bridge, port, vni }) => ({ bridge, port, vni })).sort(byBridge)).toEqual([
      { bridge: "br0", port: "client1", vni: 4100 },
      { bridge: "br1", port: "client1-b", vni: 4200 },
    ]);
  });

  test("what is flooded, known or unknown in one bridge is never seen in the other", async () => {
    const captures = [
      await Capture.start(lab.client1, "vxlan1", join(lab.directory, "client1.pcap")),
      await Capture.start(lab.client2, "vxlan1", join(lab.directory, "client2.pcap")),
    ];
    await lab.client1.run("ip", "neigh", "flush", "dev", "vxlan0");
    expect(await lab.client1.ping("192.168.0.2", { count: 20 })).toBe(20);
    await lab.client1.ping("192.168.0.77", { count: 1 }); // nobody: asked for by broadcast
    await lab.vxswitch("fdb", "flush", "br0");
    expect(await lab.client1.ping("192.168.0.2", { count: 20 })).toBe(20);
    for (const capture of captures) {
      const leaked = "icmp || (arp && arp.dst.proto_ipv4 == 192.168.0.0/24)";
      expect(await capture.stopAndCount(leaked)).toBe(0);
    }
  });
});

function macOf(number: number): string {
  return `02:00:00:00:00:0${number}`;
}

/** `vxlan0` on VNI 4100 and `vxlan1` on VNI 4200, with one and the same hardware address. */
function twoCables(number: number) {
  const cable = (index: number) => ({
    device: `vxlan${index}`,
    vni: 4100 + 100 * index,
    addresses: [`192.168.${index}.${number}/24`],
    mac: macOf(number),
  });
  return scenarioClient(number, { cables: [cable(0), cable(1)] });
}

function twoBridges(config: LabConfig): void {
  config.bridges.br1 = {
    ports: {
      "client1-b": { type: "vxlan", vni: 4200, remote: CLIENT1.underlay },
      "client2-b": { type: "vxlan", vni: 4200, remote: CLIENT2.underlay },
    },
  };
}

function byBridge(left: { bridge: string }, right: { bridge: string }): number {
  return left.bridge.localeCompare(right.bridge);
}
