// The verdict of a trace against what becomes of the same frame, sent by a real endpoint to a switch with ports of every kind and
// two forwarding threads: the VTEPs that datagrams leave for as an independent capture has them, and counters of ports and drops.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { frameOfWords } from "../../src/control/trace/frame-words.ts";
import { ETHERTYPE_IPV4, frame, packet, vxlan } from "../dataplane/packets.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { PortRow } from "./harness/rows.ts";

const SIX = { client2: "fd01::152", own: "fd01::103" };
const GROUP = "239.1.1.1";
const [ALICE, BOB, CAROL, DAVE] = ["a1", "b0", "ca", "da"].map((last) => `02:00:00:00:0c:${last}`);
const HUB_VNI = 4500;
/** The longest frame that fits an underlay of 1500 bytes over IPv6. */
const SIX_FRAME_BYTES = 1500 - 40 - 8 - 8;
const SETTLE_TIMEOUT_MS = 5000;

interface Copy {
  readonly port: string;
  readonly remote: string | null;
  readonly vni: number | null;
  readonly source_port: number | null;
  readonly drop: string | null;
}
interface Trace {
  readonly port: string | null;
  readonly drop: { readonly port: string | null; readonly reason: string } | null;
  readonly copies: readonly Copy[];
  readonly answers: readonly Copy[];
  readonly steps: readonly { readonly stage: string; readonly text: string }[];
}
type Row = PortRow & { readonly drops: Record<string, number> };
/** What leaves by each port, is dropped at each, and which VTEPs get a datagram. */
interface Outcome {
  readonly sent: Record<string, number>;
  readonly drops: Record<string, number>;
  readonly datagrams: readonly string[];
}

let lab: KernelLab;
let inject: string;
beforeAll(async () => {
  lab = await KernelLab.start({
    configure: ({ underlay, bridges: { br0 } }) => {
      underlay.workers = 2;
      for (const name of ["client1", "client2"]) br0.ports[name].neigh_suppress = true;
    },
  });
  inject = compilePeer("inject", lab.directory);
  // Nobody sends of his own accord while frames are counted.
  for (const [peer, device] of [
    [lab.client1, "vxlan0"],
    [lab.client2, "vxlan0"],
    [lab.test, "br0"],
  ] as const)
    await peer.run("sysctl", "-qw", `net.ipv6.conf.${device}.disable_ipv6=1`);
  for (const [peer, address] of [
    [lab.client2, SIX.client2],
    [lab.test, SIX.own],
  ] as const)
    await peer.run("ip", "address", "add", `${address}/64`, "dev", "eth0", "nodad");
  const add = (name: string, ...words: string[]) =>
    lab.vxswitch("port", "add", "br0", name, "type=vxlan", ...words);
  await add("list", "vni=4200", `remotes=${CLIENT1.underlay},${CLIENT2.underlay}`);
  await add("group", "vni=4300", `group=${GROUP}`, "dev=eth0");
  await add("six", "vni=4400", `remote=${SIX.client2}`, `local=${SIX.own}`, "clamp_mss=true");
  await expect(add("nowhere", "vni=9", "group=239.1.1.2", "dev=eth9")).rejects.toThrow("no network device");
  await lab.vxswitch("fdb", "add", "br0", DAVE, "six");
});
afterAll(() => lab?.end());

async function trace(...words: string[]): Promise<Trace> {
  const [answer] = JSON.parse(await lab.vxswitch("trace", "--json", ...words)) as Trace[];
  return answer;
}

async function rows(): Promise<Map<string, Row>> {
  return new Map((await lab.show<Row>("ports")).map((row) => [row.port, row]));
}

/** How much more each counter has counted since, those at zero left out. */
function since(before: Map<string, Row>, after: Map<string, Row>): Pick<Outcome, "sent" | "drops"> {
  const entries = Array.from(after.values()).flatMap(({ port, tx_packets: tx, drops }) => {
    const earlier = before.get(port);
    const dropped = Object.entries(drops).map(([reason, count]): [string, number] => {
      return [`${port} ${reason}`, count - (earlier?.drops[reason] ?? 0)];
    });
    return [[port, tx - (earlier?.tx_packets ?? 0)] as [string, number], ...dropped];
  });
  const more = entries.filter(([, count]) => count > 0);
  return {
    sent: Object.fromEntries(more.filter(([name]) => !name.includes(" "))),
    drops: Object.fromEntries(more.filter(([name]) => name.includes(" "))),
  };
}

