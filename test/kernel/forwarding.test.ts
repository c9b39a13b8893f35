// Two clients on one VNI and the switch's own leg, all as they come: no offload is changed anywhere. Once with whatever
// the machine offers, where super-frames leave whole, and once by UDP sockets alone, where they are cut.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Capture, decode } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { compileUdpGso, expectTcp, expectUdp, expectUdpSegments } from "./harness/transfer.ts";
import { takesSuperFrames } from "./harness/whole.ts";

describe.each(["auto", "udp"])("with io: %s", (io) => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      configure: (config) => {
        config.underlay.io = io;
      },
    });
  });
  afterAll(() => lab?.end());

  describe.each(["ipv4", "ipv6"] as const)("over %s", (family) => {
    const [one, two, leg] = [CLIENT1, CLIENT2, OWN_LEG].map((addresses) => addresses[family]);

    test("clients on the same VNI ping each other", async () => {
      expect(await lab.client1.ping(two)).toBe(3);
      expect(await lab.client2.ping(one)).toBe(3);
    });

    test("clients and the switch's own leg ping each other", async () => {
      expect(await lab.client1.ping(leg)).toBe(3);
      expect(await lab.test.ping(two)).toBe(3);
    });

    test("TCP from client to client arrives byte for byte", async () => {
      await expectTcp(lab.client1, lab.client2, two);
      await expectTcp(lab.client2, lab.client1, one);
    });

    test("TCP from a client to the switch's own leg arrives byte for byte", async () => {
      await expectTcp(lab.client1, lab.test, leg);
    });

    test("TCP from the switch's own leg to a client arrives byte for byte", async () => {
      await expectTcp(lab.test, lab.client2, two);
    });

    test("UDP datagrams of 60 KB, in fragments inside, arrive byte for byte", async () => {
      const datagrams = { bytes: 60_000, count: 20, intervalMs: 20 };
      await expectUdp(lab.client1, lab.client2, two, datagrams);
      await expectUdp(lab.client2, lab.test, leg, datagrams);
      await expectUdp(lab.test, lab.client1, one, datagrams);
    });

    test("UDP super-datagrams that the sender left uncut arrive cut", async () => {
      const program = compileUdpGso(lab.directory);
      const segments = { bytes: 1200, count: 40 };
      await expectUdpSegments(program, lab.client1, lab.client2, two, segments);
      await expectUdpSegments(program, lab.client1, lab.test, leg, segments);
      await expectUdpSegments(program, lab.test, lab.client2, two, segments);
    });

    test("segments that do not fill their datagram arrive cut", async () => {
      const program = compileUdpGso(lab.directory);
      await expectUdpSegments(program, lab.client1, lab.client2, two, { bytes: 333, count: 64 });
      await expectUdpSegments(program, lab.test, lab.client1, one, { bytes: 333, count: 64 });
    });
  });

  test("the switch's own leg has the MTU that the underlay leaves", async () => {
    const ports = await lab.show<{ port: string; mtu: number }>("ports");
    expect(ports.find(({ port }) => port === "br0")?.mtu).toBe(1450);
    expect(await lab.test.run("ip", "link", "show", "br0")).toContain("mtu 1450 ");
  });

  test.runIf(io === "auto")(
    "super-frames leave the switch whole where the kernel can take them",
    async () => {
      const path = join(lab.directory, "underlay.pcap");
      const capture = await Capture.start(lab.client2, "eth0", path);
      await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 8_000_000);
      await capture.stop();
      const lengths = await decode(path, `tcp && ip.src == ${OWN_LEG.underlay}`, ["frame.len"]);
      const longest = Math.max(...lengths.map(([length]) => Number(length)));
      if (takesSuperFrames()) expect(longest).toBeGreaterThan(10_000);
      else expect(longest).toBeLessThanOrEqual(1514);
    },
  );
});
