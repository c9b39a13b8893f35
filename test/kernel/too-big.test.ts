// A way that is narrower than the clients believe: they are told, and from then on what they send gets through.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { Capture, decode } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, KernelLab } from "./harness/kernel-lab.ts";
import { expectTcp } from "./harness/transfer.ts";

const PATH_MTU_BYTES = 1400;
/** Less outer IPv4, UDP, VXLAN, and the inner Ethernet header. */
const OVERLAY_MTU_BYTES = PATH_MTU_BYTES - 50;
/** What the clients believe: of the underlay's 1500. */
const CLIENT_MTU_BYTES = 1450;
const PING_BYTES = 1400;
const LEARN_TIMEOUT_MS = 5000;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
  await lab.client1.ping(CLIENT2.ipv4);
  await lab.client1.ping(CLIENT2.ipv6);
  await lab.test.host.ip(
    "route",
    "add",
    `${CLIENT2.underlay}/32`,
    "dev",
    "eth0",
    "mtu",
    String(PATH_MTU_BYTES),
  );
  const isKnown = async () => {
    const vteps = await lab.show<{ remote: string; overlay_mtu: number }>("vteps");
    return vteps.some((vtep) => vtep.remote === CLIENT2.underlay && vtep.overlay_mtu === OVERLAY_MTU_BYTES);
  };
  expect(await waitUntil(isKnown, LEARN_TIMEOUT_MS)).toBe(true);
});
afterAll(() => lab?.end());

test.each(["ipv4", "ipv6"] as const)(
  "who sends too much over %s is told the MTU, and then gets through",
  async (family) => {
    const address = CLIENT2[family];
    const size = String(PING_BYTES);
    const args = ["-n", "-M", "do", "-s", size, "-c", "1", "-W", "1", address];
    const { stdout } = await lab.client1.host.outcome("ping", args);
    expect(stdout).toMatch(new RegExp(`mtu ?= ?${OVERLAY_MTU_BYTES}\\b`));
    expect(await lab.client1.run("ip", "route", "get", address)).toContain(`mtu ${OVERLAY_MTU_BYTES}`);
    // From now on its own stack cuts what it sends.
    expect(await lab.client1.ping(address, { size: PING_BYTES, pmtuDiscovery: "dont" })).toBe(3);
  },
);

test("the answers are counted at the port of who was told", async () => {
  const ports = await lab.show<{ port: string; too_big_replies: number }>("ports");
  const replies = Object.fromEntries(ports.map((row) => [row.port, row.too_big_replies]));
  expect(replies).toMatchObject({ client1: 2, client2: 0 });
});

describe("where a port clamps", () => {
  const TRANSFER_BYTES = 2_000_000;

  beforeAll(async () => {
    await lab.vxswitch("port", "set", "br0", "client2", "clamp_mss=true");
    // What was told above is forgotten.
    for (const version of ["-4", "-6"]) await lab.client1.host.ip(version, "route", "flush", "cache");
  });

  test.each(["ipv4", "ipv6"] as const)(
    "TCP over %s offers what fits, and nobody has to be told",
    async (family) => {
      const capture = await Capture.start(lab.client2, "vxlan0", join(lab.directory, `${family}.pcap`));
      const [droppedBefore, clampedBefore] = [await lab.drops("too_big"), await clamped()];
      await expectTcp(lab.client1, lab.client2, CLIENT2[family], TRANSFER_BYTES);
      await expectTcp(lab.client2, lab.client1, CLIENT1[family], TRANSFER_BYTES);
      await capture.stop();
      const headers = family === "ipv4" ? 40 : 60;
      const offers = await decode(capture.path, "tcp.flags.syn == 1", ["tcp.options.mss_val"]);
      // What client2 offers is clamped behind this capture, and what it is offered before.
      const [fits, own] = [OVERLAY_MTU_BYTES - headers, CLIENT_MTU_BYTES - headers];
      expect(offers.map(([mss]) => Number(mss)).sort()).toEqual([fits, fits, own, own]);
      expect(await lab.drops("too_big")).toBe(droppedBefore);
      expect((await clamped()) - clampedBefore).toBe(4);
    },
  );
});

async function clamped(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_port_mss_clamped_total", { port: "client2" });
}
