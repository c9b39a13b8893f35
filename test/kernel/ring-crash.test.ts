// The switch is killed, or one of its threads crashes, or it is stopped for a moment, all under traffic by the ring: no
// frame is forwarded twice, what is lost is counted, nothing is left behind, and nobody else's tc state is touched.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep, waitUntil } from "../../src/control/lab/command.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { CLIENT2, crashable, crashThread, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PeerScript } from "./harness/peer.ts";

const ADDON = fileURLToPath(new URL("../../build/vxswitch.node", import.meta.url));
const VXLAN_PORT = 4789;
/** What the user's own filters drop. */
const PORT_OF_FILTER = 7777;
const PORT_OF_TCX = 7778;
const FLOW_PORT = 5002;
const FLOWS = 8;
/** So that the ring is full soon. */
const DATAGRAM_BYTES_MAX = 1400;
const IDLE_MS = 1500;
const OVERTAKEN_MAX = 10;
const TIMEOUT_MS = 10_000;

interface FlowsSeen {
  flows: number;
  received: number;
  overtaken: number;
  repeated: number;
}

describe.skipIf(inUserNamespace())("the receive ring", () => {
  let lab: KernelLab;
  let foreign: PeerScript;
  beforeAll(async () => {
    lab = await KernelLab.start({
      wrapper: crashable,
    });
  });
  afterAll(async () => {
    foreign?.end();
    await lab?.end();
  });

  test("a forwarding thread crashes under traffic: its frames wait in the ring, none is lost or sent twice", async () => {
    const count = 1000;
    const receiver = await receiveFlows(FLOWS * count);
    const sender = sendFlows(count, 2);
    await sleep(500);
    crashThread(lab);
    await sender.result();
    // A new thread may run on another core than the one on which the kernel still has frames of the old one in hand: there
    // one of them may be overtaken.
    const { overtaken, ...seen } = await receiver.result<FlowsSeen>();
    expect(seen).toEqual({ flows: FLOWS, received: FLOWS * count, repeated: 0 });
    expect(overtaken).toBeLessThan(OVERTAKEN_MAX);
    expect(sum(await lab.metrics(), "vxswitch_worker_restarts_total")).toBe(1);
    expect(await overruns()).toBe(0);
  });

  test("what finds the ring full is counted: received and overruns are all that was sent", async () => {
    const count = 10_000;
    const before = await received();
    const receiver = await receiveFlows();
    const sender = sendFlows(count, 0, DATAGRAM_BYTES_MAX);
    await sleep(300);
    lab.running.signal("SIGSTOP");
    await sleep(700);
    lab.running.signal("SIGCONT");
    await sender.result();
    const { repeated, overtaken } = await receiver.result<FlowsSeen>();
    expect({ repeated, overtaken }).toEqual({ repeated: 0, overtaken: 0 });
    expect(await overruns()).toBeGreaterThan(1000);
    const total = (await received()) - before + (await overruns());
    // Now and then the clients ask for each other's address.
    expect(total).toBeGreaterThanOrEqual(FLOWS * count);
    expect(total).toBeLessThan(FLOWS * count + 50);
  });

  test("a user's own tc filter and tcx program that come later do what they did", async () => {
    // Out at a device whose other end takes it for somebody else's: gone, with no more of tc than the lab needs.
    await lab.test.run("ip", "link", "add", "sink", "up", "type", "veth", "peer", "name", "drain");
    await lab.test.run("ip", "link", "set", "drain", "up");
    const match = ["match", "ip", "dport", String(PORT_OF_FILTER), "0xffff"];
    const filter = [...match, "action", "mirred", "egress", "redirect", "dev", "sink"];
    await lab.test.run("tc", "qdisc", "add", "dev", "eth0", "clsact");
    await lab.test.run("tc", "filter", "add", "dev", "eth0", "ingress", "protocol", "ip", "u32", ...filter);
    const ifindex = (await lab.test.run("cat", "/sys/class/net/eth0/ifindex")).trim();
    const words = [ADDON, ifindex, OWN_LEG.underlay, PORT_OF_TCX];
    foreign = await lab.test.script("foreign-tcx.mjs", ...words).ready();
    await expectForeign();
    await expectByRing();
  });

  test("killed under traffic it leaves nothing, and what is not its own stays", async () => {
    const before = await foreignState();
    const sender = sendFlows(1000, 1);
    await sleep(300);
    lab.running.signal("SIGKILL");
    expect(await lab.running.exited).toEqual({ code: null, signal: "SIGKILL" });
    await sender.result();
    expect(await foreignState()).toBe(before);
    await expectForeign();
    expect(await devices()).toEqual(["drain", "eth0", "lo", "sink"]);
    // No program takes away what a listener in the switch's place is sent.
    expect(await listen(VXLAN_PORT)).toBe(true);
  });

  test("started again behind a filter and a program of others it forwards, and they still do what they did", async () => {
    const before = await foreignState();
    await lab.restart();
    await expectByRing();
    await expectForeign();
    expect(await foreignState()).toBe(before);
    expect(await listen(PORT_OF_TCX + 1)).toBe(true);
  });

  /** Frames pass, and the host's UDP sockets get no datagram of it. */
  async function expectByRing(): Promise<void> {
    const ring = async () => (await lab.vxswitch("show")).includes("received by ring on eth0;");
    expect(await waitUntil(ring, TIMEOUT_MS)).toBe(true);
    const before = await datagramsOfSockets();
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    // From here: client2 would go on asking for the MAC address that the own leg had before.
    expect(await lab.test.ping(CLIENT2.ipv4)).toBe(3);
    expect(await datagramsOfSockets()).toBe(before);
  }

  async function expectForeign(): Promise<void> {
    expect(await listen(PORT_OF_FILTER)).toBe(false);
    expect(await listen(PORT_OF_TCX)).toBe(false);
  }

  /** Whether a listener on the switch's host gets what client1 sends to its port. */
  async function listen(port: number): Promise<boolean> {
    const to = [OWN_LEG.underlay, port] as const;
    const receiver = await lab.test.script("udp.mjs", "receive", ...to, 20, 500).ready();
    await lab.client1.script("udp.mjs", "send", ...to, 100, 20, 1).result();
    const { intact } = await receiver.result<{ intact: number }>();
    expect([0, 20]).toContain(intact);
    return intact > 0;
  }

  async function foreignState(): Promise<string> {
    const qdiscs = await lab.test.run("tc", "qdisc", "show", "dev", "eth0");
    return qdiscs + (await lab.test.run("tc", "filter", "show", "dev", "eth0", "ingress"));
  }

  async function devices(): Promise<string[]> {
    const text = await lab.test.run("ip", "-j", "link", "show");
    return (JSON.parse(text) as { ifname: string }[]).map(({ ifname }) => ifname).sort();
  }

  async function datagramsOfSockets(): Promise<number> {
    return Number(/InDatagrams\s+(\d+)/.exec(await lab.test.run("nstat", "-asz", "UdpInDatagrams"))?.[1]);
  }

  /** Until a count of them has come, or no more does. */
  function receiveFlows(count?: number): Promise<PeerScript> {
    const words = [CLIENT2.ipv4, FLOW_PORT, IDLE_MS, ...(count === undefined ? [] : [count])];
    return lab.client2.script("flows.mjs", "receive", ...words).ready();
  }

  function sendFlows(count: number, everyMs: number, bytes = 64): PeerScript {
    return lab.client1.script("flows.mjs", "send", CLIENT2.ipv4, FLOW_PORT, FLOWS, count, everyMs, bytes);
  }

  async function received(): Promise<number> {
    return sum(await lab.metrics(), "vxswitch_port_receive_packets_total", { port: "client1" });
  }

  async function overruns(): Promise<number> {
    return sum(await lab.metrics(), "vxswitch_underlay_receive_overruns_total");
  }
});
