// Super-frames leave whole past the sockets, behind outer headers of the switch's own making. Whatever happens to the way
// meanwhile (a MAC, a route, a device changes), they soon take the new one, and nothing breaks.
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep, waitUntil } from "../../src/control/lab/command.ts";
import { Host } from "../../src/control/lab/host.ts";
import { sum } from "../../src/control/lab/scrape.ts";
import { scenarioCable, scenarioClient } from "../../src/control/lab/topology.ts";
import { Capture, decode } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer } from "./harness/peer.ts";
import { expectTcp } from "./harness/transfer.ts";
import { takesSuperFrames } from "./harness/whole.ts";

const TCP_PORT = 5005;
/** After every 64 KB: a stream takes 1.3 s, so that there is time to change things; without a change, a third of one. */
const STREAM_PAUSE_MS = 5;
const STREAM_BYTES = 16 * 1024 * 1024;
const UNCHANGED_STREAM_BYTES = 4 * 1024 * 1024;
/** Of a stream that are to be seen before something changes, and some time for it. */
const BYTES_BEFORE = 1024 * 1024;
const BEFORE_TIMEOUT_MS = 10_000;
/** More than any MTU of these labs. */
const WHOLE = "tcp && frame.len > 3000";
/** Changes are heard of within a tenth of a second; without that it would be up to a whole one. */
const STALE_MS_MAX = 400;
/** Asked again until it is answered. */
const BRIEFLY = { count: 1, waitSeconds: 0.3 };
const TUNNEL_CLOSE_TIMEOUT_MS = 12_000;

let streams = 0;

/** A super-frame at the receiver: when, and the outer MACs. */
interface Whole {
  readonly ms: number;
  readonly from: string;
  readonly to: string;
}

interface Stream {
  readonly frames: readonly Whole[];
  readonly before: Whole;
  readonly after: Whole;
  /** For how long after the change super-frames still had the MACs of before; negative if not at all. */
  readonly staleMs: number;
}

