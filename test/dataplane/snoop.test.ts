// IGMP and MLD snooping: which ports hear frames to a group, after what has been reported there.
import { describe, expect, test } from "vitest";
import { MCAST_EVICTED } from "../../src/dataplane/counters.ts";
import { LEAVE_SECONDS, LISTENER_SECONDS } from "../../src/dataplane/listeners.ts";
import { decode } from "./decoder.ts";
import { Lab, type PortOptions } from "./lab.ts";
import { igmp, igmpv3, type MessageOptions, mld, mldv2, pimHello, toGroup } from "./membership-packets.ts";
import { ALICE, BROADCAST, frame } from "./packets.ts";

const GROUP = "239.1.1.1";
/** The same Ethernet address. */
const TWIN = "239.129.1.1";
const GROUP6 = "ff05::1:1";
const ANY = "0.0.0.0";
const IS_INCLUDE = 1;
const IS_EXCLUDE = 2;
const TO_INCLUDE = 3;
const TO_EXCLUDE = 4;
const ALLOW = 5;
const BLOCK = 6;
const QUERY = igmp(0x11, ANY);
const QUERY6 = mld(130, "::");
/** What client1's frame reaches of a flood. */
const EVERYBODY = { client2: 1, client3: 1, client4: 1 };

function newLab(changed: readonly PortOptions[] = []): Lab {
  const names = ["client1", "client2", "client3", "client4"];
  const ports = names.map((name) => changed.find((port) => port.name === name) ?? { name });
  return new Lab({ ports, snoopsMulticast: true });
}

/** Frames arrive at a port, and where they go to is of no interest. */
function tell(lab: Lab, port: string, ...frames: readonly Buffer[]): void {
  lab.receive(port, ...frames);
  lab.sent();
  lab.drops();
}

/** Where a packet to a group goes, from client1. */
function reach(lab: Lab, group: string, options: MessageOptions & { mac?: string } = {}) {
  lab.receive("client1", toGroup(group, options));
  return lab.sent();
}

