// The outer headers of datagrams to a client, by every way that frames leave: UDP sockets alone (io: udp), or packet sockets
// and a tunnel TAP where the machine has them (io: auto). tshark reads what the client's device gets.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { outerFrame } from "../dataplane/outer-frame.ts";
import { ETHERTYPE_IPV4, frame, packet, vxlan } from "../dataplane/packets.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { Peer } from "./harness/peer.ts";
import { expectTcp } from "./harness/transfer.ts";

const VXLAN_PORT = 4789;
const VNI = 4100;
const COUNT_TIMEOUT_MS = 3000;
const [NOT_ECT, ECT_0, CE] = [0, 2, 3];
const EXPEDITED = 0xb8;
const TCP_BYTES = 300_000;
const SOURCE_PORTS = [40_000, 40_015];
const SENT = `ip.src == ${OWN_LEG.underlay} && ip.dst == ${CLIENT2.underlay} && udp.dstport == ${VXLAN_PORT}`;

let lab: KernelLab;
let inject: string;
beforeAll(async () => {
  lab = await KernelLab.start({
    clients: [client(1), client(2)],
    configure: (config) => {
      config.underlay.srcport = SOURCE_PORTS.join("-");
    },
  });
  inject = compilePeer("inject", lab.directory);
  for (const peer of [lab.client1, lab.client2]) await peer.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1");
});
afterAll(() => lab?.end());

/** A second way to the second client, over IPv6. */
const IPV6 = { test: "fd12::103", client2: "fd12::152", vni: 4106 };
const [OVER_IPV6, LEG_OVER_IPV6] = ["192.168.6.2", "192.168.6.103"];

async function addIpv6(): Promise<void> {
  await lab.test.run("ip", "addr", "add", `${IPV6.test}/64`, "dev", "eth0", "nodad");
  await lab.client2.run("ip", "addr", "add", `${IPV6.client2}/64`, "dev", "eth0", "nodad");
  const ends = ["local", IPV6.client2, "remote", IPV6.test];
  const zero = ["udp6zerocsumtx", "udp6zerocsumrx"];
  const type = ["type", "vxlan", "id", String(IPV6.vni), "dstport", String(VXLAN_PORT)];
  await lab.client2.run("ip", "link", "add", "vxlan6", "mtu", "1400", ...type, ...ends, ...zero);
  await lab.client2.run("ip", "addr", "add", `${OVER_IPV6}/24`, "dev", "vxlan6");
  await lab.client2.run("ip", "link", "set", "vxlan6", "up");
  // Its other device must not answer for this one's address.
  await lab.client2.run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1");
  const { vni, client2: remote, test: local } = IPV6;
  const { ports } = lab.config.bridges.br0;
  ports.br0 = { ...ports.br0, address: [`${OWN_LEG.ipv4}/24`, `${LEG_OVER_IPV6}/24`] };
  ports.ipv6 = { type: "vxlan", vni, remote, local };
  await lab.reloadUntilUp();
}