describe.runIf(takesSuperFrames())("over IPv4", () => {
  let lab: KernelLab;
  let router: Host;
  beforeAll(async () => {
    lab = await KernelLab.start();
    router = new Host("router", `${lab.network.prefix}router`);
    await lab.client1.ping(CLIENT2.ipv4);
  });
  afterAll(async () => {
    await router?.remove();
    await lab?.end();
  });

  test("a neighbour that gets another MAC under traffic is soon sent to by that one", async () => {
    // As drivers do it that know of it: else the kernel itself learns it only when the client next has to ask for something.
    await lab.client2.run("sysctl", "-qw", "net.ipv4.conf.eth0.arp_notify=1");
    const changes = await pathChanges(lab);
    const stream = await streamDuring(lab, () => setMac(lab.client2, "02:00:00:00:07:01"));
    expect(stream.before.to).not.toBe("02:00:00:00:07:01");
    expect(stream.after.to).toBe("02:00:00:00:07:01");
    expect(stream.staleMs).toBeLessThan(STALE_MS_MAX);
    expect(await pathChanges(lab)).toBeGreaterThan(changes);
  });

  test("a MAC that is wrong, and nobody says so, is found out as long as frames go there", async () => {
    const { host } = lab.test;
    // The kernel alone would wait for a minute; and the client, which knows the switch for good, has no reason to ask.
    await host.run("sysctl", ["-qw", "net.ipv4.neigh.eth0.delay_first_probe_time=60"]);
    await host.run("sysctl", ["-qw", "net.ipv4.neigh.eth0.retrans_time_ms=200"]);
    const own = ["to", OWN_LEG.underlay, "lladdr", await lab.test.mac("eth0"), "dev", "eth0"];
    await lab.client2.host.ip("neigh", "replace", ...own, "nud", "permanent");
    const wrong = ["to", CLIENT2.underlay, "lladdr", "02:00:00:00:07:99", "dev", "eth0"];
    const changes = await pathChanges(lab);
    await host.ip("neigh", "replace", ...wrong, "nud", "stale");
    expect(await waitUntil(async () => (await pathChanges(lab)) > changes, 1000, 20)).toBe(true);
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: 1 })).toBe(0);
    const answers = async () => (await lab.client1.ping(CLIENT2.ipv4, BRIEFLY)) === 1;
    expect(await waitUntil(answers, 15_000)).toBe(true);
    const { frames } = await streamDuring(lab);
    expect(frames.at(-1)?.to).toBe(await lab.client2.mac("eth0"));
  });

  test("a route that moves to another device takes the super-frames along, there and back", async () => {
    const { host } = lab.test;
    const peer = ["peer", "name", "test1", "netns", lab.network.campus.namespace];
    await host.ip("link", "add", "eth1", "type", "veth", ...peer);
    await lab.network.campus.ip("link", "set", "test1", "master", "campus", "up");
    await host.ip("link", "set", "eth1", "up");
    await sleep(200);
    const route = [CLIENT2.underlay, "dev", "eth1", "src", OWN_LEG.underlay];
    const [eth0, eth1] = [await lab.test.mac("eth0"), await lab.test.mac("eth1")];
    const there = await streamDuring(lab, () => host.ip("route", "add", ...route));
    expect([there.before.from, there.after.from]).toEqual([eth0, eth1]);
    expect(there.staleMs).toBeLessThan(STALE_MS_MAX);
    const back = await streamDuring(lab, () => host.ip("route", "del", ...route));
    expect([back.before.from, back.after.from]).toEqual([eth1, eth0]);
    expect(back.staleMs).toBeLessThan(STALE_MS_MAX);
    await host.ip("link", "del", "eth1");
    await forgetNeighbours(lab);
  });

  test("a gateway of the other address family is asked for its MAC", async () => {
    const { host } = lab.test;
    const text = await lab.client2.run("ip", "-j", "-6", "addr", "show", "dev", "eth0", "scope", "link");
    const [{ addr_info: addresses }] = JSON.parse(text) as { addr_info: { local: string }[] }[];
    const route = [CLIENT2.underlay, "via", "inet6", addresses[0].local, "dev", "eth0"];
    await host.ip("route", "add", ...route, "src", OWN_LEG.underlay);
    // Who asked for the client's IPv4 address would be misled.
    const misleading = ["to", CLIENT2.underlay, "lladdr", "02:00:00:00:07:98", "dev", "eth0"];
    await host.ip("neigh", "replace", ...misleading, "nud", "permanent");
    await lab.client1.ping(CLIENT2.ipv4);
    const { frames } = await streamDuring(lab);
    expect(frames.at(-1)?.to).toBe(await lab.client2.mac("eth0"));
    await host.ip("neigh", "del", ...misleading);
    await host.ip("route", "del", ...route);
  });

  test("a device that goes down and up again carries super-frames again", async () => {
    const { host } = lab.test;
    let upMs = 0;
    const { frames } = await streamDuring(lab, async () => {
      await host.ip("link", "set", "eth0", "down");
      await sleep(500);
      await host.ip("link", "set", "eth0", "up");
      upMs = Date.now();
    });
    expect(frames.filter(({ ms }) => ms > upMs).length).toBeGreaterThan(10);
  });

  test("a device that is renamed under traffic goes on carrying super-frames", async () => {
    const { host } = lab.test;
    let renamedMs = 0;
    const { frames } = await streamDuring(lab, async () => {
      await host.ip("link", "set", "eth0", "name", "uplink");
      renamedMs = Date.now();
    });
    expect(frames.filter(({ ms }) => ms > renamedMs + 300).length).toBeGreaterThan(10);
    await host.ip("link", "set", "uplink", "name", "eth0");
    expect((await streamDuring(lab)).frames.length).toBeGreaterThan(10);
  });

  test("a device that is deleted and made again has a tunnel again, and the old one is closed", async () => {
    const [before] = await tunnels(lab);
    await remakeDevice(lab);
    const { frames } = await streamDuring(lab);
    expect(frames.at(-1)?.from).toBe(await lab.test.mac("eth0"));
    const isReplaced = async () => {
      const now = await tunnels(lab);
      return now.length === 1 && now[0] !== before;
    };
    expect(await waitUntil(isReplaced, TUNNEL_CLOSE_TIMEOUT_MS)).toBe(true);
  });

  test("a device that takes the place of another under the same index gets the super-frames", async () => {
    const [before] = await tunnels(lab);
    const index = await lab.test.run("cat", "/sys/class/net/eth0/ifindex");
    await remakeDevice(lab, ["index", index.trim()]);
    expect(await lab.test.run("cat", "/sys/class/net/eth0/ifindex")).toBe(index);
    const { frames } = await streamDuring(lab);
    expect(frames.at(-1)?.from).toBe(await lab.test.mac("eth0"));
    expect(await tunnels(lab)).toEqual([before]);
  });

  test("a remote behind a gateway gets its super-frames by the gateway's MAC", async () => {
    await moveBehind(lab, router);
    await lab.client1.ping(CLIENT2.ipv4);
    const gateway = await run(router, "cat", "/sys/class/net/wan/address");
    const capture = await Capture.start(lab.test, "eth0", join(lab.directory, "gateway.pcap"));
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
    await capture.stop();
    const filter = `${WHOLE} && ip.src == ${OWN_LEG.underlay} && ip.dst == ${CLIENT2.underlay}`;
    const macs = await decode(capture.path, filter, ["eth.dst"]);
    expect(macs.length).toBeGreaterThan(10);
    expect(new Set(macs.map(([mac]) => mac.split(",")[0]))).toEqual(new Set([gateway]));
    const { frames } = await streamDuring(lab);
    expect(frames.length).toBeGreaterThan(10);
  });

  test("a way that is narrower behind the gateway is learnt from its ICMP", async () => {
    expect(await pathMtu(lab)).toBe(1500);
    await router.ip("link", "set", "client2", "mtu", "1400");
    await lab.client2.host.ip("link", "set", "eth0", "mtu", "1400");
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 2_000_000);
    expect(await waitUntil(async () => (await pathMtu(lab)) === 1400, 5000)).toBe(true);
    expect(await lab.vxswitch("show", "vteps")).toMatch(new RegExp(`${CLIENT2.underlay} .* 1400 +1350`));
    // Whoever sends too much from now on is told by the switch.
    const replies = async () => sum(await lab.metrics(), "vxswitch_port_too_big_replies_total");
    await lab.client1.run("ip", "route", "flush", "cache");
    const before = await replies();
    expect(await lab.client1.ping(CLIENT2.ipv4, { size: 1400, pmtuDiscovery: "do", count: 1 })).toBe(0);
    expect(await replies()).toBe(before + 1);
  });
});

