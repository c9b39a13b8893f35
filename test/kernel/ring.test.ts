// The receive ring against the real kernel: datagrams come in by it and past the host's stack, each exactly once, and what
// it does not carry takes the UDP socket or is dropped under a reason.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep } from "../../src/control/lab/command.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { scenarioClient } from "../../src/control/lab/topology.ts";
import { NO_DEVICE } from "../../src/dataplane/io/probe.ts";
import { Classifier, DeviceRings } from "../../src/dataplane/io/ring.ts";
import { WORKERS_MAX } from "../../src/dataplane/limits.ts";
import { fragments, type OuterFrame, outerFrame } from "../dataplane/outer-frame.ts";
import { vxlan } from "../dataplane/packets.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { Peer } from "./harness/peer.ts";
import { expectTcp, expectUdp } from "./harness/transfer.ts";

const VXLAN_PORT = 4789;
const VNI = 4100;
const VNI_OF_IPV6 = 4106;
const CLIENT1_IPV6 = "fd12::22";
const TEST_IPV6 = "fd12::103";
const OTHER_ADDRESS = "10.122.1.104";
const BEYOND = "10.200.0.3";
const COPIES = 4;
const SETTLE_TIMEOUT_MS = 3000;
/** Long after the last datagram was taken in. */
const QUIET_MS = 150;
const ETHERTYPE = 0x88b5;
const ETHERNET_BYTES = 14;

test.skipIf(inUserNamespace()).each([1, 2, 3, WORKERS_MAX])(
  "the kernel takes its program for %d workers",
  (workers) => {
    const classifier = new Classifier();
    try {
      // The device is what it looks for last.
      expect(() => new DeviceRings(classifier, workers, NO_DEVICE, 0)).toThrow(
        expect.objectContaining({ code: "ENODEV" }),
      );
    } finally {
      classifier.close();
    }
  },
);

