// Trains that leave by packet sockets, over IPv4 and IPv6: one datagram on a device that can have it cut further on, and
// where it cannot, datagrams as an independent decoder (tshark) finds them right, in order and complete.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { outerFrame } from "../dataplane/outer-frame.ts";
import { vxlan } from "../dataplane/packets.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import { Peer } from "./harness/peer.ts";

const VXLAN_PORT = 4789;
const VNI = 4100;
const VNI_OF_IPV6 = 4107;
const TEST_IPV6 = "fd12::103";
const CLIENT2_IPV6 = "fd12::152";
const SETTLE_TIMEOUT_MS = 3000;
const FRAMES = 40;
const ETHERTYPE = 0x88b5;
const INNER_BYTES = 300;
const LAST_BYTES = 200;
const MTU_FRAME_BYTES = 1514;

interface Way {
  readonly family: string;
  /** Sent by the switch to the second client. */
  readonly sent: string;
  readonly vni: number;
  /** Outer Ethernet, IP, UDP and VXLAN. */
  readonly outerBytes: number;
}

const WAYS: readonly Way[] = [
  {
    family: "IPv4",
    sent: `ip.src == ${OWN_LEG.underlay} && ip.dst == ${CLIENT2.underlay} && udp.dstport == ${VXLAN_PORT}`,
    vni: VNI,
    outerBytes: 50,
  },
  {
    family: "IPv6",
    sent: `ipv6.src == ${TEST_IPV6} && ipv6.dst == ${CLIENT2_IPV6} && udp.dstport == ${VXLAN_PORT}`,
    vni: VNI_OF_IPV6,
    outerBytes: 70,
  },
];

// Without the machine's own privileges there is no packet socket, and trains leave by UDP sockets (wire-format.test.ts).
describe.skipIf(inUserNamespace())("a burst of frames", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start();
    await lab.client2.run("ip", "addr", "add", `${CLIENT2_IPV6}/64`, "dev", "eth0", "nodad");
    await lab.test.run("ip", "addr", "add", `${TEST_IPV6}/64`, "dev", "eth0", "nodad");
    const ends = ["remote", TEST_IPV6, "local", CLIENT2_IPV6, "dev", "eth0"];
    const type = ["type", "vxlan", "id", String(VNI_OF_IPV6), "dstport", String(VXLAN_PORT)];
    await lab.client2.run("ip", "link", "add", "vxlan6", ...type, ...ends);
    await lab.client2.run("ip", "link", "set", "vxlan6", "up");
    const client2v6 = { type: "vxlan", vni: VNI_OF_IPV6, remote: CLIENT2_IPV6, local: TEST_IPV6 };
    lab.config.bridges.br0.ports.client2v6 = client2v6;
    await lab.reloadUntilUp();
    // The kernel then knows the next hop, and a path leads there.
    expect(await lab.test.ping(CLIENT2.underlay)).toBe(3);
    expect(await lab.test.ping(CLIENT2_IPV6)).toBe(3);
    const byPacketSocket = async () => (await lab.vxswitch("show")).includes("in trains by packet sockets");
    expect(await waitUntil(byPacketSocket, SETTLE_TIMEOUT_MS)).toBe(true);
  });
  afterAll(() => lab?.end());

  test("stays together where the device takes trains, and the client receives each frame", async () => {
    const delivered = await Capture.start(lab.client2, "vxlan6", join(lab.directory, "vxlan6.pcap"));
    const outer = await captureBurst("together.pcap");
    for (const { sent } of WAYS) {
      const trains = await decode(outer, `${sent} && frame.len > ${MTU_FRAME_BYTES}`, ["frame.len"]);
      expect(trains.length).toBeGreaterThan(0);
    }
    expect(await delivered.stopAndCount(`eth.type == ${ETHERTYPE}`)).toBe(FRAMES);
  });

  describe("where the kernel has to cut them", () => {
    let outer: string;
    beforeAll(async () => {
      await lab.test.run("ethtool", "-K", "eth0", "tx-udp-segmentation", "off", "tx", "off");
      outer = await captureBurst("cut.pcap");
      await lab.test.run("ethtool", "-K", "eth0", "tx", "on", "tx-udp-segmentation", "on");
    });

    test.each(WAYS)("over $family: each frame is a datagram, in order, the last one shorter", async (way) => {
      const rows = await decode(outer, `${way.sent} && eth.type == ${ETHERTYPE}`, ["frame.len", "data.data"]);
      const wanted = Array.from({ length: FRAMES }, (_, i) => [
        String(way.outerBytes + innerFrame(i).length),
        innerFrame(i).subarray(14).toString("hex"),
      ]);
      expect(rows).toEqual(wanted);
    });

    test.each(WAYS)("over $family: headers and checksums are right", async ({ sent, vni, family }) => {
      const filter = `${sent} && eth.type == ${ETHERTYPE}`;
      const flags = "vxlan[0:4] == 08:00:00:00 && vxlan[7:1] == 00 && udp.srcport >= 49152";
      const right = `${filter} && ${flags} && vxlan.vni == ${vni} && !(ip.checksum.status == Bad)`;
      // Over IPv4 a single frame has none (RFC 7348 section 5), over IPv6 each has one (RFC 8200 section 8.1).
      const checksum =
        family === "IPv6"
          ? "udp.checksum.status == Good"
          : "!(udp.checksum.status == Bad) && ip.flags.df == 1";
      expect(await decode(outer, `${right} && ${checksum}`, ["frame.number"])).toHaveLength(FRAMES);
    });
  });

  /** Has the first client's frames put on the wire at once, as the second client's device sees them leave the switch. */
  async function captureBurst(file: string): Promise<string> {
    const inject = compilePeer("inject", lab.directory);
    const campus = new Peer(lab.network.campus);
    const macs = { from: await lab.client1.mac("eth0"), to: await lab.test.mac("eth0") };
    const ends = { macs, from: CLIENT1.underlay, to: OWN_LEG.underlay, port: VXLAN_PORT };
    const frames = Array.from({ length: FRAMES }, (_, i) =>
      outerFrame({ ...ends, payload: vxlan(VNI, innerFrame(i)) }).toString("hex"),
    );
    const capture = await Capture.start(lab.client2, "eth0", join(lab.directory, file));
    // Held up meanwhile, so that it finds them all at once: awake, it might forward each as it comes.
    lab.running.signal("SIGSTOP");
    await campus.run(inject, lab.test.host.name, ...frames);
    lab.running.signal("SIGCONT");
    await capture.stop();
    return capture.path;
  }
});

/** A broadcast of somebody that carries its number. */
function innerFrame(number: number): Buffer {
  const head = Buffer.from("ffffffffffff0200000000990000", "hex");
  head.writeUInt16BE(ETHERTYPE, 12);
  const bytes = number === FRAMES - 1 ? LAST_BYTES : INNER_BYTES;
  return Buffer.concat([head, Buffer.from(`${number}`.padEnd(bytes - head.length, "."))]);
}