describe.runIf(takesSuperFrames())("over IPv6", () => {
  const UNDERLAY = { client1: "fd01::22", client2: "fd01::152", test: "fd01::103" };
  const SENT = `ipv6.src == ${UNDERLAY.test} && ipv6.dst == ${UNDERLAY.client2} && udp.dstport == 4789`;
  const BAD = "ip.checksum.status == Bad || udp.checksum.status == Bad || tcp.checksum.status == Bad";
  let lab: KernelLab;
  beforeAll(async () => {
    const cables = (number: number) => ({
      cables: [scenarioCable(number, { addresses: [`192.168.0.${number}/24`, `fd00::${number}/64`] })],
    });
    lab = await KernelLab.start({
      clients: [
        scenarioClient(1, { ...cables(1), underlay: `${UNDERLAY.client1}/64` }),
        scenarioClient(2, { ...cables(2), underlay: `${UNDERLAY.client2}/64` }),
      ],
      test: { underlay: `${UNDERLAY.test}/64`, addresses: ["192.168.0.103/24", "fd00::103/64"] },
    });
    await lab.client1.ping(CLIENT2.ipv4);
    // The vxlan device takes its underlay for one of IPv4 when it reckons its MTU.
    for (const { host } of [lab.client1, lab.client2]) await host.ip("link", "set", "vxlan0", "mtu", "1430");
  });
  afterAll(() => lab?.end());

  test("super-frames leave whole, and arrive byte for byte in every direction", async () => {
    const capture = await Capture.start(lab.client2, "eth0", join(lab.directory, "ipv6.pcap"));
    for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) await expectTcp(lab.client1, lab.client2, address);
    await capture.stop();
    expect(
      (await decode(capture.path, `${SENT} && frame.len > 10000`, ["frame.len"])).length,
    ).toBeGreaterThan(100);
    for (const address of [CLIENT1.ipv4, CLIENT1.ipv6]) await expectTcp(lab.client2, lab.client1, address);
    await expectTcp(lab.client1, lab.test, OWN_LEG.ipv4);
    await expectTcp(lab.test, lab.client1, CLIENT1.ipv6);
    for (const client of [lab.client1, lab.client2]) expect(await checksumErrors(client)).toBe(0);
  });

  test("what the kernel makes of them where a device cuts and sums for itself has good checksums", async () => {
    await lab.test.run("ethtool", "-K", "eth0", "tx", "off");
    const capture = await Capture.start(lab.client2, "eth0", join(lab.directory, "cut.pcap"));
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 2_000_000);
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv6, 2_000_000);
    await capture.stop();
    const frames = await decode(capture.path, `${SENT} && tcp.len > 1000`, ["frame.len", "udp.checksum"]);
    expect(frames.length).toBeGreaterThan(4_000_000 / 1400);
    expect(Math.max(...frames.map(([length]) => Number(length)))).toBeLessThanOrEqual(1514);
    expect(frames.filter(([, sum]) => sum === "0x0000")).toEqual([]);
    expect(await decode(capture.path, `${SENT} && (${BAD})`, ["frame.number"])).toEqual([]);
    await lab.test.run("ethtool", "-K", "eth0", "tx", "on");
    for (const client of [lab.client1, lab.client2]) expect(await checksumErrors(client)).toBe(0);
  });
});

