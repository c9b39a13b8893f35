// Hosts as the control thread comes to know them: frames pass the real engine, `Hosts` hears of them by the shared memory and
// looks into the FDB as it does in a switch. Both clocks are numbers.
import { expect, test } from "vitest";
import { eventsLost } from "../../src/dataplane/events.ts";
import { Fdb, fdbKey } from "../../src/dataplane/fdb/fdb.ts";
import { HOSTS_MAX } from "../../src/dataplane/inventory/host-table.ts";
import { EVENTS_A_SECOND, type HostBridge, Hosts } from "../../src/dataplane/inventory/hosts.ts";
import type { Port } from "../../src/dataplane/inventory/port.ts";
import type { DataplaneEvent, HostRow } from "../../src/dataplane/spec.ts";
import { dhcp } from "./dhcp-packets.ts";
import { Lab } from "./lab.ts";
import { advertisement, arp } from "./neighbour-packets.ts";
import { frame } from "./packets.ts";

const ALICE = "02:00:00:00:00:0a";
const BOB = "02:00:00:00:00:0b";
const SERVER = "02:00:00:00:00:fe";
const PORTS = ["tap0", "client1", "client2"];
const VNI = 4100;
const AGEING_SECONDS = 300;
/** What the wall's clock is ahead of the monotonic one. */
const WALL_AHEAD_MS = 1_800_000_000_000;

class HostsLab {
  readonly lab: Lab;
  readonly hosts: Hosts;
  newsDrops = 0;
  private readonly bridges = new Map<string, HostBridge>();
  private readonly gone = new Set<string>();
  private readonly heard: DataplaneEvent[] = [];

  constructor(addressesMax = 1024) {
    this.lab = new Lab({ ports: PORTS, addressesMax, ageingSeconds: AGEING_SECONDS });
    const { memory, counters } = this.lab;
    for (const fdb of this.lab.fdbMemories())
      this.bridges.set("br0", {
        index: fdb.bridge,
        fdb: new Fdb(fdb, new Int32Array(memory.destinations), counters),
        spec: { name: "br0", ageingSeconds: AGEING_SECONDS },
      });
    this.hosts = new Hosts({
      news: [memory.hostNews],
      bridges: this.bridges,
      ends: { portOf: (destination) => this.portOf(destination), remoteOf: () => null },
      newsDrops: () => this.newsDrops,
      onEvent: (event) => this.heard.push(event),
    });
  }

  get fdb(): Fdb {
    return (this.bridges.get("br0") as HostBridge).fdb;
  }

  get wallMs(): number {
    return WALL_AHEAD_MS + this.lab.nowSeconds * 1000;
  }

  look(): void {
    this.hosts.look({ monotonicMs: this.lab.nowSeconds * 1000, wallMs: this.wallMs });
  }

  /** A second passes and the hosts are looked at. */
  pass(seconds = 1): void {
    this.lab.tick(seconds);
    this.look();
  }

  receive(port: string, ...frames: Buffer[]): void {
    this.lab.receive(port, ...frames);
    this.look();
  }

  row(mac: string): HostRow | undefined {
    const now = { monotonicMs: this.lab.nowSeconds * 1000, wallMs: this.wallMs };
    return this.hosts.rows(now).find((row) => row.mac === mac);
  }

  /** Each as its type and its sentence, since the last call. */
  events(): string[] {
    return this.heard.splice(0).map(({ type, message }) => `${type}: ${message}`);
  }

  /** As a switch removes it: hosts are looked at while its index still means it. */
  removePort(name: string): void {
    this.look();
    this.lab.delPort(name);
    this.gone.add(name);
  }

  removeBridge(): void {
    this.bridges.delete("br0");
    this.hosts.forgetBridge("br0");
  }

  private portOf(destination: number): Port | undefined {
    const name = PORTS[destination - 1];
    if (name === undefined || this.gone.has(name)) return undefined;
    const spec = name === "tap0" ? { name, type: "tap" } : { name, type: "vxlan", vni: VNI };
    return { spec } as Port;
  }
}

const hello = (from: string, vlans: number[] = []) => frame({ from, to: SERVER, vlans });

test("a host is told of when it is learnt, and has when it was seen first and last", () => {
  const switched = new HostsLab();
  const firstSeenMs = switched.wallMs;
  switched.receive("client1", hello(ALICE));
  expect(switched.events()).toEqual([`learnt: ${ALICE} is learnt at br0/client1`]);
  switched.pass(7);
  switched.receive("client1", hello(ALICE));
  switched.pass(5);
  expect(switched.row(ALICE)).toMatchObject({
    ...{ bridge: "br0", port: "client1", vni: VNI, vlan: 0, static: false },
    ...{ firstSeenMs, lastSeenMs: firstSeenMs + 7000, goneMs: 0, moves: 0, lastMove: null },
  });
  expect(switched.events()).toEqual([]);
  expect(switched.hosts.status()).toEqual({ present: 1, evicted: 0, eventsLost: 0 });
});