describe.each(["auto", "udp"] as const)("with io: %s", (io) => {
  let captures = 0;
  beforeAll(async () => {
    if (lab.config.underlay.io === io) return;
    lab.config.underlay.io = io;
    expect(await lab.running.stop()).toEqual({ code: 0, signal: null });
    await lab.restart();
    await lab.client1.ping(CLIENT2.ipv4);
  });

  /** The fields of what client2 gets meanwhile: of each datagram, or of those that match a filter too. */
  async function seen(fields: readonly string[], filter: string, traffic: () => Promise<unknown>) {
    const capture = await Capture.start(lab.client2, "eth0", join(lab.directory, `${io}${captures++}.pcap`));
    await traffic();
    await capture.stop();
    return await decode(capture.path, `${SENT} && ${filter}`, fields);
  }

  /** Datagrams come to the switch as if client1 had sent them. */
  async function putIn(datagrams: readonly { payload: Buffer; tos?: number }[]): Promise<void> {
    const macs = { from: await lab.client1.mac("eth0"), to: await lab.test.mac("eth0") };
    const ends = { macs, from: CLIENT1.underlay, to: OWN_LEG.underlay, port: VXLAN_PORT };
    const frames = datagrams.map((datagram) => outerFrame({ ...ends, ...datagram }).toString("hex"));
    await new Peer(lab.network.campus).run(inject, lab.test.host.name, ...frames);
  }

  test("they have the ECN of the inner headers, the DSCP of the port, and a source port of the range", async () => {
    const fields = ["ip.dsfield.ecn", "ip.dsfield.dscp", "udp.srcport"];
    const rows = await seen(fields, "ip.addr == 192.168.0.0/24", async () => {
      for (const ecn of [NOT_ECT, ECT_0, CE])
        expect(await lab.client1.ping(CLIENT2.ipv4, { tos: EXPEDITED | ecn })).toBe(3);
      await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, TCP_BYTES);
    });
    const pairs = rows.map(([ecn, dscp]) => ({ ecn: ecn.split(","), dscp: dscp.split(",")[0] }));
    expect(pairs.filter(({ ecn: [outer, inner] }) => outer !== inner)).toEqual([]);
    expect(new Set(pairs.map(({ ecn }) => ecn[0]))).toEqual(new Set(["0", "2", "3"]));
    expect(new Set(pairs.map(({ dscp }) => dscp))).toEqual(new Set(["0"]));
    for (const [, , ports] of rows) {
      expect(Number(ports.split(",")[0])).toBeGreaterThanOrEqual(SOURCE_PORTS[0]);
      expect(Number(ports.split(",")[0])).toBeLessThanOrEqual(SOURCE_PORTS[1]);
    }
  });

  test("they have what the inner headers have where a port inherits it, set in place", async () => {
    await lab.vxswitch("port", "set", "br0", "client2", "ttl=inherit", "tos=inherit", "df=inherit");
    const rows = await seen(["ip.ttl", "ip.dsfield", "ip.flags.df"], "!ipv6", async () => {
      await lab.client1.run("ip", "neigh", "flush", "dev", "vxlan0");
      const marks = { tos: EXPEDITED, ttl: 9 };
      for (const pmtuDiscovery of ["do", "dont"] as const)
        expect(await lab.client1.ping(CLIENT2.ipv4, { ...marks, pmtuDiscovery })).toBe(3);
      await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, TCP_BYTES);
    });
    const split = rows.map((row) => row.map((values) => values.split(",")));
    const [plain, inherited] = [1, 2].map((headers) => split.filter(([ttl]) => ttl.length === headers));
    expect(inherited.filter((row) => row.some(([outer, inner]) => outer !== inner))).toEqual([]);
    expect(inherited.map(([[ttl], [tos]]) => `${ttl},${tos}`)).toContain("9,0xb8");
    expect(new Set(inherited.map(([, , [df]]) => isSet(df)))).toEqual(new Set([true, false]));
    expect(inherited.length).toBeGreaterThan(6 + TCP_BYTES / 65_536);
    // ARP has nothing to inherit.
    expect(new Set(plain.map(([[ttl], [tos], [df]]) => `${ttl},${tos},${isSet(df)}`))).toEqual(
      new Set(["64,0x00,false"]),
    );
    expect(await lab.vxswitch("show")).toMatch(/Port client2\n .* ttl inherit tos inherit df inherit\n/);
    await lab.vxswitch("port", "set", "br0", "client2", "ttl=64", "tos=0", "df=set");
  });

  test("where a port says so they may be fragmented, all have a checksum, and a group policy goes along", async () => {
    await lab.vxswitch("port", "set", "br0", "client1", "gbp=true");
    await lab.vxswitch("port", "set", "br0", "client2", "df=unset", "udpcsum=true", "gbp=true");
    // A veth end leaves checksums to a network card that never comes; without that offload the kernel fills them.
    await lab.test.run("ethtool", "-K", "eth0", "tx", "off");
    const fields = ["ip.flags.df", "ip.id", "udp.checksum.status", "vxlan.gbp"];
    const rows = await seen(fields, "!ipv6 && !arp", async () => {
      const payload = vxlan(VNI, frame({ to: "ff:ff:ff:ff:ff:ff" }), 0x88);
      payload.writeUInt16BE(0xabcd, 2);
      await putIn([{ payload }]);
      expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
      await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, TCP_BYTES);
    });
    await lab.test.run("ethtool", "-K", "eth0", "tx", "on");
    const outer = rows.map((row) => row.map((values) => values.split(",")[0]));
    expect(outer.length).toBeGreaterThan(7 + TCP_BYTES / 65_536);
    expect(new Set(outer.map(([df, , checksum]) => `${isSet(df)} ${checksum}`))).toEqual(
      new Set(["false 1"]),
    );
    expect(new Set(outer.map(([, id]) => id)).size).toBe(outer.length);
    const policies = outer.map(([, , , policy]) => Number(policy)).filter((policy) => policy !== 0);
    expect(policies).toEqual([0xabcd]);
    await lab.vxswitch("port", "set", "br0", "client1", "gbp=false");
    await lab.vxswitch("port", "set", "br0", "client2", "df=set", "udpcsum=false", "gbp=false");
  });

  test("none has over IPv6, where a port says so; and those without come in where it takes them", async () => {
    if (!("ipv6" in lab.config.bridges.br0.ports)) await addIpv6();
    expect(await lab.test.ping(OVER_IPV6, { count: 1, waitSeconds: 0.3 })).toBe(0);
    await lab.vxswitch("port", "set", "br0", "ipv6", "udp6zerocsumtx=true", "udp6zerocsumrx=true");
    const path = join(lab.directory, `${io}-ipv6.pcap`);
    const capture = await Capture.start(lab.client2, "eth0", path);
    expect(await lab.test.ping(OVER_IPV6)).toBe(3);
    await expectTcp(lab.test, lab.client2, OVER_IPV6, TCP_BYTES);
    await capture.stop();
    const sums = await decode(path, `ipv6.src == ${IPV6.test} && udp.dstport == ${VXLAN_PORT}`, [
      "udp.checksum",
    ]);
    expect(sums.length).toBeGreaterThan(6 + TCP_BYTES / 65_536);
    expect(new Set(sums.map(([sum]) => sum.split(",")[0]))).toEqual(new Set(["0x0000"]));
    await lab.vxswitch("port", "set", "br0", "ipv6", "udp6zerocsumtx=false", "udp6zerocsumrx=false");
    expect(await lab.test.ping(OVER_IPV6, { count: 1, waitSeconds: 0.3 })).toBe(0);
  });

  test("what the network has marked in them reaches the inner headers, or ends there", async () => {
    const dropsBefore = await lab.drops("ecn_invalid");
    const capture = await Capture.start(lab.client2, "vxlan0", join(lab.directory, `inner-${io}.pcap`));
    const datagrams = [NOT_ECT, ECT_0, CE].map((ecn) => {
      const inner = packet({
        version: 4,
        protocol: "udp",
        payload: Buffer.alloc(64),
        checksum: "filled",
        tos: ecn,
      });
      const payload = vxlan(
        VNI,
        frame({ to: "ff:ff:ff:ff:ff:ff", type: ETHERTYPE_IPV4, payload: inner.bytes }),
      );
      return { payload, tos: CE };
    });
    await putIn(datagrams);
    const dropped = async () => (await lab.drops("ecn_invalid")) === dropsBefore + 1;
    expect(await waitUntil(dropped, COUNT_TIMEOUT_MS)).toBe(true);
    await capture.stop();
    const rows = await decode(capture.path, "udp.dstport == 50000", ["ip.dsfield.ecn", "ip.checksum.status"]);
    expect(rows).toEqual([
      ["3", "1"],
      ["3", "1"],
    ]);
  });
});

/** A flag as tshark prints it, of this version or another. */
function isSet(flag: string): boolean {
  return /^(1|True)$/.test(flag);
}