/** What a trace says in the words of counters and captures. */
function expected({ drop, copies, answers }: Trace): Outcome {
  const all = [...copies, ...answers];
  const leaving = all.filter(({ drop }) => drop === null);
  const lost = all.filter(({ drop }) => drop !== null).map(({ port, drop }) => `${port} ${drop}`);
  if (drop !== null) lost.push(`${drop.port} ${drop.reason}`);
  const count = (names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, names.filter((other) => other === name).length]));
  const datagrams = leaving.flatMap(({ remote, vni }) => (remote === null ? [] : [`${remote} ${vni}`]));
  return { sent: count(leaving.map(({ port }) => port)), drops: count(lost), datagrams: datagrams.sort() };
}

/** Sends a frame by a port's endpoint and tells what became of it. */
async function send(port: "client1" | "client2" | "br0", bytes: Buffer): Promise<Outcome> {
  const peer = { client1: lab.client1, client2: lab.client2, br0: lab.test }[port];
  const before = await rows();
  const capture = await Capture.start(lab.test, "eth0", join(lab.directory, "underlay.pcap"));
  await peer.run(inject, port === "br0" ? "br0" : "vxlan0", bytes.toString("hex"));
  const arrived = async () => {
    const count = (all: Map<string, Row>) => all.get(port)!.rx_packets;
    return count(await rows()) > count(before);
  };
  expect(await waitUntil(arrived, SETTLE_TIMEOUT_MS)).toBe(true);
  await capture.stop();
  // The far end over IPv6 listens to nobody, and quotes in ICMPv6 what it was sent.
  const outgoing = `vxlan && !icmpv6 && (ip.src == ${OWN_LEG.underlay} || ipv6.src == ${SIX.own})`;
  const seen = await decode(capture.path, outgoing, ["ip.dst", "ipv6.dst", "vxlan.vni"]);
  // No frame of this test is IPv6 inside.
  const datagrams = seen.map(([ip, ipv6, vni]) => `${ipv6 || ip.split(",")[0]} ${Number(vni)}`);
  return { ...since(before, await rows()), datagrams: datagrams.sort() };
}

/** Traces a frame at a port, sends it there and compares. */
async function expectAgreement(port: "client1" | "client2" | "br0", bytes: Buffer): Promise<Trace> {
  const answer = await trace("in", port, "--hex", bytes.toString("hex"));
  expect(await send(port, bytes)).toEqual(expected(answer));
  return answer;
}

test("a frame to nobody known leaves by every kind of port, and is dropped at the one that is down", async () => {
  const answer = await expectAgreement("client1", frameOfWords({ src: ALICE, dst: BOB }));
  expect(expected(answer)).toEqual({
    sent: { client2: 1, list: 2, group: 1, six: 1, br0: 1 },
    drops: { "nowhere port_down": 1 },
    datagrams: [
      `${CLIENT1.underlay} 4200`,
      `${CLIENT2.underlay} 4100`,
      `${CLIENT2.underlay} 4200`,
      `${GROUP} 4300`,
      `${SIX.client2} 4400`,
    ].sort(),
  });
  // Which of the two threads will send, and by which of its source ports, nobody knows.
  expect(answer.copies.map(({ source_port }) => source_port)).toEqual(answer.copies.map(() => null));
});

test("a station is known to a trace whichever thread has learnt it", async () => {
  for (let station = 0; station < 8; station++) {
    const mac = `02:00:00:00:0d:0${station}`;
    await lab.client2.run(inject, "vxlan0", frameOfWords({ src: mac, dst: ALICE }).toString("hex"));
    const known = async () => (await trace("in", "br0", "src", CAROL, "dst", mac)).copies.length === 1;
    expect(await waitUntil(known, SETTLE_TIMEOUT_MS)).toBe(true);
  }
  const answer = await expectAgreement("br0", frameOfWords({ src: CAROL, dst: "02:00:00:00:0d:03" }));
  expect(answer.copies).toMatchObject([{ port: "client2", remote: CLIENT2.underlay, drop: null }]);
});

test("a capture of the underlay is traced by who sends each datagram", async () => {
  const bytes = frameOfWords({ src: ALICE, dst: "02:00:00:00:0d:03" });
  await expectAgreement("client1", bytes);
  const text = await lab.vxswitch("trace", "--json", "--pcap", join(lab.directory, "underlay.pcap"));
  const [received, sent] = JSON.parse(text) as Trace[];
  expect(received).toMatchObject({ port: "client1", copies: [{ port: "client2", drop: null }] });
  // What the switch itself has sent to client2.
  expect(sent).toMatchObject({ port: null, drop: { reason: "vtep_unknown" } });
});

