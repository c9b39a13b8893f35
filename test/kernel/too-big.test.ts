// A way that is narrower than the clients believe: they are told, and from then on what they send gets through.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { CLIENT2, KernelLab } from "./harness/kernel-lab.ts";

const PATH_MTU_BYTES = 1400;
/** Less outer IPv4, UDP, VXLAN, and the inner Ethernet header. */
const OVERLAY_MTU_BYTES = PATH_MTU_BYTES - 50;
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
