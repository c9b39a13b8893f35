// What frames tell of IP addresses: from the frame that arrives to what the control thread reads. DHCP messages are what tshark
// takes them for.
import fc from "fast-check";
import { expect, test } from "vitest";
import { HOST_NEWS_DROPS } from "../../src/dataplane/counters.ts";
import { TOLD_BYTES_MAX } from "../../src/dataplane/host-news.ts";
import { readSighting, type Sighting } from "../../src/dataplane/inventory/host-sightings.ts";
import { formatMac } from "../../src/dataplane/wire/mac.ts";
import { decode } from "./decoder.ts";
import { dhcp } from "./dhcp-packets.ts";
import { dhcpv6, duid, identityAssociation, lease, option, status } from "./dhcpv6-packets.ts";
import { Lab } from "./lab.ts";
import { advertisement, arp, solicitation } from "./neighbour-packets.ts";
import { frame } from "./packets.ts";

const ALICE = "02:00:00:00:00:0a";
const BOB = "02:00:00:00:00:0b";
const SERVER = "02:00:00:00:00:fe";
const ACK = dhcp({ from: SERVER, operation: 2, type: 5, client: ALICE, given: "192.168.0.10" });
const REQUEST = dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, name: "alice-7" });
const RENEWAL = dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, used: "192.168.0.10" });

const IDS = [duid(1, ALICE), duid(2, SERVER)];
const BETWEEN = { from: SERVER, to: ALICE };
const REPLY = dhcpv6({ ...BETWEEN, options: [...IDS, identityAssociation(lease("fd00::a:1"))] });
/** Whose first association failed, and whose first lease is taken back. */
const MIXED_REPLY = dhcpv6({
  ...BETWEEN,
  vlans: [7],
  ports: [5000, 546],
  options: [
    ...IDS,
    status(0),
    identityAssociation(status(2)),
    identityAssociation(lease("fd00::a:2", 0), lease("fd00::a:3", 60, status(0))),
  ],
});

function told(lab: Lab): (Sighting & { vlan: number; mac: string })[] {
  const found: (Sighting & { vlan: number; mac: string })[] = [];
  lab.hostNews.read({
    learnt: () => {},
    frame: (_bridge, vlan, view, offset, bytes) => {
      const sighting = readSighting(view, offset, bytes, Math.min(bytes, TOLD_BYTES_MAX));
      if (sighting) found.push({ ...sighting, vlan, mac: formatMac(sighting.macHigh, sighting.macLow) });
    },
  });
  return found;
}

function toldOf(...frames: Buffer[]) {
  const lab = new Lab({ ports: ["tap0", "client1"] });
  lab.receive("client1", ...frames);
  return told(lab);
}

test("an ARP request, an ARP reply, a solicitation and an advertisement tell whose address it is", () => {
  const found = toldOf(
    arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }),
    arp({ operation: 2, from: BOB, to: ALICE, sender: "192.168.0.2", target: "192.168.0.1", vlans: [7] }),
    solicitation({ from: ALICE, source: "fd00::1", target: "fd00::2" }),
    advertisement({ from: BOB, to: ALICE, source: "fd00::2", destination: "fd00::1", target: "fd00::2" }),
  );
  expect(found.map(({ by, mac, address, vlan }) => [by, mac, address, vlan])).toEqual([
    ["arp", ALICE, "192.168.0.1", 0],
    ["arp", BOB, "192.168.0.2", 7],
    ["nd", ALICE, "fd00::1", 0],
    ["nd", BOB, "fd00::2", 0],
  ]);
});

test("a DHCP server tells of its client, a client of itself", () => {
  expect(toldOf(ACK, REQUEST, RENEWAL)).toMatchObject([
    { by: "dhcp", mac: ALICE, address: "192.168.0.10", hostName: null },
    { by: "dhcp", mac: ALICE, address: null, hostName: "alice-7" },
    { by: "dhcp", mac: ALICE, address: "192.168.0.10", hostName: null },
  ]);
});

test.each([
  ["speaks for another", dhcp({ from: BOB, operation: 1, type: 3, client: ALICE, name: "alice" })],
  ["is an offer", dhcp({ from: SERVER, operation: 2, type: 2, client: ALICE, given: "192.168.0.10" })],
  [
    "gives a group's address",
    dhcp({ from: SERVER, operation: 2, type: 5, client: ALICE, given: "224.0.0.1" }),
  ],
  [
    "has a name that is none",
    dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, name: "a\u001b[2J" }),
  ],
  [
    "has no end",
    dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, options: Buffer.of(53, 1, 3, 12, 1, 97) }),
  ],
  [
    "has an option that is cut off",
    dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, options: Buffer.of(53, 1, 3, 12, 9, 97) }),
  ],
])("a DHCP message that %s tells nothing", (_, message) => {
  expect(toldOf(message)).toEqual([]);
});

test("tshark takes the same from these messages", () => {
  const fields = [
    "dhcp.option.dhcp",
    "dhcp.hw.mac_addr",
    "dhcp.ip.client",
    "dhcp.ip.your",
    "dhcp.option.hostname",
  ];
  expect(decode([ACK, REQUEST, RENEWAL], fields).map((row) => Object.values(row))).toEqual([
    ["5", ALICE, "0.0.0.0", "192.168.0.10", ""],
    ["3", ALICE, "0.0.0.0", "0.0.0.0", "alice-7"],
    ["3", ALICE, "192.168.0.10", "0.0.0.0", ""],
  ]);
});