test("a station in two VLANs is two hosts", () => {
  const switched = new HostsLab();
  switched.receive("client1", hello(ALICE), hello(ALICE, [7]));
  expect(switched.events()).toEqual([
    `learnt: ${ALICE} is learnt at br0/client1`,
    `learnt: ${ALICE} is learnt at br0/client1 (vlan 7)`,
  ]);
  expect(switched.hosts.status().present).toBe(2);
});

test("its addresses come by ARP, neighbour discovery and DHCP, its name by DHCP, each told once", () => {
  const switched = new HostsLab();
  const ack = dhcp({ from: SERVER, operation: 2, type: 5, client: ALICE, given: "192.168.0.10" });
  const said = [
    arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }),
    advertisement({ from: ALICE, to: BOB, source: "fd00::1", destination: "fd00::2", target: "fd00::1" }),
    dhcp({ from: ALICE, operation: 1, type: 3, client: ALICE, name: "alice-7" }),
  ];
  switched.receive("client1", ...said);
  switched.receive("client2", ack);
  switched.events();
  switched.pass(2);
  switched.receive("client1", ...said, arp({ from: ALICE, sender: "192.168.0.10", target: "192.168.0.2" }));
  expect(switched.events()).toEqual([]);
  const { addresses, name } = switched.row(ALICE) as HostRow;
  expect(addresses.map(({ address, by }) => [address, by])).toEqual([
    ["192.168.0.1", ["arp"]],
    ["fd00::1", ["nd"]],
    ["192.168.0.10", ["dhcp", "arp"]],
  ]);
  const [{ firstSeenMs, lastSeenMs }] = addresses;
  expect(lastSeenMs - firstSeenMs).toBe(2000);
  expect(name).toBe("alice-7");
});

test("an address is told of with who said it", () => {
  const switched = new HostsLab();
  switched.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  expect(switched.events()).toEqual([
    `learnt: ${ALICE} is learnt at br0/client1`,
    `address: 192.168.0.1 is at ${ALICE}, br0/client1, as ARP says`,
  ]);
});

test("what a server says of a station that the FDB does not know is not believed", () => {
  const switched = new HostsLab();
  switched.receive(
    "client2",
    dhcp({ from: SERVER, operation: 2, type: 5, client: ALICE, given: "192.168.0.10" }),
  );
  expect(switched.row(ALICE)).toBeUndefined();
  expect(switched.events()).toEqual([`learnt: ${SERVER} is learnt at br0/client2`]);
});

test("two stations with one address are a conflict, told of both", () => {
  const switched = new HostsLab();
  switched.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  switched.receive("client2", arp({ from: BOB, sender: "192.168.0.1", target: "192.168.0.2" }));
  expect(switched.events().at(-1)).toBe(
    `address_conflict: 192.168.0.1 is at two stations: ${BOB}, br0/client2, and ${ALICE}, br0/client1`,
  );
  expect(switched.row(ALICE)?.addresses[0].conflict).toMatchObject({ mac: BOB });
  expect(switched.row(BOB)?.addresses[0].conflict).toMatchObject({ mac: ALICE });
});

test("a host that moves keeps its addresses and its first time, and has from where it came", () => {
  const switched = new HostsLab();
  const firstSeenMs = switched.wallMs;
  switched.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
  switched.events();
  switched.pass(3);
  switched.receive("client2", hello(ALICE));
  expect(switched.events()).toEqual([`moved: ${ALICE} has moved from client1 to br0/client2`]);
  expect(switched.row(ALICE)).toMatchObject({
    ...{ port: "client2", firstSeenMs, moves: 1 },
    lastMove: { timeMs: firstSeenMs + 3000, port: "client1", remote: null },
    addresses: [{ address: "192.168.0.1" }],
  });
});

test("a bound host is there without an event, and stays although it is silent", () => {
  const switched = new HostsLab();
  switched.lab.addStatic("client1", ALICE);
  const seenMs = switched.wallMs;
  expect(switched.row(ALICE)).toMatchObject({ static: true, port: "client1", lastSeenMs: seenMs });
  for (let turn = 0; turn < 4; turn++) switched.pass(AGEING_SECONDS);
  expect(switched.row(ALICE)).toMatchObject({ static: true, goneMs: 0, lastSeenMs: seenMs });
  expect(switched.events()).toEqual([]);
});

