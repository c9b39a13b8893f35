// An underlay of 9000 bytes leaves 8950 for the overlay, whether one thread forwards or two share the ring's flows.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { expectTcp } from "./harness/transfer.ts";

/** 8950 less the IPv4 and ICMP headers. */
const PING_BYTES_MAX = 8922;

describe.each([1, 2])("with %d forwarding threads", (workers) => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      underlayMtuBytes: 9000,
      configure: (config) => {
        config.underlay.workers = workers;
      },
    });
  });
  afterAll(() => lab?.end());

  test("jumbo frames that must not be fragmented pass in every direction", async () => {
    const jumbo = { size: PING_BYTES_MAX, pmtuDiscovery: "do" } as const;
    expect(await lab.client1.ping(CLIENT2.ipv4, jumbo)).toBe(3);
    expect(await lab.client1.ping(OWN_LEG.ipv4, jumbo)).toBe(3);
    expect(await lab.test.ping(CLIENT2.ipv4, jumbo)).toBe(3);
    expect(await lab.client2.ping(CLIENT1.ipv4, { size: 8900, pmtuDiscovery: "do" })).toBe(3);
  });

  test("TCP in jumbo segments arrives byte for byte", async () => {
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
    await expectTcp(lab.client2, lab.test, OWN_LEG.ipv6);
    await expectTcp(lab.test, lab.client1, CLIENT1.ipv4);
  });

  test("super-frames side by side arrive byte for byte", async () => {
    await Promise.all([
      expectTcp(lab.client1, lab.client2, CLIENT2.ipv6),
      expectTcp(lab.client2, lab.client1, CLIENT1.ipv4),
      expectTcp(lab.client1, lab.test, OWN_LEG.ipv4),
    ]);
  });

  test("the switch's own leg takes its MTU from the underlay", async () => {
    expect(await lab.test.run("ip", "link", "show", "br0")).toContain("mtu 8950 ");
  });
});