/** Has TCP stream through the switch to the second client, byte for byte, while something happens, if anything. */
async function streamDuring(lab: KernelLab, change?: () => Promise<unknown>): Promise<Stream> {
  const capture = await Capture.start(lab.client2, "eth0", join(lab.directory, `stream${++streams}.pcap`));
  const receiver = await lab.client2.script("tcp.mjs", "receive", CLIENT2.ipv4, TCP_PORT).ready();
  const bytes = change === undefined ? UNCHANGED_STREAM_BYTES : STREAM_BYTES;
  const args = [CLIENT2.ipv4, TCP_PORT, bytes, STREAM_PAUSE_MS];
  const sender = lab.client1.script("tcp.mjs", "send", ...args);
  if (change !== undefined) {
    const isSeen = () => statSync(capture.path).size > BYTES_BEFORE;
    expect(await waitUntil(isSeen, BEFORE_TIMEOUT_MS, 10)).toBe(true);
    await change();
  }
  const changedMs = Date.now();
  expect(await sender.result()).toEqual(await receiver.result());
  await capture.stop();
  const filter = `${WHOLE} && ip.src == ${OWN_LEG.underlay}`;
  const rows = await decode(capture.path, filter, ["frame.time_epoch", "eth.src", "eth.dst"]);
  const frames = rows.map(([seconds, from, to]) => ({
    ms: Number(seconds) * 1000,
    from: from.split(",")[0],
    to: to.split(",")[0],
  }));
  expect(frames.length).toBeGreaterThan(10);
  const [before, after] = [frames[0], frames.at(-1)!];
  const last = frames.filter(({ from, to }) => from === before.from && to === before.to).at(-1)!;
  return { frames, before, after, staleMs: last.ms - changedMs };
}

