// What the switch puts on the wire, as an independent decoder (tshark) reads it at the receiving client.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Capture, decode } from "./harness/capture.ts";
import { CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { expectTcp, expectUdp } from "./harness/transfer.ts";

/** Sent by the switch to the second client. */
const SENT = `ip.src == ${OWN_LEG.underlay} && ip.dst == ${CLIENT2.underlay} && udp.dstport == 4789`;
const VNI = 4242;
const FLOWS = 32;
const FLOW_PORT = 6000;
const FLOW = `udp.dstport in {${FLOW_PORT}..${FLOW_PORT + FLOWS - 1}}`;
/** Far fewer than the switch has, so that flows which share one do not matter. */
const SOURCE_PORTS_MIN = 4;
const BAD_CHECKSUM =
  "ip.checksum.status == Bad || udp.checksum.status == Bad || tcp.checksum.status == Bad || icmp.checksum.status == Bad";

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start({
    clients: [client(1), client(2, VNI)],
    // By UDP sockets alone, so that super-frames are cut and checksums filled by the switch itself.
    configure: (config) => {
      config.underlay.io = "udp";
    },
  });
});
afterAll(() => lab?.end());

describe("datagrams to a client", () => {
  let path: string;
  beforeAll(async () => {
    path = join(lab.directory, "outer.pcap");
    // A veth end leaves outer checksums to a network card that never comes; without that offload the kernel fills them.
    await lab.test.run("ethtool", "-K", "eth0", "tx", "off");
    const capture = await Capture.start(lab.client2, "eth0", path);
    for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) {
      await lab.client1.ping(address, { size: 1000 });
      await lab.test.ping(address);
      await expectTcp(lab.client1, lab.client2, address, 1000);
      await expectTcp(lab.test, lab.client2, address, 1000);
      await expectUdp(lab.client1, lab.client2, address, { bytes: 500, count: 10, intervalMs: 5 });
    }
    await sendFlows();
    await capture.stop();
    await lab.test.run("ethtool", "-K", "eth0", "tx", "on");
  });

  test("carry the I flag alone and the client's VNI, every reserved bit zero", async () => {
    const frames = await decode(path, SENT, ["vxlan.vni"]);
    expect(frames.length).toBeGreaterThan(50);
    expect(distinct(frames)).toEqual([[String(VNI)]]);
    const clean = await decode(path, `${SENT} && vxlan[0:4] == 08:00:00:00 && vxlan[7:1] == 00`, [
      "vxlan.vni",
    ]);
    expect(clean).toHaveLength(frames.length);
  });

  test("come from a port of the dynamic range, one a flow and many over many flows", async () => {
    const flow = ["udp.srcport", "udp.dstport"];
    const rows = distinct(await decode(path, `${SENT} && ${FLOW}`, flow));
    const outerPorts = rows.map(([ports]) => Number(ports.split(",")[0]));
    for (const port of outerPorts) expect(port).toBeGreaterThanOrEqual(49_152);
    expect(rows).toHaveLength(FLOWS);
    expect(new Set(outerPorts).size).toBeGreaterThanOrEqual(SOURCE_PORTS_MIN);
  });

  test("must not be fragmented on their way, and live long enough", async () => {
    const rows = distinct(await decode(path, SENT, ["ip.flags.df", "ip.ttl", "ip.dsfield.dscp"]));
    for (const [df, ttl] of rows) {
      expect(df.split(",")[0]).toMatch(/^(1|True)$/);
      expect(Number(ttl.split(",")[0])).toBeGreaterThanOrEqual(64);
    }
  });

  test("have no checksum that is wrong, inside or outside", async () => {
    expect(await decode(path, `${SENT} && (${BAD_CHECKSUM})`, ["frame.number", "frame.protocols"])).toEqual(
      [],
    );
    // The flows are left out: a port of theirs may be some protocol's own, and tshark then misses that protocol in them.
    const malformed = `${SENT} && _ws.malformed && !(${FLOW})`;
    expect(await decode(path, malformed, ["frame.number", "frame.protocols"])).toEqual([]);
  });
});

test("bulk TCP with offloads arrives in frames whose checksums are good", async () => {
  // A client that merges what it receives shows its capture merged frames, whose checksums nobody has filled.
  await lab.client2.run("ethtool", "-K", "vxlan0", "gro", "off");
  const capture = await Capture.start(lab.client2, "vxlan0", join(lab.directory, "inner.pcap"));
  for (const address of [CLIENT2.ipv4, CLIENT2.ipv6]) {
    await expectTcp(lab.client1, lab.client2, address, 2_000_000);
    await expectTcp(lab.test, lab.client2, address, 2_000_000);
  }
  await capture.stop();
  const toClient2 = `tcp && !(ip.src == ${CLIENT2.ipv4}) && !(ipv6.src == ${CLIENT2.ipv6})`;
  const segments = await decode(capture.path, `${toClient2} && tcp.len > 0`, ["frame.len"]);
  expect(segments.length).toBeGreaterThan(8_000_000 / 1448);
  expect(Math.max(...segments.map(([length]) => Number(length)))).toBeLessThanOrEqual(1450 + 14);
  expect(
    await decode(capture.path, `${toClient2} && (${BAD_CHECKSUM})`, ["frame.number", "tcp.len"]),
  ).toEqual([]);
});

/** Some datagrams in each of many flows, to ports that nobody listens on. */
async function sendFlows(): Promise<void> {
  for (let flow = 0; flow < FLOWS; flow++) {
    const port = FLOW_PORT + flow;
    await lab.client1.script("udp.mjs", "raw", CLIENT2.ipv4, port, "0badcafe", "0badcafe").result();
  }
}

function distinct(rows: string[][]): string[][] {
  return [...new Set(rows.map((row) => row.join("\t")))].map((row) => row.split("\t"));
}

test.each(["udp", "auto"] as const)(
  "outer headers are marked as a port says, with io: %s, and changed in place",
  async (io) => {
    lab.config.underlay.io = io;
    expect(await lab.running.stop()).toEqual({ code: 0, signal: null });
    await lab.restart();
    await lab.client1.ping(CLIENT2.ipv4);
    const path = join(lab.directory, `marks-${io}.pcap`);
    await lab.vxswitch("port", "set", "br0", "client2", "ttl=7", "tos=184");
    const capture = await Capture.start(lab.client2, "eth0", path);
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 300_000);
    await capture.stop();
    const marks = distinct(await decode(path, SENT, ["ip.ttl", "ip.dsfield.dscp"]));
    const outer = marks.map((row) => row.map((values) => values.split(",")[0]).join());
    expect(new Set(outer)).toEqual(new Set(["7,46"]));
    expect(await lab.vxswitch("show")).toMatch(/Port client2\n .* ttl 7 tos 184\n/);
  },
);
