// A change of the running switch: what did not change keeps every frame, address and counter.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sleep, waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT2, KernelLab } from "./harness/kernel-lab.ts";
import type { FdbRow, MirrorRow, PortRow } from "./harness/rows.ts";

const DATAGRAMS = 10_000;
const INTERVAL_MS = 0.5;
const UDP_PORT = 5002;
const IDLE_MS = 3000;
const RELOAD_TIMEOUT_MS = 5000;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
});
afterAll(() => lab?.end());

test("reloads that add and remove ports and mirrors lose not one frame of the ports that stay", async () => {
  await lab.client1.ping(CLIENT2.ipv4);
  const learntBefore = await learnt();
  const receivedBefore = await received();
  const receiver = await lab.client2
    .script("udp.mjs", "receive", CLIENT2.ipv4, UDP_PORT, DATAGRAMS, IDLE_MS)
    .ready();
  const sender = lab.client1.script("udp.mjs", "send", CLIENT2.ipv4, UDP_PORT, 200, DATAGRAMS, INTERVAL_MS);

  await sleep(1000);
  const { bridges } = lab.config;
  bridges.br0.ports.client3 = { type: "vxlan", vni: 4100, remote: "10.122.4.3" };
  bridges.br0.mirrors = { m0: { select_all: true, output: { tap: "mirror0" } } };
  bridges.br1 = {
    ports: { client4: { type: "vxlan", vni: 4200, remote: "10.122.4.4" }, br1: { type: "tap" } },
  };
  await reloadTo({ ports: ["br0", "br1", "client1", "client2", "client3", "client4"], mirrors: 1 });
  delete bridges.br0.mirrors;
  delete bridges.br1;
  await reloadTo({ ports: ["br0", "client1", "client2", "client3"], mirrors: 0 });

  expect(await sender.result()).toEqual({ sent: DATAGRAMS });
  expect(await receiver.result()).toEqual({ intact: DATAGRAMS, corrupt: 0 });
  expect(await received()).toBeGreaterThanOrEqual(receivedBefore + DATAGRAMS);
  expect(await learnt()).toEqual(expect.arrayContaining(learntBefore));
});

test("a configuration with a fault is refused whole, and the running one stays", async () => {
  const { br0 } = lab.config.bridges;
  br0.ports.client4 = { type: "vxlan", vni: 2 ** 24, remote: CLIENT2.underlay };
  lab.reload();
  const refused = () => /client4\.vni.*expected/.test(lab.running.log());
  expect(await waitUntil(refused, RELOAD_TIMEOUT_MS)).toBe(true);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  delete br0.ports.client4;
});

/** Has the switch read the configuration as it now is, and waits until it has these ports, all up, and mirrors. */
async function reloadTo(wanted: { ports: string[]; mirrors: number }): Promise<void> {
  lab.reload();
  const reached = async () => {
    const ports = (await lab.show<PortRow>("ports")).filter(({ state }) => state === "up");
    const mirrors = await lab.show<MirrorRow>("mirrors");
    return (
      ports
        .map(({ port }) => port)
        .sort()
        .join() === wanted.ports.join() && mirrors.length === wanted.mirrors
    );
  };
  expect(await waitUntil(reached, RELOAD_TIMEOUT_MS), lab.running.log()).toBe(true);
}

async function learnt(): Promise<Pick<FdbRow, "mac" | "port">[]> {
  return (await lab.show<FdbRow>("fdb")).map(({ mac, port }) => ({ mac, port }));
}

async function received(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_port_receive_packets_total", { port: "client1" });
}
