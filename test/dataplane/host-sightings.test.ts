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
import { Lab } from "./lab.ts";
import { advertisement, arp, solicitation } from "./neighbour-packets.ts";
import { frame } from "./packets.ts";

const ALICE = "02:00:00:00:00:0a";
const BOB = "02:00:00:00:00:0b";
const SERVER = "02:00:00:00:00:fe";
const ACK = dhcp({ from: SERVER, operation: 2, type: 5, client: ALICE, given: "192.168.0.10" });
const REQUEST = dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, name: "alice-7" });
const RENEWAL = dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, used: "192.168.0.10" });

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
  const seeds = [ACK, REQUEST, arp({ from: ALICE, sender: "10.0.0.1", target: "10.0.0.2" })];
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
