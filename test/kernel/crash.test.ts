// The forwarding thread crashes, for whatever reason: the switch says so, starts it again and forwards as before.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PortRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const CRASH_SCRIPT = fileURLToPath(new URL("harness/peers/crash.mjs", import.meta.url));
const RESTART_TIMEOUT_MS = 10_000;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start({
    wrapper: (directory) => [
      "env",
      `NODE_OPTIONS=--import ${CRASH_SCRIPT}`,
      `VXSWITCH_CRASH_FILE=${join(directory, "crash")}`,
    ],
  });
});
afterAll(() => lab?.end());

test("a forwarding thread that crashes is started again and said to have crashed", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await restarts()).toBe(0);
  writeFileSync(join(lab.directory, "crash"), "");
  expect(await waitUntil(async () => (await restarts()) === 1, RESTART_TIMEOUT_MS, 200)).toBe(true);
  expect(lab.running.log()).toMatch(/crashed for a test/);
});

test("afterwards every port is up and forwards, and no counter started anew", async () => {
  const receivedBefore = await received();
  expect(receivedBefore).toBeGreaterThan(0);
  const allUp = async () => (await lab.show<PortRow>("ports")).every(({ state }) => state === "up");
  expect(await waitUntil(allUp, RESTART_TIMEOUT_MS, 200)).toBe(true);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.client2.ping(OWN_LEG.ipv6)).toBe(3);
  await expectTcp(lab.client2, lab.client1, CLIENT1.ipv4, 1_000_000);
  expect(await received()).toBeGreaterThan(receivedBefore);
});

async function restarts(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_worker_restarts_total");
}

async function received(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_port_receive_packets_total", { port: "client1" });
}
