// Statements of RFC 7348 (docs/conformance.md) that no other file shows with real endpoints: three clients, the third on a
// UDP port of its own.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scenarioClient } from "../../src/control/lab/topology.ts";
import { Capture, decode } from "./harness/capture.ts";
import { compilePeer } from "./harness/compile.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer } from "./harness/peer.ts";
import type { FdbRow } from "./harness/rows.ts";

const OTHER_PORT = 8472;
const CLIENT3 = { ipv4: "192.168.0.3", underlay: "10.122.4.3" };
const VLAN = 10;
const PINGS = 10;
const STATION = "02:00:00:00:0c:01";
/** From there to all, of local experimental EtherType 1 (IEEE 802), with 46 bytes that mean nothing. */
const PLAIN = flooded("");
const TAGGED = flooded(`8100 ${VLAN.toString(16).padStart(4, "0")}`);

let lab: KernelLab;
let client3: Peer;
let inject: string;
beforeAll(async () => {
  lab = await KernelLab.start({
    clients: [client(1), client(2), scenarioClient(3, { cables: [] })],
    configure: (config) => {
      const port = { type: "vxlan", vni: 4100, remote: CLIENT3.underlay, dstport: OTHER_PORT };
      config.bridges.br0.ports.client3 = port;
    },
  });
  client3 = lab.peer("client3");
  inject = compilePeer("inject", lab.directory);
  const ends = ["local", CLIENT3.underlay, "remote", OWN_LEG.underlay];
  const tunnel = ["id", "4100", ...ends, "dstport", String(OTHER_PORT)];
  await client3.host.ip("link", "add", "vxlan0", "type", "vxlan", ...tunnel);
  await client3.host.ip("addr", "add", `${CLIENT3.ipv4}/24`, "dev", "vxlan0");
  await client3.host.ip("link", "set", "vxlan0", "up");
});
afterAll(() => lab?.end());

test("a port with a dstport of its own is reached there, beside those on 4789", async () => {
  const capture = await Capture.start(client3, "eth0", join(lab.directory, "port.pcap"));
  expect(await lab.client1.ping(CLIENT3.ipv4)).toBe(3);
  expect(await client3.ping(CLIENT2.ipv4)).toBe(3);
  await capture.stop();
  const sent = await decode(capture.path, `udp && ip.src == ${OWN_LEG.underlay}`, ["udp.dstport"]);
  expect(sent.length).toBeGreaterThan(5);
  // tshark takes another port than 4789 for something else, or for nothing.
  expect(new Set(sent.map(([ports]) => ports.split(",")[0]))).toEqual(new Set([String(OTHER_PORT)]));
});

test("what is flooded reaches every other VTEP as one copy, and not where it came from", async () => {
  const peers = [lab.client1, lab.client2, client3];
  const captures = await Promise.all(
    peers.map((peer, i) => Capture.start(peer, "vxlan0", join(lab.directory, `flood${i}.pcap`))),
  );
  await lab.client1.run(inject, "vxlan0", PLAIN);
  // The first client's own capture has what it sent, and would have what came back.
  const counts = await Promise.all(captures.map((capture) => capture.stopAndCount("eth.type == 0x88b5")));
  expect(counts).toEqual([1, 1, 1]);
});

test("the answer to an address that is learnt goes to its VTEP alone", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  const capture = await Capture.start(client3, "vxlan0", join(lab.directory, "alone.pcap"));
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  expect(await lab.client2.ping(CLIENT1.ipv4, { count: PINGS })).toBe(PINGS);
  expect(await capture.stopAndCount("icmp")).toBe(0);
});

test("an inner VLAN tag passes as it is, and is a part of what is learnt", async () => {
  const capture = await Capture.start(lab.client2, "vxlan0", join(lab.directory, "tagged.pcap"));
  await lab.client1.run(inject, "vxlan0", TAGGED);
  await capture.stop();
  expect(await decode(capture.path, "vlan", ["vlan.id", "vlan.etype"])).toEqual([[String(VLAN), "0x88b5"]]);
  const vlans = (await lab.show<FdbRow>("fdb")).filter(({ mac }) => mac === STATION).map(({ vlan }) => vlan);
  expect(vlans.sort()).toEqual([0, VLAN]);
});

function flooded(tag: string): string {
  return `ffffffffffff ${STATION} ${tag} 88b5 ${"00".repeat(46)}`.replaceAll(/[ :]/g, "");
}
