// Two forwarding threads: flows spread over both, each stays in order, and what one has learnt the other knows.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { Capture } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, crashable, crashThread, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer, PeerScript } from "./harness/peer.ts";
import type { MirrorRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const RESTART_TIMEOUT_MS = 10_000;
const PORT = 5002;
const IDLE_MS = 3000;
/** Enough that all of them meeting at one worker is no chance worth thinking of. */
const FLOWS = 24;
const COUNT = 800;
const EVERY_MS = 2;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start({
    configure: (config, directory) => {
      config.underlay.workers = 2;
      config.bridges.br0.mirrors = {
        all: { select_all: true, snaplen: 64, output: { pcapng: join(directory, "all.pcapng") } },
      };
    },
    wrapper: crashable,
  });
});
afterAll(() => lab?.end());

interface FlowsSeen {
  flows: number;
  received: number;
  overtaken: number;
  repeated: number;
}

const ALL_IN_ORDER: FlowsSeen = { flows: FLOWS, received: FLOWS * COUNT, overtaken: 0, repeated: 0 };

test("clients and the switch's own leg reach each other, whoever forwards for whom", async () => {
  for (const [from, to] of [
    [lab.client1, CLIENT2],
    [lab.client2, OWN_LEG],
    [lab.test, CLIENT1],
  ] as const) {
    expect(await from.ping(to.ipv4)).toBe(3);
    expect(await from.ping(to.ipv6)).toBe(3);
  }
});

test("many flows both ways: both threads forward, and none overtakes itself", async () => {
  const before = await receivedByWorker();
  const seen = await exchangeFlows();
  expect(seen).toEqual([ALL_IN_ORDER, ALL_IN_ORDER]);
  const after = await receivedByWorker();
  expect(after).toHaveLength(2);
  for (const [worker, frames] of after.entries()) expect(frames - before[worker]).toBeGreaterThan(COUNT);
});

test("an address that one thread has learnt is known to the other: flows that nobody answers do not flood", async () => {
  await lab.vxswitch("fdb", "flush", "br0");
  // One flow each way: neither thread sees more of client2 than this.
  expect(await lab.client2.ping(CLIENT1.ipv4, { count: 1 })).toBe(1);
  const ownLeg = await Capture.start(lab.test, "br0", join(lab.directory, "own-leg.pcap"));
  const before = await receivedByWorker();
  const [, receiver] = await startReceivers();
  await startSender(lab.client1, CLIENT2.ipv4).result();
  expect(await receiver.result()).toEqual(ALL_IN_ORDER);
  for (const [worker, frames] of (await receivedByWorker()).entries())
    expect(frames - before[worker]).toBeGreaterThan(COUNT);
  expect(await ownLeg.stopAndCount(`udp.dstport == ${PORT}`)).toBe(0);
});

test("TCP streams side by side arrive byte for byte, and their senders see next to nothing out of order", async () => {
  await Promise.all([
    expectTcp(lab.client1, lab.client2, CLIENT2.ipv4),
    expectTcp(lab.client2, lab.client1, CLIENT1.ipv6),
    expectTcp(lab.client1, lab.test, OWN_LEG.ipv4),
    expectTcp(lab.test, lab.client2, CLIENT2.ipv6),
  ]);
  for (const peer of [lab.client1, lab.client2, lab.test]) {
    const segments = await hostCount(peer, "TcpOutSegs");
    expect(segments).toBeGreaterThan(1000);
    // A few come of the lab itself, whose processes change processors.
    expect(await hostCount(peer, "TcpExtTCPSACKReorder")).toBeLessThan(segments / 1000);
  }
});

test("a mirror takes each frame once, from whichever thread", async () => {
  // What came in before the mirror was there does not count.
  const before = await missedByMirror();
  await exchangeFlows();
  await waitUntil(async () => (await missedByMirror()) === before, IDLE_MS, 200);
  expect(await missedByMirror()).toBe(before);
});