test("to a station beyond IPv6 a frame leaves that just fits, and the sender of a larger one is answered", async () => {
  const words = { src: ALICE, dst: DAVE, sip: "192.168.0.1", dip: "192.168.0.9", proto: "udp" };
  const fitting = frameOfWords({ ...words, length: String(SIX_FRAME_BYTES) });
  const { copies } = await expectAgreement("client1", fitting);
  expect(copies).toMatchObject([{ port: "six", remote: SIX.client2, drop: null }]);
  const larger = frameOfWords({ ...words, length: String(SIX_FRAME_BYTES + 1) });
  const answer = await expectAgreement("client1", larger);
  expect(answer.copies).toMatchObject([{ port: "six", drop: "too_big" }]);
  expect(answer.answers).toMatchObject([{ port: "client1", remote: CLIENT1.underlay, drop: null }]);
});

test("a SYN that offers too much is clamped on the way", async () => {
  const options = { tcpOptions: Buffer.of(2, 4, 1460 >> 8, 1460 & 255), flags: 0x02 };
  const syn = packet({
    version: 4,
    protocol: "tcp",
    payload: Buffer.alloc(0),
    checksum: "filled",
    ...options,
  });
  const bytes = frame({ from: ALICE, to: DAVE, type: ETHERTYPE_IPV4, payload: syn.bytes });
  const { steps } = await expectAgreement("client1", bytes);
  expect(steps.map(({ stage }) => stage)).toContain("clamp");
});

test("a question about a known station is answered by the switch, and goes to ports that do not suppress", async () => {
  const question = { src: ALICE, type: "arp", sip: "192.168.0.61", dip: "192.168.0.62" };
  // Bob says of himself who he is.
  await expectAgreement("client2", frameOfWords({ ...question, src: BOB, sip: question.dip }));
  const answer = await expectAgreement("client1", frameOfWords(question));
  expect(answer.answers).toMatchObject([{ port: "client1", drop: null }]);
  expect(answer.copies.map(({ port }) => port)).not.toContain("client2");
});

test("what comes in and has nowhere to go is dropped for the reason that the trace gives", async () => {
  const { drop } = await expectAgreement("client1", frameOfWords({ src: ALICE, dst: ALICE }));
  expect(drop).toEqual({ port: "client1", reason: "split_horizon" });
  const { port, drop: malformed } = await expectAgreement("client1", frame({ from: "03:00:00:00:00:01" }));
  expect([port, malformed?.reason]).toEqual(["client1", "source_mac_invalid"]);
});

test("at a port that is down a frame goes as if it were up, and the trace says why it is not", async () => {
  const { steps, copies } = await trace("in", "nowhere", "src", CAROL, "dst", DAVE);
  expect(steps[0].text).toContain("nowhere is down: the group 239.1.1.2 cannot be joined");
  expect(copies).toMatchObject([{ port: "six", drop: null }]);
});

test("who comes to a hub is let in after the first frame, and is traced by the port that is made", async () => {
  await lab.vxswitch("port", "add", "br0", "hub", "type=vxlan", `vni=${HUB_VNI}`, "remote=any");
  const words = ["from", CLIENT1.underlay, "vni", String(HUB_VNI), "src", CAROL, "dst", DAVE];
  const first = await trace(...words);
  expect([first.port, first.drop?.reason]).toEqual([null, "vtep_unadmitted"]);
  expect(await lab.drops("vtep_unadmitted")).toBe(0);
  const datagram = vxlan(HUB_VNI, frameOfWords({ src: CAROL, dst: DAVE })).toString("hex");
  await lab.client1.script("udp.mjs", "raw", OWN_LEG.underlay, 4789, datagram).result();
  expect(await waitUntil(async () => (await lab.drops("vtep_unadmitted")) === 1, SETTLE_TIMEOUT_MS)).toBe(
    true,
  );
  const made = `hub-${CLIENT1.underlay}`;
  expect(await waitUntil(async () => (await trace(...words)).port === made, SETTLE_TIMEOUT_MS)).toBe(true);
  await expect(trace("in", "hub", "src", CAROL)).rejects.toThrow("hub is a hub: name the port of a VTEP");
});