test("a DHCPv6 server tells the client to whom it sends which address it has", () => {
  expect(toldOf(REPLY, MIXED_REPLY)).toMatchObject([
    { by: "dhcp", mac: ALICE, address: "fd00::a:1", hostName: null, vlan: 0 },
    { by: "dhcp", mac: ALICE, address: "fd00::a:3", hostName: null, vlan: 7 },
  ]);
});

const leased = identityAssociation(lease("fd00::a:1"));
const cutOff = (bytes: Buffer, by: number) => bytes.subarray(0, bytes.length - by);
test.each([
  ["is an ADVERTISE", { type: 2, options: [leased] }],
  ["is a relay's", { type: 13, ports: [547, 547] as const, options: [option(9, leased)] }],
  ["goes to no client", { ports: [547, 547] as const, options: [leased] }],
  ["goes to a group", { to: "33:33:00:01:00:02", options: [leased] }],
  ["tells of a failure", { options: [status(1), leased] }],
  ["tells of a failure behind the lease", { options: [identityAssociation(lease("fd00::a:1"), status(2))] }],
  ["takes the address back", { options: [identityAssociation(lease("fd00::a:1", 0))] }],
  ["says of the lease that it failed", { options: [identityAssociation(lease("fd00::a:1", 60, status(4)))] }],
  ["lends a group's address", { options: [identityAssociation(lease("ff02::1"))] }],
  ["lends nobody's address", { options: [identityAssociation(lease("::1"))] }],
  ["lends nothing", { options: IDS }],
  ["has no option", { options: [] }],
  [
    "has half a header behind a lease",
    { options: [option(3, Buffer.alloc(12), lease("fd00::a:1"), Buffer.of(0))] },
  ],
  ["has an option that is cut off", { options: [leased, Buffer.of(0, 23, 0, 9, 1)] }],
  ["has half of an option's header", { options: [leased, Buffer.of(0, 23)] }],
  ["has a lease that is cut off", { options: [option(3, Buffer.alloc(12), cutOff(lease("fd00::a:1"), 1))] }],
  [
    "has a lease that is too short",
    { options: [option(3, Buffer.alloc(12), option(5, Buffer.alloc(23, 1)))] },
  ],
  ["has an association that is too short", { options: [option(3, Buffer.alloc(11))] }],
  ["is longer than what is told of a frame", { options: [leased, option(23, Buffer.alloc(1000))] }],
])("a DHCPv6 message that %s tells nothing", (_, message) => {
  expect(toldOf(dhcpv6({ ...BETWEEN, ...message }))).toEqual([]);
});

test("a datagram to another port is not taken for DHCPv6, even if somebody asks", () => {
  const other = dhcpv6({ ...BETWEEN, ports: [547, 547], options: [leased] });
  const read = (bytes: Buffer) =>
    readSighting(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length, bytes.length);
  expect([read(REPLY)?.address, read(other)]).toEqual(["fd00::a:1", null]);
});

test("tshark takes the same from these DHCPv6 messages", () => {
  const fields = [
    "eth.dst",
    "dhcpv6.msgtype",
    "dhcpv6.duidll.link_layer_addr",
    "dhcpv6.iaaddr.ip",
    "dhcpv6.iaaddr.valid_lifetime",
    "dhcpv6.status_code",
    "udp.checksum.status",
  ];
  const rows = decode([REPLY, MIXED_REPLY], fields).map((row) => Object.values(row));
  expect(rows[0]).toEqual([ALICE, "7", `${ALICE},${SERVER}`, "fd00::a:1", "7200", "", "1"]);
  expect(rows[1]).toEqual([ALICE, "7", `${ALICE},${SERVER}`, "fd00::a:2,fd00::a:3", "0,60", "0,2,0", "1"]);
});

test("a frame that is refused tells nothing, and what an impaired cable holds tells when it comes", () => {
  const lab = new Lab({ ports: ["tap0", "client1"] });
  lab.setPolicy("client1", { locked: true });
  lab.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  expect(told(lab)).toEqual([]);
  lab.setPolicy("client1", {});
  lab.impair("client1", { delayUs: 2000 }, null);
  lab.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  expect(told(lab)).toEqual([]);
  lab.passUs(3000);
  expect(told(lab)).toHaveLength(1);
});

test("what has no room is lost and counted", () => {
  const lab = new Lab({ ports: ["tap0", "client1"] });
  for (let i = 0; i < 300; i++)
    lab.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  expect(lab.counters[HOST_NEWS_DROPS]).toBe(300 - 256);
  expect(told(lab)).toHaveLength(256);
});

test("no frame, however bent, disturbs the reader", () => {
  const seeds = [
    ACK,
    REQUEST,
    REPLY,
    MIXED_REPLY,
    arp({ from: ALICE, sender: "10.0.0.1", target: "10.0.0.2" }),
  ];
  const bent = fc.tuple(
    fc.constantFrom(...seeds),
    fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }),
    fc.nat(300),
  );
  fc.assert(
    fc.property(bent, ([seed, changes, cut]) => {
      const bytes = Buffer.from(seed.subarray(0, Math.max(60, seed.length - cut)));
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      const lab = new Lab({ ports: ["tap0", "client1"] });
      lab.receive("client1", bytes, frame({ from: BOB, to: ALICE }));
      told(lab);
    }),
    { numRuns: 150 },
  );
});