test("a flush empties the tables of both, and both learn anew", async () => {
  await lab.vxswitch("fdb", "flush", "br0");
  expect((await exchangeFlows()).map(({ received }) => received)).toEqual([FLOWS * COUNT, FLOWS * COUNT]);
  const rows = await lab.show<{ port: string }>("fdb");
  expect(new Set(rows.map(({ port }) => port))).toContain("client1");
  expect(new Set(rows.map(({ port }) => port))).toContain("client2");
});

test("a thread that crashes amid traffic is started again alone; no flow is lost or out of order", async () => {
  expect(await restarts()).toBe(0);
  const overflowsBefore = await overflows();
  const receivers = await startReceivers();
  const senders = startSenders();
  crashThread(lab);
  expect(await waitUntil(async () => (await restarts()) === 1, RESTART_TIMEOUT_MS, 100)).toBe(true);
  for (const sender of senders) await sender.result();
  const seen = await Promise.all(receivers.map((receiver) => receiver.result<FlowsSeen>()));
  // What has waited arrives at once: more, if the restart took long, than a client's socket has room for.
  const overflowsAfter = await overflows();
  const arrived = seen.map((one, client) => ({
    ...one,
    received: one.received + overflowsAfter[client] - overflowsBefore[client],
  }));
  expect(arrived).toEqual([ALL_IN_ORDER, ALL_IN_ORDER]);
  expect(lab.running.log()).toMatch(/forwarding thread [01] crashed \(crashed for a test\)/);
  expect(await restarts()).toBe(1);
});

test("no news between the threads was lost", async () => {
  expect(sum(await lab.metrics(), "vxswitch_learning_drops_total")).toBe(0);
});

/** Frames received that the mirror has not taken, read while none comes in. */
async function missedByMirror(): Promise<number> {
  const received = async () => sum(await lab.metrics(), "vxswitch_port_receive_packets_total");
  let missed = Number.NaN;
  const isQuiet = async () => {
    const before = await received();
    const [{ packets, drops }] = await lab.show<MirrorRow>("mirrors");
    missed = before - packets - drops.queue - drops.output;
    return (await received()) === before;
  };
  expect(await waitUntil(isQuiet, IDLE_MS)).toBe(true);
  return missed;
}

/** Flows from each client to the other at the same time; what each client saw. */
async function exchangeFlows(): Promise<FlowsSeen[]> {
  const receivers = await startReceivers();
  for (const sender of startSenders()) await sender.result();
  return Promise.all(receivers.map((receiver) => receiver.result<FlowsSeen>()));
}

async function startReceivers(): Promise<PeerScript[]> {
  const start = (peer: Peer, address: string) =>
    peer.script("flows.mjs", "receive", address, PORT, IDLE_MS, FLOWS * COUNT).ready();
  return [await start(lab.client1, CLIENT1.ipv4), await start(lab.client2, CLIENT2.ipv4)];
}

function startSenders(): PeerScript[] {
  return [startSender(lab.client1, CLIENT2.ipv4), startSender(lab.client2, CLIENT1.ipv4)];
}

function startSender(peer: Peer, address: string): PeerScript {
  return peer.script("flows.mjs", "send", address, PORT, FLOWS, COUNT, EVERY_MS);
}

/** Datagrams for which the sockets of each client had no room. */
function overflows(): Promise<number[]> {
  return Promise.all([lab.client1, lab.client2].map((client) => hostCount(client, "UdpRcvbufErrors")));
}

/** A counter of a host's protocols, as nstat(8) calls it. */
async function hostCount(peer: Peer, counter: string): Promise<number> {
  const text = await peer.run("nstat", "-asz", counter);
  return Number(new RegExp(`^${counter}\\s+(\\d+)`, "m").exec(text)?.[1]);
}

async function receivedByWorker(): Promise<number[]> {
  const samples = await lab.metrics();
  return samples
    .filter(({ name }) => name === "vxswitch_worker_receive_packets_total")
    .map(({ value }) => value);
}

async function restarts(): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_worker_restarts_total");
}