// Without the machine's own privileges there is no ring, and all comes in by the socket (DESIGN.md).
describe.skipIf(inUserNamespace())("the receive ring", () => {
  let lab: KernelLab;
  /** Frames are put in at the campus' end of the switch's cable: its bridge would stop some of them. */
  let campus: Peer;
  let inject: string;
  let macs: OuterFrame["macs"];
  let seen: Capture;
  beforeAll(async () => {
    lab = await KernelLab.start({
      clients: [client(1), client(2), scenarioClient(3, { cables: [] })],
    });
    campus = new Peer(lab.network.campus);
    inject = compilePeer("inject", lab.directory);
    await lab.client1.run("ip", "addr", "add", `${CLIENT1_IPV6}/64`, "dev", "eth0", "nodad");
    await lab.test.run("ip", "addr", "add", `${TEST_IPV6}/64`, "dev", "eth0", "nodad");
    await lab.test.run("ip", "addr", "add", `${OTHER_ADDRESS}/16`, "dev", "eth0");
    const client1v6 = { type: "vxlan", vni: VNI_OF_IPV6, remote: CLIENT1_IPV6, local: TEST_IPV6 };
    lab.config.bridges.br0.ports.client1v6 = client1v6;
    await lab.reloadUntilUp();
    macs = { from: await lab.client1.mac("eth0"), to: await lab.test.mac("eth0") };
    seen = await Capture.start(lab.client2, "vxlan0", join(lab.directory, "seen.pcap"));
  });
  afterAll(() => lab?.end());

  test("frames come in by it: the UDP socket of the switch gets none of them", async () => {
    expect(await lab.vxswitch("show")).toContain("underlay ring (received by ring on eth0;");
    const before = await datagramsOfSockets();
    await expectUdp(lab.client1, lab.client2, CLIENT2.ipv4, { bytes: 300, count: 2000, intervalMs: 0.2 });
    await expectTcp(lab.client2, lab.client1, CLIENT1.ipv6, 4_000_000);
    await expectTcp(lab.client1, lab.test, OWN_LEG.ipv4, 4_000_000);
    expect(await datagramsOfSockets()).toBe(before);
  });

  /** By which way a datagram comes in, and what becomes of it: delivered, a drop reason, or not the switch's business. */
  type Fate = readonly [by: "ring" | "socket" | "neither", outcome: string];
  type Case = readonly [what: string, ...Fate, change: Partial<OuterFrame>];

  const CASES: readonly Case[] = [
    ["a plain datagram", "ring", "delivered", {}],
    ["one with a UDP checksum", "ring", "delivered", { udpChecksum: "right" }],
    ["a wrong UDP checksum", "ring", "outer_malformed", { udpChecksum: "wrong" }],
    ["a wrong IP checksum", "ring", "outer_malformed", { ipChecksum: "wrong" }],
    ["a UDP length beyond the IP packet", "ring", "outer_malformed", { udpLengthError: 1 }],
    ["a UDP length below its header", "ring", "outer_malformed", { udpLengthError: -90 }],
    ["an IP length beyond the frame", "ring", "outer_malformed", { ipLengthError: 4 }],
    ["an IP length that cuts the datagram", "ring", "outer_malformed", { ipLengthError: -4 }],
    ["an IP length that leaves nothing", "ring", "outer_malformed", { ipLengthError: -94 }],
    ["bytes behind the datagram", "ring", "delivered", { rest: Buffer.alloc(9, 0x99) }],
    ["bytes behind the IP packet", "ring", "delivered", { trailer: Buffer.alloc(9, 0x99) }],
    ["IP options", "socket", "delivered", { options: true }],
    ["a priority tag", "socket", "delivered", { vlan: 0 }],
    ["a VLAN that is not ours", "neither", "ignored", { vlan: 5 }],
  ];

  test.each(CASES)("%s over IPv4: by %s, %s", async (what, by, outcome, change) => {
    await expectFate(what, [by, outcome], (payload) => [outerFrame(ipv4(payload, change))]);
  });

  const CASES_OF_IPV6 = CASES.filter(([, , , change]) => !("ipChecksum" in change));

  test.each(CASES_OF_IPV6)("%s over IPv6: by %s, %s", async (what, by, outcome, change) => {
    const changed = { udpChecksum: "right", ...change } as const;
    await expectFate(`${what}, IPv6`, [by, outcome], (payload) => [outerFrame(ipv6(payload, changed))]);
  });

  test("no UDP checksum over IPv6: by ring, outer_malformed", async () => {
    await expectFate("no checksum, IPv6", ["ring", "outer_malformed"], (payload) => [
      outerFrame(ipv6(payload, { udpChecksum: "none" })),
    ]);
  });

  test("fragments are put together by the host and come in by the socket, once", async () => {
    await expectFate("fragments", ["socket", "delivered"], (payload) => fragments(ipv4(payload), 24));
    await expectFate("fragments, IPv6", ["socket", "delivered"], (payload) =>
      fragments(ipv6(payload, { udpChecksum: "right" }), 24),
    );
  });

  test("a fragment alone is nobody's", async () => {
    await expectFate("alone", ["neither", "ignored"], (payload) => fragments(ipv4(payload), 24).slice(0, 1));
  });

  test("padding is no part of a datagram", async () => {
    const whole = vxlan(VNI, innerFrame("hidden"));
    const cut = (bytes: number) => ({ payload: whole.subarray(0, bytes), trailer: whole.subarray(bytes) });
    for (const bytes of [0, 7, 8, 21]) {
      await expectFate(`${bytes} bytes and the rest as padding`, ["ring", "vxlan_short"], (payload) => [
        outerFrame(ipv4(payload, cut(bytes))),
      ]);
    }
    expect(await decode(seen.path, 'frame contains "hidden"', ["frame.number"])).toEqual([]);
  });

  test("a datagram to another host's MAC address is left alone, one to all hosts comes in by the socket", async () => {
    const to = (mac: string) => (payload: Buffer) => [
      outerFrame(ipv4(payload, { macs: { ...macs, to: mac } })),
    ];
    await expectFate("another host", ["neither", "ignored"], to("02:00:00:00:00:77"));
    await expectFate("all hosts", ["socket", "delivered"], to("ff:ff:ff:ff:ff:ff"));
  });

  test("the VXLAN port at another address of the host is a plain listener's, so is another port", async () => {
    await expectDatagrams(lab.client1, lab.test, OTHER_ADDRESS, VXLAN_PORT);
    await expectDatagrams(lab.client1, lab.test, OWN_LEG.underlay, VXLAN_PORT + 1);
  });

  test("ping and TCP to the host itself pass by", async () => {
    expect(await lab.client1.ping(OWN_LEG.underlay)).toBe(3);
    expect(await lab.client1.ping(TEST_IPV6)).toBe(3);
    await expectTcp(lab.client1, lab.test, OWN_LEG.underlay, 4_000_000);
    await expectTcp(lab.test, lab.client1, CLIENT1.underlay, 4_000_000);
  });

  test("datagrams to the VXLAN port that the host only routes go on their way", async () => {
    const beyond = lab.peer("client3");
    for (const name of ["ip_forward=1", "conf.all.send_redirects=0", "conf.eth0.send_redirects=0"])
      await lab.test.run("sysctl", "-qw", `net.ipv4.${name}`);
    await beyond.run("ip", "addr", "add", `${BEYOND}/32`, "dev", "lo");
    await lab.test.run("ip", "route", "add", BEYOND, "via", "10.122.4.3");
    await lab.client1.run("ip", "route", "add", BEYOND, "via", OWN_LEG.underlay);
    await expectDatagrams(lab.client1, beyond, BEYOND, VXLAN_PORT);
  });

  /** Sends copies of what `make` builds around a marked frame, and expects this of each and of nothing else. */
  async function expectFate(what: string, [by, outcome]: Fate, make: (payload: Buffer) => Buffer[]) {
    const marker = `<${what}>`;
    const before = { delivered: 0, bySocket: await datagramsOfSockets(), drops: await drops() };
    const frames = Array.from({ length: COPIES }, () => make(innerFrame(marker))).flat();
    await campus.run(inject, lab.test.host.name, ...frames.map((frame) => frame.toString("hex")));
    const wanted = { ...before, drops: { ...before.drops } };
    if (by === "socket") wanted.bySocket += COPIES;
    if (outcome === "delivered") wanted.delivered += COPIES;
    else if (outcome !== "ignored") wanted.drops[outcome] = (wanted.drops[outcome] ?? 0) + COPIES;
    await sleep(QUIET_MS);
    expect(await account(marker)).toEqual(wanted);
  }

  /** What became of the frames with a marker, as client2 sees it, and of all datagrams, as the host does. */
  async function account(marker: string) {
    return { delivered: delivered(marker), bySocket: await datagramsOfSockets(), drops: await drops() };
  }

  /** Frames with a marker that the capture holds by now, each of which must be as it was sent, byte for byte. */
  function delivered(marker: string): number {
    const frame = innerFrame(marker);
    const file = readFileSync(seen.path);
    let count = 0;
    for (let at = file.indexOf(marker); at >= 0; at = file.indexOf(marker, at + 1)) {
      const start = at - ETHERNET_BYTES;
      // In front of a frame: its length in the file, and on the wire (pcap-savefile(5)).
      expect([file.readUInt32LE(start - 8), file.readUInt32LE(start - 4)]).toEqual([
        frame.length,
        frame.length,
      ]);
      expect(file.subarray(start, start + frame.length)).toEqual(frame);
      count++;
    }
    return count;
  }

  async function drops(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { name, labels, value } of await lab.metrics()) {
      if (name !== "vxswitch_drops_total" || labels.reason === "split_horizon" || value === 0) continue;
      counts[labels.reason] = (counts[labels.reason] ?? 0) + value;
    }
    return counts;
  }

  /** Datagrams that any UDP socket of the switch's host has received. */
  async function datagramsOfSockets(): Promise<number> {
    const text = await lab.test.run("nstat", "-asz", "UdpInDatagrams", "Udp6InDatagrams");
    return Array.from(text.matchAll(/InDatagrams\s+(\d+)/g)).reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  }

  /** Numbered datagrams to a listener of the host, all of which arrive and none of which the switch counts. */
  async function expectDatagrams(from: Peer, to: Peer, address: string, port: number) {
    const count = 300;
    const before = await drops();
    const receiver = await to.script("udp.mjs", "receive", address, port, count, SETTLE_TIMEOUT_MS).ready();
    await from.script("udp.mjs", "send", address, port, 200, count, 0.2).result();
    expect(await receiver.result()).toEqual({ intact: count, corrupt: 0 });
    expect(await drops()).toEqual(before);
  }

  function ipv4(payload: Buffer, change: Partial<OuterFrame> = {}): OuterFrame {
    const ends = { from: CLIENT1.underlay, to: OWN_LEG.underlay };
    return { macs, ...ends, port: VXLAN_PORT, payload: vxlan(VNI, payload), ...change };
  }

  function ipv6(payload: Buffer, change: Partial<OuterFrame> = {}): OuterFrame {
    const ends = { from: CLIENT1_IPV6, to: TEST_IPV6 };
    return { macs, ...ends, port: VXLAN_PORT, payload: vxlan(VNI_OF_IPV6, payload), ...change };
  }
});

/** A broadcast of somebody that carries the marker. */
function innerFrame(marker: string): Buffer {
  const head = Buffer.from("ffffffffffff0200000000990000", "hex");
  head.writeUInt16BE(ETHERTYPE, 12);
  return Buffer.concat([head, Buffer.from(marker.padEnd(64, "."))]);
}
