// The forwarding thread crashes, for whatever reason: the switch says so, starts it again and forwards as before.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT1, CLIENT2, crashable, crashThread, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PortRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const RESTART_TIMEOUT_MS = 10_000;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start({
    wrapper: crashable,
  });
});
afterAll(() => lab?.end());

test("a forwarding thread that crashes is started again and said to have crashed", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await restarts()).toBe(0);
  crashThread(lab);
  expect(await waitUntil(async () => (await restarts()) === 1, RESTART_TIMEOUT_MS, 200)).toBe(true);
  expect(lab.running.log()).toMatch(/crashed for a test/);
  const told = [
    { message: expect.stringMatching(/crashed \(.*crashed for a test.*\); it starts again in \d+ ms/) },
  ];
  expect(await lab.events("worker_restart")).toMatchObject(told);
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
