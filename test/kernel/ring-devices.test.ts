// The device under the ring goes down and up, is renamed, removed and made again, all under traffic: the switch says so,
// does not spin, forwards again within about a second by a ring, and keeps no descriptor of what is gone.
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep, waitUntil } from "../../src/control/lab/command.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PeerScript } from "./harness/peer.ts";

const FLOW_PORT = 5002;
const FLOWS = 4;
const EVERY_MS = 2;
const SECOND_MS = 1000;
/** "About a second", by the clock of a machine that does other things. */
const RECOVERY_TIMEOUT_MS = 3 * SECOND_MS;
const RING_TIMEOUT_MS = 5 * SECOND_MS;
/** Each way of it twice: what is left over from one of them shows. */
const ROUNDS = 8;
/** What leads to a device is kept for five seconds without use, in case the device comes back. */
const FORGET_TIMEOUT_MS = 20 * SECOND_MS;
const REPLACE_TIMEOUT_MS = 20 * SECOND_MS;
const TICKS_A_SECOND = 100;

describe.skipIf(inUserNamespace())("the device under the ring", () => {
  let lab: KernelLab;
  let mac: string;
  let descriptorsAtFirst: number;
  let sender: PeerScript;
  let receiver: PeerScript;
  beforeAll(async () => {
    lab = await KernelLab.start();
    await expectForwarding();
    await expectRing("eth0");
    mac = await lab.test.mac("eth0");
    receiver = await lab.client2.script("flows.mjs", "receive", CLIENT2.ipv4, FLOW_PORT, 30_000).ready();
    // Longer than all tests take.
    sender = lab.client1.script("flows.mjs", "send", CLIENT2.ipv4, FLOW_PORT, FLOWS, 1 << 20, EVERY_MS);
    descriptorsAtFirst = await settledDescriptors();
  });
  afterAll(() => lab?.end());

  test("is renamed: the ring goes on, and is told by the new name", async () => {
    await lab.test.host.ip("link", "set", "eth0", "name", "uplink0");
    await expectRing("uplink0");
    await expectForwarding();
    await lab.test.host.ip("link", "set", "uplink0", "name", "eth0");
    await expectRing("eth0");
  });

  test("is down: the switch waits without spinning, and forwards when it is up again", async () => {
    await lab.test.host.ip("link", "set", "eth0", "down");
    const gone = async () => (await lab.vxswitch("show")).includes("received by UDP sockets");
    expect(await waitUntil(gone, RING_TIMEOUT_MS)).toBe(true);
    const before = processorSeconds();
    await sleep(2 * SECOND_MS);
    expect(processorSeconds() - before).toBeLessThan(0.12);
    await lab.test.host.ip("link", "set", "eth0", "up");
    await expectForwarding();
    await expectRing("eth0");
    expect(lab.running.log()).toContain("datagrams are no longer received by ring on eth0");
  });

  test("blinks: the ring goes on by itself", async () => {
    for (let i = 0; i < 5; i++) {
      await lab.test.host.ip("link", "set", "eth0", "down");
      await lab.test.host.ip("link", "set", "eth0", "up");
      await expectForwarding();
    }
    await expectRing("eth0");
  });

  test("gets a larger MTU and a smaller one again: the ring goes on, and nothing is lost on the way", async () => {
    const flows = [CLIENT2.ipv4, FLOW_PORT + 1] as const;
    const count = SECOND_MS;
    const all = FLOWS * count;
    const other = await lab.client2.script("flows.mjs", "receive", ...flows, 2 * SECOND_MS, all).ready();
    const sent = lab.client1.script("flows.mjs", "send", ...flows, FLOWS, count, EVERY_MS);
    await sleep(SECOND_MS / 2);
    await lab.test.host.ip("link", "set", "eth0", "mtu", "9000");
    await sleep(SECOND_MS);
    await lab.test.host.ip("link", "set", "eth0", "mtu", "1500");
    await sent.result();
    expect(await other.result()).toMatchObject({ received: all, overtaken: 0, repeated: 0 });
    await expectRing("eth0");
  });

  test("is replaced at once by another one of its index: the dead ring is noticed", async () => {
    const index = (await lab.test.run("cat", "/sys/class/net/eth0/ifindex")).trim();
    const byRing = async () => {
      const before = await datagramsOfSockets();
      expect(await lab.client2.ping(CLIENT1.ipv4)).toBe(3);
      return (await datagramsOfSockets()) === before;
    };
    const isNoticed = async () => {
      await unplug();
      await plugIn("index", index);
      await expectForwarding();
      await expectRing("eth0");
      expect(await waitUntil(byRing, RING_TIMEOUT_MS)).toBe(true);
      return lab.running.log().includes("ring on eth0: the device was replaced");
    };
    // The switch looks once a second. Where it has looked just between the two, the device was gone: once more then.
    expect(await waitUntil(isNoticed, REPLACE_TIMEOUT_MS)).toBe(true);
  });

  test(`${ROUNDS} rounds of down and up, removed and made again: no descriptor is left over`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 2 === 0) await unplug();
      else await lab.test.host.ip("link", "set", "eth0", "down");
      // Now and then so long that the ring is given up meanwhile.
      await sleep(round % 4 < 2 ? 1200 : 50);
      if (round % 2 === 0) await plugIn();
      else await lab.test.host.ip("link", "set", "eth0", "up");
      await expectForwarding();
    }
    await expectRing("eth0");
    expect(await settledDescriptors(descriptorsAtFirst)).toBe(descriptorsAtFirst);
  });

  test("through all of this no frame came twice", async () => {
    sender.end();
    await sleep(SECOND_MS);
    receiver.end();
    const { received, repeated } = await receiver.result<{ received: number; repeated: number }>();
    expect(received).toBeGreaterThan(1000);
    expect(repeated).toBe(0);
    expect(lab.running.log()).not.toMatch(/crashed|error/);
  });

  /** Their number when it has been the same for a second, and is what is wanted or long past what is kept for a while. */
  async function settledDescriptors(wanted?: number): Promise<number> {
    let [count, sinceMs] = [descriptors(), performance.now()];
    const isSettled = () => {
      if (descriptors() !== count) [count, sinceMs] = [descriptors(), performance.now()];
      return count === (wanted ?? count) && performance.now() - sinceMs > SECOND_MS;
    };
    await waitUntil(isSettled, FORGET_TIMEOUT_MS, 100);
    return count;
  }

  function unplug(): Promise<string> {
    return lab.network.campus.ip("link", "del", "test");
  }

  /** Makes the device again with the MAC address that the clients know. */
  async function plugIn(...options: string[]): Promise<void> {
    const { campus, test: host } = lab.network;
    const peer = ["peer", "name", "test", "netns", campus.namespace];
    await host.ip("link", "add", "eth0", "address", mac, ...options, "type", "veth", ...peer);
    await lab.network.up();
  }

  /** Clients reach each other and the switch's own leg, now or soon. */
  async function expectForwarding(): Promise<void> {
    const reached = async () =>
      (await lab.client1.ping(CLIENT2.ipv4, { count: 1, waitSeconds: 0.2 })) === 1 &&
      (await lab.client2.ping(OWN_LEG.ipv4, { count: 1, waitSeconds: 0.2 })) === 1;
    expect(await waitUntil(reached, RECOVERY_TIMEOUT_MS)).toBe(true);
  }

  async function expectRing(device: string): Promise<void> {
    const isOn = async () => (await lab.vxswitch("show")).includes(`received by ring on ${device};`);
    expect(await waitUntil(isOn, RING_TIMEOUT_MS)).toBe(true);
  }

  async function datagramsOfSockets(): Promise<number> {
    return Number(/InDatagrams\s+(\d+)/.exec(await lab.test.run("nstat", "-asz", "UdpInDatagrams"))?.[1]);
  }

  function descriptors(): number {
    return readdirSync(`/proc/${lab.running.pid}/fd`).length;
  }

  /** Time that the process has spent on processors (proc(5), stat). */
  function processorSeconds(): number {
    const fields = readFileSync(`/proc/${lab.running.pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }
});
