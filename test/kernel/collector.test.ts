// Mirrors to a third host: the kernel's own VXLAN device there takes what comes, and tshark reads the ERSPAN on its wire (not
// every kernel has a device for it). One collector that there is no way to.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import type { LabConfig } from "../../src/control/lab/config.ts";
import { addressOf, scenarioClient } from "../../src/control/lab/topology.ts";
import { BROADCAST, frame } from "../dataplane/packets.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT2, client, KernelLab } from "./harness/kernel-lab.ts";
import type { MirrorRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const PINGS = 10;
const SESSION = 7;
const COLLECTOR_VNI = 99;
const COLLECTOR = scenarioClient(3, { cables: [] });
const COLLECTOR_ADDRESS = addressOf(COLLECTOR.underlay);
/** TEST-NET-2 (RFC 5737); no namespace of the lab has a route to it. */
const NOWHERE = "198.51.100.9";
/** Not what the collector's kernel sends back with its refusal, since it has nothing that takes GRE. */
const ERSPAN = "erspan && !(icmp.type == 3)";
const COUNT_TIMEOUT_MS = 5000;
/** Of the overlay: an inner packet of 1450 bytes. */
const FRAME_BYTES_MAX = 1464;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start({ clients: [client(1), client(2), COLLECTOR], configure });
  const { host } = lab.peer("client3");
  const device = ["id", String(COLLECTOR_VNI), "dstport", "4789", "local", COLLECTOR_ADDRESS, "dev", "eth0"];
  await host.ip("link", "add", "mirrored", "type", "vxlan", ...device);
  await host.ip("link", "set", "mirrored", "up");
  // So that packets are captured as they came, and not put together again.
  await host.run("ethtool", ["-K", "mirrored", "gro", "off"]);
});
afterAll(() => lab?.end());

test("a kernel's VXLAN device gets each mirrored frame once, and super-frames as packets", async () => {
  const capture = await Capture.start(lab.peer("client3"), "mirrored", join(lab.directory, "vxlan.pcap"));
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 500_000);
  await capture.stop();
  const pings = await decode(capture.path, `icmp && ip.addr == ${CLIENT2.ipv4}`, ["icmp.type"]);
  expect(pings.filter(([type]) => type === "8")).toHaveLength(PINGS);
  expect(pings.filter(([type]) => type === "0")).toHaveLength(PINGS);
  const segments = await decode(capture.path, "tcp.len > 0", ["frame.len", "tcp.checksum.status", "tcp.len"]);
  const bytes = segments.reduce((sum, [, , length]) => sum + Number(length), 0);
  expect(bytes).toBeGreaterThanOrEqual(500_000);
  expect(segments.filter(([, status]) => status !== "1")).toEqual([]);
  expect(segments.filter(([length]) => Number(length) > FRAME_BYTES_MAX)).toEqual([]);
});

test("ERSPAN as an independent decoder reads it: session, VLAN, sequence, what was cut, and the frame", async () => {
  const capture = await Capture.start(lab.peer("client3"), "eth0", join(lab.directory, "erspan.pcap"));
  const tagged = frame({ to: BROADCAST, vlans: [0x6007] });
  await lab.client1.run(compilePeer("inject", lab.directory), "vxlan0", tagged.toString("hex"));
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  await lab.client1.ping(CLIENT2.ipv4, { count: 1, size: 600 });
  await capture.stop();
  const fields = ["erspan.version", "erspan.spanid", "erspan.index", "erspan.cos", "gre.sequence_number"];
  const rows = await decode(capture.path, ERSPAN, fields);
  expect(rows.length).toBeGreaterThan(PINGS);
  expect(new Set(rows.map((row) => row.slice(0, 4).join()))).toEqual(new Set([`1,${SESSION},3,0`]));
  const sequence = rows.map((row) => Number(row[4]));
  expect(sequence).toEqual(sequence.map((_, i) => sequence[0] + i));
  const shown = (filter: string) =>
    decode(capture.path, `${ERSPAN} && ${filter}`, ["erspan.vlan", "erspan.truncated"]);
  expect(await shown("icmp.type == 8 && frame.len < 300 && erspan.truncated == 0")).toHaveLength(PINGS);
  expect(await shown("icmp.type == 8 && erspan.truncated == 1")).toHaveLength(1);
  expect(await shown("vlan.id == 7 && erspan.encap == 3")).toEqual([["7", "0"]]);
});

test("frames to a collector that there is no way to are counted, and forwarding does not notice", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  const counted = async () => {
    const rows = await lab.show<MirrorRow>("mirrors");
    const lost = rows.filter(({ mirror }) => mirror.startsWith("nowhere"));
    return lost.length === 2 && lost.every((row) => row.packets === 0 && row.drops.output >= 2 * PINGS);
  };
  expect(await waitUntil(counted, COUNT_TIMEOUT_MS, 200)).toBe(true);
  await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 500_000);
});

function configure(config: LabConfig): void {
  config.bridges.br0.mirrors = {
    vxlan: { select_all: true, output: { vxlan: COLLECTOR_ADDRESS, vni: COLLECTOR_VNI } },
    erspan: {
      select_src_port: ["client1"],
      snaplen: 300,
      output: { erspan: COLLECTOR_ADDRESS, session: SESSION, index: 3 },
    },
    nowhere0: { select_all: true, output: { vxlan: NOWHERE, vni: 1 } },
    nowhere1: { select_all: true, output: { erspan: NOWHERE, session: 1 } },
  };
}