/** Of the way to the second client, as the switch knows it. */
async function pathMtu(lab: KernelLab): Promise<number | undefined> {
  const vteps = await lab.show<{ remote: string; path_mtu: number }>("vteps");
  return vteps.find(({ remote }) => remote === CLIENT2.underlay)?.path_mtu;
}

function setMac({ host }: Peer, mac: string): Promise<string> {
  return host.ip("link", "set", "eth0", "address", mac);
}

/** Deletes the device of the switch's host and makes another of the same name; resolves when frames pass. */
async function remakeDevice(lab: KernelLab, options: readonly string[] = []): Promise<void> {
  const { test: host, campus } = lab.network;
  await host.ip("link", "del", "eth0");
  await sleep(300);
  const peer = ["peer", "name", "test", "netns", campus.namespace];
  await host.ip("link", "add", "eth0", ...options, "type", "veth", ...peer);
  await campus.ip("link", "set", "test", "master", "campus", "up");
  await host.ip("link", "set", "eth0", "up");
  await host.ip("addr", "add", `${OWN_LEG.underlay}/16`, "dev", "eth0");
  await forgetNeighbours(lab);
  const answers = async () => (await lab.client1.ping(CLIENT2.ipv4, BRIEFLY)) === 1;
  expect(await waitUntil(answers, 10_000)).toBe(true);
}

/** The clients believe in the MAC of a device of the switch's host that has gone away. */
async function forgetNeighbours(lab: KernelLab): Promise<void> {
  for (const { host } of [lab.client1, lab.client2])
    await host.ip("neigh", "flush", "dev", "eth0", "nud", "all");
}

async function pathChanges(lab: KernelLab): Promise<number> {
  return sum(await lab.metrics(), "vxswitch_path_changes_total");
}

/** Names of the tunnel TAPs that there are. */
async function tunnels(lab: KernelLab): Promise<string[]> {
  const links = JSON.parse(await lab.test.run("ip", "-j", "link", "show")) as { ifname: string }[];
  return links.map(({ ifname }) => ifname).filter((name) => name.startsWith("vxs"));
}

async function run(host: Host, program: string, ...args: string[]): Promise<string> {
  return (await host.run(program, args)).trim();
}

async function checksumErrors(peer: Peer): Promise<number> {
  const counters = await peer.run("cat", "/proc/net/snmp6");
  const [, count] = /^Udp6InCsumErrors\s+(\d+)/m.exec(counters) ?? [];
  return Number(count);
}

/** Puts a router between the campus and the second client, which keeps its address. */
async function moveBehind(lab: KernelLab, router: Host): Promise<void> {
  const { campus, test: host } = lab.network;
  const client2 = lab.client2.host;
  await router.ensure();
  await run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1");
  await campus.ip("link", "set", "client2", "netns", router.namespace);
  await router.ip("link", "set", "client2", "up");
  await router.ip("addr", "add", "10.123.0.1/24", "dev", "client2");
  await router.ip("route", "add", CLIENT2.underlay, "dev", "client2");
  await router.ip("link", "add", "wan", "type", "veth", "peer", "name", "router", "netns", campus.namespace);
  await campus.ip("link", "set", "router", "master", "campus", "up");
  await router.ip("link", "set", "wan", "up");
  await router.ip("addr", "add", "10.122.9.9/16", "dev", "wan");
  await client2.ip("addr", "add", "10.123.0.2/24", "dev", "eth0");
  await client2.ip("route", "add", OWN_LEG.underlay, "via", "10.123.0.1", "src", CLIENT2.underlay);
  await host.ip("route", "add", CLIENT2.underlay, "via", "10.122.9.9", "src", OWN_LEG.underlay);
}