test("a host that ages out of the FDB is gone, and has moved if it comes back elsewhere", () => {
  const switched = new HostsLab();
  const firstSeenMs = switched.wallMs;
  switched.receive("client1", hello(ALICE));
  switched.events();
  switched.pass(2 * AGEING_SECONDS);
  switched.pass();
  expect(switched.events()).toEqual([`forgotten: ${ALICE} is forgotten, last seen at br0/client1`]);
  expect(switched.row(ALICE)).toMatchObject({ goneMs: switched.wallMs, lastSeenMs: firstSeenMs });
  switched.receive("client2", hello(ALICE));
  expect(switched.events()).toEqual([`learnt: ${ALICE} is learnt at br0/client2`]);
  expect(switched.row(ALICE)).toMatchObject({ goneMs: 0, firstSeenMs, moves: 1, port: "client2" });
});

test.each([
  ["a flush of all ports", (switched: HostsLab) => switched.lab.flush(null)],
  ["a flush of its port", (switched: HostsLab) => switched.lab.flush("client1")],
  ["the removal of its port", (switched: HostsLab) => switched.removePort("client1")],
])(
  "after %s its hosts are gone at the second look, with what is known of them, and those elsewhere stay",
  (_, act) => {
    const switched = new HostsLab();
    switched.receive("client1", arp({ from: ALICE, sender: "192.168.0.1", target: "192.168.0.2" }));
    switched.lab.addStatic("client2", BOB);
    switched.row(BOB);
    switched.events();
    act(switched);
    switched.pass();
    // A look may come in the middle of a change: one that does not find it does not mean that it is gone.
    expect(switched.events()).toEqual([]);
    switched.pass();
    expect(switched.events()).toEqual([`forgotten: ${ALICE} is forgotten, last seen at br0/client1`]);
    expect(switched.row(ALICE)).toMatchObject({
      ...{ goneMs: switched.wallMs, port: "client1" },
      addresses: [{ address: "192.168.0.1" }],
    });
    expect(switched.row(BOB)).toMatchObject({ goneMs: 0, static: true });
    expect(switched.hosts.status().present).toBe(1);
  },
);

test("a flush of another port leaves a host where it is", () => {
  const switched = new HostsLab();
  switched.receive("client1", hello(ALICE));
  switched.events();
  switched.lab.flush("client2");
  for (let turn = 0; turn < 3; turn++) switched.pass();
  expect(switched.row(ALICE)).toMatchObject({ goneMs: 0 });
  expect(switched.events()).toEqual([]);
});

test("with its bridge a host is gone from the table without an event", () => {
  const switched = new HostsLab();
  switched.receive("client1", hello(ALICE));
  switched.events();
  switched.removeBridge();
  for (let turn = 0; turn < 3; turn++) switched.pass();
  expect(switched.row(ALICE)).toBeUndefined();
  expect(switched.hosts.status().present).toBe(0);
  expect(switched.events()).toEqual([]);
});

test("hosts beyond the bound make room for each other, and are counted", () => {
  const beyond = 10;
  const switched = new HostsLab(HOSTS_MAX + beyond);
  for (let i = 0; i < HOSTS_MAX + beyond; i++)
    switched.fdb.learn(fdbKey(0, 0x0600), i, 2, switched.lab.nowSeconds);
  switched.row(ALICE);
  expect(switched.hosts.status()).toMatchObject({ present: HOSTS_MAX, evicted: beyond });
});

test("events beyond so many a second are lost, counted, and told as lost in the next one", () => {
  const switched = new HostsLab();
  const beyond = 30;
  const macs = Array.from(
    { length: EVENTS_A_SECOND + beyond },
    (_, i) =>
      `06:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`,
  );
  switched.receive("client1", ...macs.map((mac) => hello(mac)));
  expect(switched.events()).toHaveLength(EVENTS_A_SECOND);
  switched.newsDrops = 5;
  expect(switched.hosts.status()).toMatchObject({ present: macs.length, eventsLost: beyond + 5 });
  switched.pass();
  switched.pass();
  expect(switched.events()).toEqual([`events_lost: ${eventsLost(beyond + 5).message}`]);
  switched.receive("client1", hello(ALICE));
  expect(switched.events()).toEqual([`learnt: ${ALICE} is learnt at br0/client1`]);
});

test("a host whose news was lost is found when somebody asks", () => {
  const switched = new HostsLab();
  switched.fdb.learn(fdbKey(0, 0x0200), 0x0a, 2, switched.lab.nowSeconds);
  switched.look();
  expect(switched.hosts.status().present).toBe(0);
  expect(switched.row(ALICE)).toMatchObject({ port: "client1", goneMs: 0 });
});
