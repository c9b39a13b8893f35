// Datagrams that no sane endpoint sends: each is dropped and counted under its own reason, and nothing else changes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { scenarioClient } from "../../src/control/lab/topology.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer } from "./harness/peer.ts";
import type { FdbRow } from "./harness/rows.ts";

const VXLAN_PORT = 4789;
const COUNT_TIMEOUT_MS = 3000;
const COPIES = 5;

//        flags  reserved  VNI 4100  reserved
const VXLAN = "08 000000 001004 00";
const BROADCAST = "ffffffffffff";
const SOMEBODY = "020000000099";
/** Local experimental EtherType 1 (IEEE 802), with 46 bytes that mean nothing. */
const PAYLOAD = `88b5 ${"00".repeat(46)}`;
const FRAME = `${BROADCAST} ${SOMEBODY} ${PAYLOAD}`;

let lab: KernelLab;
let stranger: Peer;
beforeAll(async () => {
  const clients = [client(1), client(2), scenarioClient(3, { cables: [] })];
  lab = await KernelLab.start({ clients });
  stranger = lab.peer("client3");
});
afterAll(() => lab?.end());

test.each([
  ["an empty datagram", "vxlan_short", ""],
  ["half a VXLAN header", "vxlan_short", "08 000000"],
  ["a VXLAN header alone", "vxlan_short", VXLAN],
  ["half an Ethernet header", "vxlan_short", `${VXLAN} ${BROADCAST}`],
  ["an Ethernet header without its last byte", "vxlan_short", `${VXLAN} ${BROADCAST} ${SOMEBODY} 88`],
  ["a header without the I flag", "vxlan_flags", `00 000000 001004 00 ${FRAME}`],
  ["every flag but the I flag", "vxlan_flags", `f7 ffffff 001004 ff ${FRAME}`],
  ["a VNI that no port has", "vni_unknown", `08 000000 0f4240 00 ${FRAME}`],
  ["a source address of zero", "source_mac_invalid", `${VXLAN} ${BROADCAST} 000000000000 ${PAYLOAD}`],
  ["a multicast source address", "source_mac_invalid", `${VXLAN} ${BROADCAST} 01005e000001 ${PAYLOAD}`],
  ["a broadcast source address", "source_mac_invalid", `${VXLAN} ${BROADCAST} ${BROADCAST} ${PAYLOAD}`],
  ["an IPv4 header that claims more bytes than there are", "inner_malformed", `${VXLAN} ${ipv4("05dc")}`],
  ["an IPv4 header that claims less than a header", "inner_malformed", `${VXLAN} ${ipv4("0004")}`],
  ["an IPv6 header that claims more bytes than there are", "inner_malformed", `${VXLAN} ${ipv6("0400")}`],
])("%s is dropped as %s", async (_what, reason, hex) => {
  await expectDropped(lab.client1, reason, hex);
});

test("a datagram of a VTEP that is nobody's remote is dropped as vtep_unknown", async () => {
  await expectDropped(stranger, "vtep_unknown", `${VXLAN} ${FRAME}`);
});

test("a frame that does not fit the way to its destination is dropped as too_big", async () => {
  const bytes = 1500;
  const big = `${macHex(await lab.client2.mac("vxlan0"))} ${macHex(await lab.client1.mac("vxlan0"))} 88b5`;
  expect(await lab.client2.ping(CLIENT1.ipv4)).toBe(3); // so that the switch knows where client2 is
  await expectDropped(lab.client1, "too_big", `${VXLAN} ${big} ${"00".repeat(bytes)}`);
});

test("none of this was learnt or forwarded, and the clients still talk", async () => {
  const macs = (await lab.show<FdbRow>("fdb")).map(({ mac }) => mac);
  expect(macs).not.toContain("02:00:00:00:00:99");
  expect(macs).not.toContain("00:00:00:00:00:00");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  expect(await lab.client2.ping(CLIENT1.ipv6)).toBe(3);
});

test("the log has at most one line for each kind of fault", async () => {
  const lines = lab.running.log().split("\n").filter(Boolean);
  expect(lines.length).toBeLessThan(25);
});

test("reserved bits that are set are ignored, as RFC 7348 wants it", async () => {
  const before = await totalDrops();
  await send(lab.client1, `ff ffffff 001004 ff ${FRAME}`);
  const learnt = async () => (await lab.show<FdbRow>("fdb")).some(({ mac }) => mac === "02:00:00:00:00:99");
  expect(await waitUntil(learnt, COUNT_TIMEOUT_MS)).toBe(true);
  expect(await totalDrops()).toBe(before);
});

/** Each reason that was not expected stays as it was. */
async function expectDropped(from: Peer, reason: string, hex: string): Promise<void> {
  const before = await countedDrops();
  await send(from, ...Array<string>(COPIES).fill(hex));
  const wanted = { ...before, [reason]: (before[reason] ?? 0) + COPIES };
  let after = before;
  await waitUntil(async () => {
    after = await countedDrops();
    return (after[reason] ?? 0) >= wanted[reason];
  }, COUNT_TIMEOUT_MS);
  expect(after).toEqual(wanted);
}

async function send(from: Peer, ...datagrams: string[]): Promise<void> {
  const bytes = datagrams.map((hex) => hex.replaceAll(" ", ""));
  await from.script("udp.mjs", "raw", OWN_LEG.underlay, VXLAN_PORT, ...bytes).result();
}

/** Drops by reason, but for those that ordinary traffic of the clients causes as well. */
async function countedDrops(): Promise<Record<string, number>> {
  const drops: Record<string, number> = {};
  for (const { name, labels, value } of await lab.metrics()) {
    if (name !== "vxswitch_drops_total" || labels.reason === "split_horizon") continue;
    drops[labels.reason] = (drops[labels.reason] ?? 0) + value;
  }
  return drops;
}

async function totalDrops(): Promise<number> {
  return Object.values(await countedDrops()).reduce((total, count) => total + count, 0);
}

function macHex(mac: string): string {
  return mac.replaceAll(":", "");
}

/** An Ethernet frame with 26 bytes of UDP over IPv4 whose header claims another total length. */
function ipv4(totalLength: string): string {
  const header = `4500 ${totalLength} 0001 0000 40 11 0000 c0a80001 c0a80002`;
  return `${BROADCAST} ${SOMEBODY} 0800 ${header} 03e8 03e8 001a 0000 ${"00".repeat(18)}`;
}

/** The same over IPv6 with another payload length. */
function ipv6(payloadLength: string): string {
  const addresses = `fd00${"00".repeat(13)}01 fd00${"00".repeat(13)}02`;
  return `${BROADCAST} ${SOMEBODY} 86dd 60000000 ${payloadLength} 11 40 ${addresses} 03e8 03e8 001a 0000 ${"00".repeat(18)}`;
}