describe("who reports a group hears it, and nobody else", () => {
  test.each<[string, string, Buffer]>([
    ["IGMPv1", GROUP, igmp(0x12, GROUP)],
    ["IGMPv2", GROUP, igmp(0x16, GROUP)],
    ["IGMPv3, of any sender", GROUP, igmpv3([[TO_EXCLUDE, GROUP]])],
    ["IGMPv3, of all senders but one", GROUP, igmpv3([[IS_EXCLUDE, GROUP, 1]])],
    ["IGMPv3, of some senders", GROUP, igmpv3([[IS_INCLUDE, GROUP, 2]])],
    ["IGMPv3, of one more sender", GROUP, igmpv3([[ALLOW, GROUP, 1]])],
    [
      "IGMPv3, after another group",
      GROUP,
      igmpv3([
        [IS_EXCLUDE, "239.9.9.9", 3],
        [TO_INCLUDE, GROUP, 1],
      ]),
    ],
    ["MLDv1", GROUP6, mld(131, GROUP6)],
    ["MLDv2, of any sender", GROUP6, mldv2([[TO_EXCLUDE, GROUP6]])],
    [
      "MLDv2, after another group",
      GROUP6,
      mldv2([
        [IS_EXCLUDE, "ff0e::9", 2],
        [IS_INCLUDE, GROUP6, 1],
      ]),
    ],
    ["MLDv2, without an address yet", GROUP6, mldv2([[TO_EXCLUDE, GROUP6]], { source: "::" })],
  ])("%s", (_, group, report) => {
    const lab = newLab();
    expect(reach(lab, group)).toEqual(EVERYBODY);
    tell(lab, "client2", report);
    expect(reach(lab, group)).toEqual({ client2: 1 });
    tell(lab, "client4", report);
    expect(reach(lab, group)).toEqual({ client2: 1, client4: 1 });
    lab.receive("client2", toGroup(group));
    expect(lab.sent()).toEqual({ client4: 1 });
  });

  test("their packets are such as a decoder knows", () => {
    const fields = ["igmp.type", "icmpv6.type", "pim.type", "_ws.malformed"];
    const checksums = ["igmp.checksum.status", "icmpv6.checksum.status", "pim.cksum.status"];
    const packets = [
      igmp(0x16, GROUP),
      igmpv3([[IS_EXCLUDE, GROUP, 2]]),
      QUERY,
      QUERY6,
      mld(131, GROUP6),
      mldv2([
        [TO_INCLUDE, GROUP6, 1],
        [BLOCK, "ff0e::9", 1],
      ]),
      pimHello("224.0.0.13"),
      pimHello("ff02::d"),
    ];
    const read = decode(packets, [...fields, ...checksums]);
    expect(
      read.map((packet) =>
        fields
          .map((field) => packet[field])
          .join(" ")
          .trim(),
      ),
    ).toEqual([...["0x16", "0x22", "0x11", "130", "131", "143", "0", "0"]]);
    for (const packet of read) expect(checksums.map((field) => packet[field]).join("")).toBe("1");
  });

  test("if nobody else does, a frame of his own is dropped as no_listener", () => {
    const lab = newLab();
    tell(lab, "client1", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual({});
    expect(lab.drops()).toEqual({ client1: { no_listener: 1 } });
  });

  test("by the group's IP address, not by the MAC address that several share", () => {
    const lab = newLab();
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(reach(lab, TWIN)).toEqual(EVERYBODY);
  });

  test("in its VLAN", () => {
    const lab = newLab();
    tell(lab, "client2", igmp(0x16, GROUP, { vlans: [10] }));
    tell(lab, "client3", igmp(0x16, GROUP, { vlans: [20] }));
    expect(reach(lab, GROUP, { vlans: [10] })).toEqual({ client2: 1 });
    expect(reach(lab, GROUP, { vlans: [20] })).toEqual({ client3: 1 });
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
    expect(reach(lab, GROUP, { vlans: [10, 20] })).toEqual(EVERYBODY);
  });

  test("in its bridge", () => {
    const ports = ["client1", "client2", "client3", "client4"].map((name, i) => {
      return { name, bridge: i < 2 ? "br0" : "br1" };
    });
    const bridges = { br0: { snoopsMulticast: true }, br1: {} };
    const lab = new Lab({ ports, bridges });
    tell(lab, "client1", igmp(0x16, GROUP));
    tell(lab, "client3", igmp(0x16, GROUP));
    lab.receive("client2", toGroup(GROUP));
    lab.receive("client3", toGroup(GROUP));
    expect(lab.sent()).toEqual({ client1: 1, client4: 1 });
  });

  test("also at a port that takes no other multicasts", () => {
    const lab = newLab([{ name: "client2", policy: { mcastFlood: false } }]);
    expect(reach(lab, GROUP)).toEqual({ client3: 1, client4: 1 });
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual({ client2: 1 });
  });

  test("but not if both are isolated", () => {
    const policy = { isolated: true };
    const lab = newLab([
      { name: "client1", policy },
      { name: "client2", policy },
    ]);
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual({});
    expect(lab.drops()).toEqual({ client1: { no_listener: 1 } });
  });

  test("behind each VTEP of his port", () => {
    const lab = newLab([{ name: "client2", ends: ["10.9.9.9"] }]);
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(Object.values(reach(lab, GROUP))).toEqual([1, 1]);
  });
});

describe("who has reported a group no longer hears it", () => {
  test.each<[string, string, Buffer, Buffer]>([
    ["IGMPv2", GROUP, igmp(0x16, GROUP), igmp(0x17, GROUP)],
    ["IGMPv3", GROUP, igmpv3([[TO_EXCLUDE, GROUP]]), igmpv3([[TO_INCLUDE, GROUP]])],
    ["MLDv1", GROUP6, mld(131, GROUP6), mld(132, GROUP6)],
    ["MLDv2", GROUP6, mldv2([[TO_EXCLUDE, GROUP6]]), mldv2([[TO_INCLUDE, GROUP6]])],
  ])(
    "when he has left (%s), but for a moment in which others behind his port may speak up",
    (_, group, report, leave) => {
      const lab = newLab();
      for (const port of ["client2", "client3", "client4"]) tell(lab, port, report);
      for (const port of ["client2", "client3"]) tell(lab, port, leave);
      expect(reach(lab, group)).toEqual(EVERYBODY);
      tell(lab, "client3", report);
      lab.tick(LEAVE_SECONDS);
      expect(reach(lab, group)).toEqual({ client3: 1, client4: 1 });
    },
  );

  test("when his reports have aged; when all have, the group is flooded", () => {
    const lab = newLab();
    tell(lab, "client2", igmp(0x16, GROUP));
    lab.tick(LISTENER_SECONDS - 1);
    tell(lab, "client3", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual({ client2: 1, client3: 1 });
    lab.tick(1);
    expect(reach(lab, GROUP)).toEqual({ client3: 1 });
    lab.tick(LISTENER_SECONDS);
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
  });

  test("not for blocking some senders, nor for leaving what he has not joined", () => {
    const lab = newLab();
    tell(lab, "client2", igmp(0x16, GROUP));
    tell(lab, "client2", igmpv3([[BLOCK, GROUP, 1]]), igmp(0x17, TWIN));
    lab.tick(LEAVE_SECONDS);
    expect(reach(lab, GROUP)).toEqual({ client2: 1 });
  });

  test("not for his port being down for a while", () => {
    const lab = newLab();
    for (const port of ["client2", "client3"]) tell(lab, port, igmp(0x16, GROUP));
    lab.bringDown("client2");
    lab.bringUp("client2");
    expect(reach(lab, GROUP)).toEqual({ client2: 1, client3: 1 });
  });
});

describe("a router", () => {
  test.each<[string, string, Buffer]>([
    ["that asks by IGMP", GROUP, QUERY],
    ["that asks for one group", GROUP, igmp(0x11, TWIN)],
    ["that says so by PIM", GROUP, pimHello("224.0.0.13")],
    ["that asks by MLD", GROUP6, QUERY6],
    ["that says so by PIM over IPv6", GROUP6, pimHello("ff02::d")],
  ])("%s is heard by all, and hears every group until it has been silent for long", (_, group, hello) => {
    const lab = newLab();
    const report = group === GROUP ? igmp(0x16, group) : mld(131, group);
    lab.receive("client4", hello);
    expect(lab.sent()).toEqual({ client1: 1, client2: 1, client3: 1 });
    tell(lab, "client2", report);
    expect(reach(lab, group)).toEqual({ client2: 1, client4: 1 });
    expect(reach(lab, group === GROUP ? "239.7.7.7" : "ff05::7")).toEqual(EVERYBODY);
    lab.tick(LISTENER_SECONDS);
    tell(lab, "client2", report);
    expect(reach(lab, group)).toEqual({ client2: 1 });
  });

  test("alone hears reports, which all hear where there is none", () => {
    const lab = newLab();
    const reports = [igmp(0x16, GROUP), igmpv3([[TO_EXCLUDE, GROUP]]), igmp(0x17, GROUP)];
    lab.receive("client1", ...reports);
    expect(lab.sent()).toEqual({ client2: 3, client3: 3, client4: 3 });
    tell(lab, "client4", QUERY);
    lab.receive("client1", ...reports);
    expect(lab.sent()).toEqual({ client4: 3 });
    // Of IPv6 nobody has asked yet.
    lab.receive("client1", mld(131, GROUP6));
    expect(lab.sent()).toEqual(EVERYBODY);
  });

  test("is not who asks without an address, nor who lists the routers' names as groups", () => {
    const lab = newLab();
    tell(lab, "client4", igmp(0x11, ANY, { source: ANY }), mld(130, "::", { source: "::" }));
    tell(lab, "client4", igmp(0x16, ANY), mld(131, "::"), igmpv3([[TO_EXCLUDE, ANY]]));
    tell(lab, "client2", igmp(0x16, GROUP), mld(131, GROUP6));
    for (const group of [GROUP, GROUP6]) expect(reach(lab, group)).toEqual({ client2: 1 });
  });
});

describe("all ports hear", () => {
  test.each(["224.0.0.251", "224.0.0.5", "ff02::fb", "ff02::1:ff00:1", "ff12::1", "ff01::1"])(
    "%s, which is of the link, whoever has reported it",
    (group) => {
      const lab = newLab();
      tell(lab, "client2", group.includes(":") ? mld(131, group) : igmp(0x16, group));
      expect(reach(lab, group)).toEqual(EVERYBODY);
    },
  );

  test("broadcasts, other protocols, and packets whose addresses contradict each other", () => {
    const lab = newLab();
    tell(lab, "client2", igmp(0x16, GROUP), mld(131, GROUP6));
    const frames = [
      frame({ from: ALICE, to: BROADCAST }),
      frame({ from: ALICE, to: "01:00:5e:01:01:01" }),
      toGroup(GROUP, { mac: BROADCAST }),
      toGroup(GROUP6, { mac: "01:00:5e:01:01:01" }),
      toGroup("10.0.0.1", { mac: "01:00:5e:01:01:01" }),
      toGroup("fd00::1", { mac: "33:33:00:00:00:01" }),
    ];
    lab.receive("client1", ...frames);
    expect(lab.sent()).toEqual({ client2: 6, client3: 6, client4: 6 });
  });

  test("everything where the bridge does not snoop, and again when it no longer does", () => {
    const lab = new Lab({ ports: ["client1", "client2", "client3", "client4"] });
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
    lab.setBridge("br0", { snoopsMulticast: true });
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
    tell(lab, "client2", igmp(0x16, GROUP));
    expect(reach(lab, GROUP)).toEqual({ client2: 1 });
    lab.setBridge("br0", {});
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
  });

  /** Changed after the checksum was right. */
  const spoilt = (bytes: Buffer): Buffer => {
    bytes[bytes.length - 1] ^= 1;
    return bytes;
  };
  /** With a right checksum, but fewer bytes than the IP header tells. */
  const withoutAlert = mld(131, GROUP6);
  withoutAlert[14 + 6] = 60;
  const fragment = igmp(0x16, GROUP);
  fragment[14 + 6] = 0x20;
  test.each<[string, string, Buffer]>([
    ["has a wrong checksum", GROUP, spoilt(igmp(0x16, GROUP))],
    ["has a wrong checksum (MLD)", GROUP6, spoilt(mld(131, GROUP6))],
    ["has passed a router", GROUP, igmp(0x16, GROUP, { ttl: 2 })],
    ["has passed a router (MLD)", GROUP6, mld(131, GROUP6, { ttl: 64 })],
    ["has no hop-by-hop options", GROUP6, withoutAlert],
    ["is a fragment", GROUP, fragment],
    ["is of an unknown type", GROUP, igmp(0x30, GROUP)],
    ["is of an unknown type (MLD)", GROUP6, mld(150, GROUP6)],
    ["has an unknown record", GROUP, igmpv3([[7, GROUP, 1]])],
    ["has two tags", GROUP, igmp(0x16, GROUP, { vlans: [10, 20] })],
  ])("a group whose report %s", (_, group, report) => {
    const lab = newLab();
    tell(lab, "client2", report);
    expect(reach(lab, group)).toEqual(EVERYBODY);
  });

  test("a group whose record is not wholly in its report; those before it count", () => {
    const lab = newLab();
    const cut = (whole: Buffer, sourcesAt: number): Buffer => {
      whole.writeUInt16BE(1000, sourcesAt);
      const igmpAt = 14 + 24;
      whole.writeUInt16BE(0, igmpAt + 2);
      let sum = 0;
      for (let at = igmpAt; at < whole.length; at += 2) sum += whole.readUInt16BE(at);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      whole.writeUInt16BE(0xffff - sum, igmpAt + 2);
      return whole;
    };
    const report = igmpv3([
      [IS_EXCLUDE, TWIN],
      [IS_EXCLUDE, GROUP, 1],
    ]);
    tell(lab, "client2", cut(report, 14 + 24 + 8 + 8 + 2));
    expect(reach(lab, GROUP)).toEqual(EVERYBODY);
    expect(reach(lab, TWIN)).toEqual({ client2: 1 });
  });
});

test("beyond the bound groups are flooded, and counted", () => {
  const lab = newLab();
  const groups = Array.from({ length: 4096 }, (_, i) => `239.2.${i >> 8}.${i & 255}`);
  for (let i = 0; i < groups.length; i += 128)
    tell(lab, "client2", ...groups.slice(i, i + 128).map((group) => igmp(0x16, group)));
  expect(lab.bridgeCount(MCAST_EVICTED)).toBeGreaterThan(2000);
  for (const group of [groups[0], groups[4095]]) expect(reach(lab, group)).toHaveProperty("client2", 1);
  expect(reach(lab, groups[4095])).toEqual({ client2: 1 });
  expect(groups.slice(0, 1000).some((group) => reach(lab, group).client3 === 1)).toBe(true);
});

test("where a router finds no room, every group is flooded, for it wants them all", () => {
  const lab = newLab();
  const report = igmp(0x16, GROUP);
  tell(lab, "client2", report);
  for (let high = 0; high < 256; high++) {
    const groups = Array.from({ length: 128 }, (_, low) => `239.3.${high}.${low}`);
    tell(lab, "client3", igmpv3(groups.map((group) => [TO_EXCLUDE, group])));
  }
  tell(lab, "client2", report);
  expect(reach(lab, GROUP)).toEqual({ client2: 1 });
  tell(lab, "client4", QUERY);
  expect(reach(lab, GROUP)).toEqual(EVERYBODY);
});
