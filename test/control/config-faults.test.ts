// Every way in which a configuration can be wrong: the message, word for word, and the position it names.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadConfig, parseConfig } from "../../src/control/config/file.ts";
import * as limit from "../../src/control/config/limits.ts";
import { validate } from "../../src/control/config/validate.ts";

/** The lines of the refusal; none if the text is valid. */
function faults(text: string): string[] {
  try {
    parseConfig(text, "F");
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

/** A file with these lines as the ports of br0; they are line 4 and on, at column 7. */
const ports = (...lines: string[]) => ["bridges:", "  br0:", "    ports:", ...lines.map(indented)].join("\n");
/** A file with two good ports and these lines as mirrors; they are line 5 and on, at column 7. */
const mirrors = (...lines: string[]) =>
  [
    "bridges:",
    "  br0:",
    "    ports: { c1: { type: vxlan, vni: 1, remote: 10.0.0.1 }, t1: { type: tap } }",
    "    mirrors:",
    ...lines.map(indented),
  ].join("\n");
const indented = (line: string) => `      ${line}`;

const NAME = 'a name: a letter, then letters, digits, "_", "." or "-", 63 characters at most';
const AGEING = "a duration such as 300s, 5m or 1h, 2592000s at most, 0 for never";
const ADDRESS = "an address with a prefix length such as 192.168.0.103/24 or fd00::103/64";
const VNI = "a VNI, a whole number from 0 to 16777215";
const UNICAST = "a unicast IPv4 or IPv6 address";
const REMOTE = `${UNICAST}, or any`;
const DEVICE = "a device name of 15 characters at most, a letter first";
const LISTEN = "ADDRESS:PORT such as 127.0.0.1:9478 or [::1]:9478";
const STATION = 'the MAC address of one station, such as 02:00:00:00:00:01 or "02:00:00:00:00:01 vlan 10"';
const OUTPUT = "a mapping with one of tap: DEVICE, pcapng: PATH, vxlan: COLLECTOR, erspan: COLLECTOR";
const FILTER = "an expression of pcap-filter(7)";
const SELECTION = "a selection: select_all: true, select_src_port or select_dst_port";

type Row = readonly [what: string, text: string, ...faults: string[]];

const FORM: readonly Row[] = [
  ["a list for a file", "[1]", "F:1:1: expected a mapping, got a list"],
  [
    "an unknown section",
    "foo: 1",
    "F:1:1: foo: expected one of the keys underlay, bridges, metrics, control, got an unknown key",
  ],
  [
    "an unknown key",
    "underlay: { mtu: 4 }",
    "F:1:13: underlay.mtu: expected one of the keys local, dstport, srcport, io, spin, workers, got an unknown key",
  ],
  ...["65535-49152", "0-100", "60000-65536", "60000", "a-b"].map(
    (range): Row => [
      `source ports ${range}`,
      `underlay: { srcport: ${range} }`,
      `F:1:22: underlay.srcport: expected a range MIN-MAX of UDP ports such as 49152-65535, got ${range === "60000" ? range : `"${range}"`}`,
    ],
  ),
  [
    "an underlay port out of range",
    "underlay: { dstport: 65536 }",
    "F:1:22: underlay.dstport: expected a UDP port from 1 to 65535, got 65536",
  ],
  [
    "a way of I/O that is none",
    "underlay: { io: xdp }",
    'F:1:17: underlay.io: expected auto or ring or udp, got "xdp"',
  ],
  [
    "no forwarding thread at all",
    "underlay: { workers: 0 }",
    "F:1:22: underlay.workers: expected a number of forwarding threads from 1 to 8, got 0",
  ],
  [
    "more forwarding threads than there can be",
    "underlay: { workers: 9 }",
    "F:1:22: underlay.workers: expected a number of forwarding threads from 1 to 8, got 9",
  ],
  [
    "a local that is multicast",
    "underlay: { local: 239.1.1.1 }",
    `F:1:20: underlay.local: expected ${UNICAST}, got "239.1.1.1"`,
  ],
  ["a list of bridges", "bridges: [br0]", "F:1:10: bridges: expected a mapping of names, got a list"],
  ["a bridge with a bad name", "bridges: { 0br: }", `F:1:12: bridges.0br: expected ${NAME}, got "0br"`],
  [
    "a bridge named like a prototype",
    "bridges: { __proto__: {} }",
    `F:1:12: bridges.__proto__: expected ${NAME}, got "__proto__"`,
  ],
  [
    "an unknown unit of time",
    "bridges: { br0: { ageing: 5x } }",
    `F:1:27: bridges.br0.ageing: expected ${AGEING}, got "5x"`,
  ],
  [
    "a negative time",
    "bridges: { br0: { ageing: -1 } }",
    `F:1:27: bridges.br0.ageing: expected ${AGEING}, got -1`,
  ],
  [
    "a table of no size",
    "bridges: { br0: { maxaddress: 0 } }",
    "F:1:31: bridges.br0.maxaddress: expected a whole number from 1 to 1048576, got 0",
  ],
  [
    "half an address",
    "bridges: { br0: { maxaddress: 1.5 } }",
    "F:1:31: bridges.br0.maxaddress: expected a whole number from 1 to 1048576, got 1.5",
  ],
  [
    "a metrics address by name",
    "metrics: { listen: localhost:1 }",
    `F:1:20: metrics.listen: expected ${LISTEN}, got "localhost:1"`,
  ],
  [
    "a token's file by a relative path",
    "metrics: { token_file: token }",
    'F:1:24: metrics.token_file: expected an absolute path of 4095 bytes at most, got "token"',
  ],
  [
    "a metrics port out of range",
    'metrics: { listen: "[::1]:65536" }',
    `F:1:20: metrics.listen: expected ${LISTEN}, got "[::1]:65536"`,
  ],
  [
    "a relative socket",
    "control: { socket: x.sock }",
    'F:1:20: control.socket: expected an absolute path of 107 bytes at most, got "x.sock"',
  ],
  [
    "a socket path that is too long",
    `control: { socket: /${"x".repeat(107)} }`,
    `F:1:20: control.socket: expected an absolute path of 107 bytes at most, got "/${"x".repeat(59)}…"`,
  ],
];

const PORTS: readonly Row[] = [
  ["no type", ports("p: { vni: 1 }"), "F:4:7: bridges.br0.ports.p.type: expected vxlan or tap, got nothing"],
  [
    "an unknown type",
    ports("p: { type: gre }"),
    'F:4:18: bridges.br0.ports.p.type: expected vxlan or tap, got "gre"',
  ],
  ["no mapping", ports("p: 4"), "F:4:10: bridges.br0.ports.p: expected a mapping with a type, got 4"],
  [
    "a VNI of 25 bits",
    ports("p: { type: vxlan, vni: 16777216, remote: 10.0.0.1 }"),
    `F:4:30: bridges.br0.ports.p.vni: expected ${VNI}, got 16777216`,
  ],
  [
    "a VNI in quotes",
    ports('p: { type: vxlan, vni: "1", remote: 10.0.0.1 }'),
    `F:4:30: bridges.br0.ports.p.vni: expected ${VNI}, got "1"`,
  ],
  [
    "neither VNI nor remote",
    ports("p: { type: vxlan }"),
    `F:4:7: bridges.br0.ports.p.vni: expected ${VNI}, got nothing`,
    `F:4:7: bridges.br0.ports.p.remote: expected ${REMOTE}, got nothing`,
  ],
  [
    "a remote that is no address",
    ports("p: { type: vxlan, vni: 1, remote: host }"),
    `F:4:41: bridges.br0.ports.p.remote: expected ${REMOTE}, got "host"`,
  ],
  [
    "no hop at all",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, ttl: 0 }"),
    "F:4:56: bridges.br0.ports.p.ttl: expected hops, a whole number from 1 to 255, or inherit, got 0",
  ],
  [
    "a TOS with a bit of ECN",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, tos: 0xb9 }"),
    "F:4:56: bridges.br0.ports.p.tos: expected a TOS byte from 0 to 252 whose two lowest bits, those of ECN, are zero, or inherit, got 185",
  ],
  [
    "a df that is no word of ip-link",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, df: true }"),
    "F:4:55: bridges.br0.ports.p.df: expected set or unset or inherit, got true",
  ],
  [
    "a DF bit over IPv6",
    ports('p: { type: vxlan, vni: 1, remote: "fd00::1", df: unset }'),
    "F:4:52: bridges.br0.ports.p.df: expected an IPv4 remote beside it, got remote fd00::1",
  ],
  [
    "checksum options of the other family",
    ports('p: { type: vxlan, vni: 1, remote: "fd00::1", udpcsum: true }'),
    "F:4:52: bridges.br0.ports.p.udpcsum: expected an IPv4 remote beside it, got remote fd00::1",
  ],
  [
    "a zero checksum of IPv6 over IPv4",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, udp6zerocsumrx: true }"),
    "F:4:51: bridges.br0.ports.p.udp6zerocsumrx: expected an IPv6 remote beside it, got remote 10.0.0.1",
  ],
  [
    "an option of the other type",
    ports("p: { type: tap, vni: 1 }"),
    "F:4:23: bridges.br0.ports.p.vni: expected one of the keys type, address, mtu, vlan_mode, tag, trunks, isolated, learning, flood, bcast_flood, mcast_flood, locked, sticky, neigh_suppress, clamp_mss, maxaddress, ingress_policing_rate, ingress_policing_burst, ingress_policing_kpkts_rate, ingress_policing_kpkts_burst, storm_control, fdb, impair_in, impair_out, got an unknown key",
  ],
  [
    "a tag and trunks without a mode",
    ports("p: { type: tap, tag: 10, trunks: [20] }"),
    "F:4:32: bridges.br0.ports.p.trunks: expected vlan_mode beside tag and trunks, got both without it; native-untagged has both",
  ],
  [
    "a trunk with a tag",
    ports("p: { type: tap, vlan_mode: trunk, tag: 10 }"),
    "F:4:41: bridges.br0.ports.p.tag: expected no tag at a trunk, got 10; vlan_mode: native-untagged has one",
  ],
  [
    "an access port in no VLAN",
    ports("p: { type: tap, vlan_mode: access }"),
    "F:4:23: bridges.br0.ports.p.vlan_mode: expected a tag beside vlan_mode access, got none",
  ],
  [
    "an access port with trunks",
    ports("p: { type: tap, vlan_mode: access, tag: 10, trunks: [20, 30] }"),
    "F:4:51: bridges.br0.ports.p.trunks: expected no trunks at an access port, got 20, 30",
  ],
  [
    "a trunk whose tags are to be stripped",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, trunks: 20, inner_vlan: strip }"),
    "F:4:63: bridges.br0.ports.p.inner_vlan: expected pass at a trunk, whose frames have tags, got strip",
  ],
  [
    "a VLAN ID that is reserved",
    ports("p: { type: tap, tag: 4095 }"),
    "F:4:28: bridges.br0.ports.p.tag: expected a VLAN ID, a whole number from 1 to 4094, got 4095",
  ],
  [
    "a rate that is none",
    ports("p: { type: tap, storm_control: 1.5 }"),
    "F:4:38: bridges.br0.ports.p.storm_control: expected frames a second from 0 to 2000000, got 1.5",
  ],
  [
    "a time without a unit",
    ports("p: { type: tap, impair_in: { delay: 10 } }"),
    "F:4:43: bridges.br0.ports.p.impair_in.delay: expected a time such as 10ms, 250us or 1.5s, 10s at most, got 10",
  ],
  [
    "a time that is no whole microsecond, and one too long",
    ports("p: { type: tap, impair_in: { delay: 0.5us, jitter: 11s } }"),
    'F:4:43: bridges.br0.ports.p.impair_in.delay: expected a time such as 10ms, 250us or 1.5s, 10s at most, got "0.5us"',
    'F:4:58: bridges.br0.ports.p.impair_in.jitter: expected a time such as 10ms, 250us or 1.5s, 10s at most, got "11s"',
  ],
  [
    "a share that is none",
    ports("p: { type: tap, impair_out: { loss: 100.1%, duplicate: 0.01 } }"),
    'F:4:43: bridges.br0.ports.p.impair_out.loss: expected a percentage such as 1% or 0.05%, 100% at most, got "100.1%"',
    "F:4:62: bridges.br0.ports.p.impair_out.duplicate: expected a percentage such as 1% or 0.05%, 100% at most, got 0.01",
  ],
  [
    "a rate in bytes, and one too high",
    ports("a: { type: tap, impair_in: { rate: 1mbps } }", "b: { type: tap, impair_in: { rate: 101gbit } }"),
    'F:4:42: bridges.br0.ports.a.impair_in.rate: expected a rate such as 512kbit, 20mbit or 1gbit, from 1kbit to 100gbit, got "1mbps"',
    'F:5:42: bridges.br0.ports.b.impair_in.rate: expected a rate such as 512kbit, 20mbit or 1gbit, from 1kbit to 100gbit, got "101gbit"',
  ],
  [
    "room for no frame, and a word of another make of netem",
    ports("p: { type: tap, impair_in: { limit: 0, corrupt: 1% } }"),
    "F:4:43: bridges.br0.ports.p.impair_in.limit: expected a number of frames from 1 to 100000, got 0",
    "F:4:46: bridges.br0.ports.p.impair_in.corrupt: expected one of the keys delay, jitter, loss, duplicate, reorder, rate, limit, seed, got an unknown key",
  ],
  [
    "a group address bound to a port",
    ports("p: { type: tap, fdb: [02:00:00:00:00:01, 03:00:00:00:00:01] }"),
    `F:4:48: bridges.br0.ports.p.fdb[1]: expected ${STATION}, got "03:00:00:00:00:01"`,
  ],
  [
    "an address bound in a VLAN that is none",
    ports('p: { type: tap, fdb: "02:00:00:00:00:01 vlan 4095" }'),
    `F:4:28: bridges.br0.ports.p.fdb: expected ${STATION}, got "02:00:00:00:00:01 vlan 4095"`,
  ],
  [
    "an address without prefix",
    ports("p: { type: tap, address: 10.0.0.1 }"),
    `F:4:32: bridges.br0.ports.p.address: expected ${ADDRESS}, got "10.0.0.1"`,
  ],
  [
    "a prefix that is too long",
    ports("p: { type: tap, address: [10.0.0.1/8, 10.0.0.2/33] }"),
    `F:4:45: bridges.br0.ports.p.address[1]: expected ${ADDRESS}, got "10.0.0.2/33"`,
  ],
  [
    "an MTU that is too small",
    ports("p: { type: tap, mtu: 14 }"),
    "F:4:28: bridges.br0.ports.p.mtu: expected an MTU in bytes from 68 to 65521, got 14",
  ],
];

const MIRRORS: readonly Row[] = [
  [
    "no output",
    mirrors("m: { select_all: true }"),
    `F:5:7: bridges.br0.mirrors.m.output: expected ${OUTPUT}, got nothing`,
  ],
  [
    "two outputs",
    mirrors("m: { select_all: true, output: { tap: a, pcapng: /b } }"),
    `F:5:38: bridges.br0.mirrors.m.output: expected ${OUTPUT}, got a mapping`,
  ],
  [
    "a device name that is too long",
    mirrors("m: { select_all: true, output: { tap: sixteenletters16 } }"),
    `F:5:45: bridges.br0.mirrors.m.output.tap: expected ${DEVICE}, got "sixteenletters16"`,
  ],
  [
    "a relative file",
    mirrors("m: { select_all: true, output: { pcapng: x } }"),
    'F:5:48: bridges.br0.mirrors.m.output.pcapng: expected an absolute path of 4095 bytes at most, got "x"',
  ],
  [
    "a size that is none",
    mirrors("m: { select_all: true, output: { pcapng: /x, rotate_bytes: 1 } }"),
    "F:5:66: bridges.br0.mirrors.m.output.rotate_bytes: expected a size such as 100MB or 1GiB, 4096 bytes at least, or 0 for never, got 1",
  ],
  [
    "a snaplen below a header",
    mirrors("m: { select_all: true, snaplen: 13, output: { tap: a } }"),
    "F:5:39: bridges.br0.mirrors.m.snaplen: expected 0 for whole frames, or 14 to 65535 bytes, got 13",
  ],
  [
    "a sample of nothing",
    mirrors("m: { select_all: true, sample: 0, output: { tap: a } }"),
    "F:5:38: bridges.br0.mirrors.m.sample: expected a whole number from 1 to 1000000, got 0",
  ],
  [
    "a collector without its number, and numbers that are too large",
    mirrors(
      "m: { select_all: true, output: { vxlan: 10.0.0.9 } }",
      "n: { select_all: true, output: { vxlan: 10.0.0.9, vni: 16777216, dstport: 0 } }",
      "o: { select_all: true, output: { erspan: 10.0.0.9, session: 1024, index: 1048576 } }",
    ),
    `F:5:30: bridges.br0.mirrors.m.output.vni: expected ${VNI}, got nothing`,
    `F:6:62: bridges.br0.mirrors.n.output.vni: expected ${VNI}, got 16777216`,
    "F:6:81: bridges.br0.mirrors.n.output.dstport: expected a UDP port from 1 to 65535, got 0",
    "F:7:67: bridges.br0.mirrors.o.output.session: expected an ERSPAN session, a whole number from 0 to 1023, got 1024",
    "F:7:80: bridges.br0.mirrors.o.output.index: expected a whole number from 0 to 1048575, got 1048576",
  ],
  [
    "a collector of ERSPAN over IPv6, and a word of another output",
    mirrors(
      "m: { select_all: true, output: { erspan: fd00::9, session: 1 } }",
      "n: { select_all: true, output: { erspan: 10.0.0.9, session: 1, vni: 1 } }",
    ),
    'F:5:48: bridges.br0.mirrors.m.output.erspan: expected a unicast IPv4 address, got "fd00::9"',
    "F:6:70: bridges.br0.mirrors.n.output.vni: expected one of the keys erspan, session, index, local, got an unknown key",
  ],
  [
    "a filter of no text, and of characters that no expression has",
    mirrors(
      "m: { select_all: true, filter: ' ', output: { tap: a } }",
      "n: { select_all: true, filter: tcp·port, output: { tap: b } }",
    ),
    `F:5:38: bridges.br0.mirrors.m.filter: expected ${FILTER} in 16384 characters at most, got " "`,
    `F:6:38: bridges.br0.mirrors.n.filter: expected ${FILTER} in 16384 characters at most, got "tcp·port"`,
  ],
  [
    "yes for true",
    mirrors("m: { select_all: yes, output: { tap: a } }"),
    'F:5:24: bridges.br0.mirrors.m.select_all: expected true or false, got "yes"',
  ],
  [
    "a VLAN that is none",
    mirrors("m: { select_all: true, select_vlan: [1, 4095], output: { tap: a } }"),
    "F:5:47: bridges.br0.mirrors.m.select_vlan[1]: expected a VLAN ID, a whole number from 0 to 4094, got 4095",
  ],
];

const CROSS: readonly Row[] = [
  [
    "fewer source ports than the forwarding threads need",
    "underlay: { workers: 2, srcport: 50000-50014 }",
    "F:1:34: underlay.srcport: expected at least 16 ports, 8 for each forwarding thread, got 50000-50014",
  ],
  [
    "one tunnel twice",
    `underlay: { local: 10.9.9.9 }\n${ports("a: { type: vxlan, vni: 1, remote: fd00::1, local: fd00::2 }", "b: { type: vxlan, vni: 1, remote: fd00:0::1, local: fd00::2, dstport: 8472 }")}`,
    "F:6:7: bridges.br0.ports.b: expected another local, remote or vni, got those of bridges.br0.ports.a: vni 1 remote fd00::1",
  ],
  [
    "one tunnel twice by way of the underlay's local",
    `underlay: { local: 10.9.9.9 }\n${ports("a: { type: vxlan, vni: 1, remote: 10.0.0.1 }", "b: { type: vxlan, vni: 1, remote: 10.0.0.1, local: 10.9.9.9 }")}`,
    "F:6:7: bridges.br0.ports.b: expected another local, remote or vni, got those of bridges.br0.ports.a: vni 1 remote 10.0.0.1",
  ],
  [
    "a remote beside a group",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, group: 239.1.1.1, dev: eth0 }"),
    "F:4:51: bridges.br0.ports.p.group: expected one of remote, remotes, group, got remote beside it",
  ],
  [
    "a group without a device",
    ports("p: { type: vxlan, vni: 1, group: 239.1.1.1 }"),
    "F:4:33: bridges.br0.ports.p.group: expected dev, the network device on which it is joined, beside it, got none",
  ],
  [
    "a group that is none",
    ports("p: { type: vxlan, vni: 1, group: 10.0.0.1, dev: eth0 }"),
    'F:4:40: bridges.br0.ports.p.group: expected a multicast address such as 239.1.1.1 or ff05::100, got "10.0.0.1"',
  ],
  [
    "a list of who may come to a port whose remote is known",
    ports("p: { type: vxlan, vni: 1, remote: 10.0.0.1, allow: [10.0.0.0/8] }"),
    "F:4:51: bridges.br0.ports.p.allow: expected remote: any beside it, got none",
  ],
  [
    "a network with bits beyond its length",
    ports("p: { type: vxlan, vni: 1, remote: any, allow: [10.0.0.1/8] }"),
    'F:4:54: bridges.br0.ports.p.allow[0]: expected a network such as 10.122.0.0/16 or fd00::/8, no bit set beyond its length, got "10.0.0.1/8"',
  ],
  [
    "networks of two families",
    ports("p: { type: vxlan, vni: 1, remote: any, allow: [10.0.0.0/8, fd00::/8] }"),
    "F:4:66: bridges.br0.ports.p.allow[1]: expected an address of the same family as the others, got fd00::/8",
  ],
  [
    "stations bound to a port with several remotes",
    ports('p: { type: vxlan, vni: 1, remotes: [10.0.0.1, 10.0.0.2], fdb: "02:00:00:00:00:01" }'),
    "F:4:64: bridges.br0.ports.p.fdb: expected one remote, at which the stations are, beside it, got none",
  ],
  [
    "one remote in two lists",
    ports(
      "a: { type: vxlan, vni: 1, remotes: [10.0.0.1, 10.0.0.2] }",
      "b: { type: vxlan, vni: 1, remotes: [10.0.0.3, 10.0.0.2] }",
    ),
    "F:5:7: bridges.br0.ports.b: expected another local, remote or vni, got those of bridges.br0.ports.a: vni 1 remote 10.0.0.2",
  ],
  [
    "two ports that take in anyone",
    ports(
      "a: { type: vxlan, vni: 1, group: 239.1.1.1, dev: eth0 }",
      "b: { type: vxlan, vni: 1, remote: any }",
    ),
    "F:5:7: bridges.br0.ports.b: expected another local, remote or vni, got those of bridges.br0.ports.a: vni 1 remote any",
  ],
  [
    "one group for two local addresses",
    ports(
      "a: { type: vxlan, vni: 1, group: 239.1.1.1, dev: eth0, local: 10.0.0.1 }",
      "b: { type: vxlan, vni: 2, group: 239.1.1.1, dev: eth0, local: 10.0.0.2 }",
    ),
    "F:5:7: bridges.br0.ports.b: expected the local address that bridges.br0.ports.a has with this group, got 10.0.0.2",
  ],
  [
    "local and remote of two families",
    ports("p: { type: vxlan, vni: 1, remote: fd00::1, local: 10.0.0.1 }"),
    "F:4:41: bridges.br0.ports.p.remote: expected an address of the same family as local 10.0.0.1, got fd00::1",
  ],
  [
    "the underlay's local and remote of two families",
    `underlay: { local: 10.9.9.9 }\n${ports("p: { type: vxlan, vni: 1, remote: fd00::1 }")}`,
    "F:5:41: bridges.br0.ports.p.remote: expected an address of the same family as local 10.9.9.9, got fd00::1; local is the underlay's; give the port one of its own",
  ],
  [
    "a tap port whose name is no device's",
    ports("sixteenletters16: { type: tap }"),
    `F:4:7: bridges.br0.ports.sixteenletters16: expected ${DEVICE}, got "sixteenletters16", 16 characters; the name of a tap port is the name of its device`,
  ],
  [
    "one device in two bridges",
    "bridges:\n  b1: { ports: { t: { type: tap } } }\n  b2: { ports: { t: { type: tap } } }",
    "F:3:18: bridges.b2.ports.t: expected a device of its own, got t, which bridges.b1.ports.t uses",
  ],
  [
    "a mirror to a port's device",
    mirrors("m: { select_all: true, output: { tap: t1 } }"),
    "F:5:45: bridges.br0.mirrors.m.output.tap: expected a device of its own, got t1, which bridges.br0.ports.t1 uses",
  ],
  [
    "one host address on two ports",
    ports("a: { type: tap, address: 10.0.0.1/24 }", "b: { type: tap, address: [fd00::1/64, 10.0.0.1/8] }"),
    "F:5:45: bridges.br0.ports.b.address[1]: expected an address of its own, got 10.0.0.1/8, which bridges.br0.ports.a.address[0] has",
  ],
  [
    "a burst without a rate",
    ports("p: { type: tap, ingress_policing_burst: 8 }"),
    "F:4:47: bridges.br0.ports.p.ingress_policing_burst: expected ingress_policing_rate beside it, got no rate",
  ],
  [
    "jitter beyond the delay",
    ports("p: { type: tap, impair_in: { delay: 1ms, jitter: 2ms } }"),
    "F:4:56: bridges.br0.ports.p.impair_in.jitter: expected a delay of at least as much beside it, got 1ms",
  ],
  [
    "words about what is not there",
    ports("p: { type: tap, impair_out: { jitter: 2ms, reorder: 5%, limit: 3, loss: 1% } }"),
    "F:4:45: bridges.br0.ports.p.impair_out.jitter: expected a delay of at least as much beside it, got no delay",
    "F:4:59: bridges.br0.ports.p.impair_out.reorder: expected delay beside it, got no delay",
    "F:4:70: bridges.br0.ports.p.impair_out.limit: expected delay or rate beside it, got neither",
  ],
  [
    "one address bound to two ports of a bridge",
    ports("a: { type: tap, fdb: 02:00:00:00:00:0A }", "b: { type: tap, fdb: [02-00-00-00-00-0a vlan 0] }"),
    "F:5:29: bridges.br0.ports.b.fdb[0]: expected an address that no other port of the bridge has, got 02:00:00:00:00:0a, which bridges.br0.ports.a.fdb[0] binds",
  ],
  [
    "more bound addresses than a bridge may have",
    "bridges:\n  b1:\n    maxaddress: 1\n    ports: { t: { type: tap, fdb: [02:00:00:00:00:01, 02:00:00:00:00:02] } }",
    "F:3:17: bridges.b1.maxaddress: expected at least the 2 addresses that its ports bind (fdb), got 1",
  ],
  [
    "a mirror of unknown ports",
    mirrors("m: { select_src_port: [c1, x], select_dst_port: y, output: { tap: a } }"),
    'F:5:34: bridges.br0.mirrors.m.select_src_port[1]: expected the name of a port of br0, got "x"',
    'F:5:55: bridges.br0.mirrors.m.select_dst_port: expected the name of a port of br0, got "y"',
  ],
  [
    "a mirror of nothing",
    mirrors("m: { output: { tap: a } }"),
    `F:5:7: bridges.br0.mirrors.m: expected ${SELECTION}, got none`,
  ],
  [
    "a mirror of VLANs alone",
    mirrors("m: { select_vlan: 1, output: { tap: a } }"),
    `F:5:7: bridges.br0.mirrors.m: expected ${SELECTION}, got select_vlan alone, which narrows a selection`,
  ],
  [
    "a filter that is no expression, and one that is none",
    mirrors(
      'm: { select_all: true, filter: "tcp prt 80", output: { tap: a } }',
      'n: { select_all: true, filter: "icmp", output: { tap: b } }',
      'o: { select_all: true, filter: "ip[70000000000] = 1", output: { tap: c } }',
    ),
    `F:5:38: bridges.br0.mirrors.m.filter: expected ${FILTER}, got "tcp prt 80", of which tcpdump says: can't parse filter expression: syntax error`,
    `F:7:38: bridges.br0.mirrors.o.filter: expected ${FILTER}, got "ip[70000000000] = 1", of which tcpdump says: number 70000000000 overflows 32 bits`,
  ],
  [
    "a collector that is a port of the switch, by the defaults of both",
    `underlay: { dstport: 4789 }\n${mirrors(
      "m: { select_all: true, output: { vxlan: 10.0.0.1, vni: 1 } }",
      "n: { select_all: true, output: { vxlan: 10.0.0.1, vni: 1, dstport: 8472 } }",
      "o: { select_all: true, output: { vxlan: 10.0.0.1, vni: 2 } }",
    )}`,
    "F:6:47: bridges.br0.mirrors.m.output.vxlan: expected a collector that is no port of this switch, got remote, vni and dstport of bridges.br0.ports.c1; its station would take mirrored frames for forwarded ones; give the collector a vni of its own",
  ],
  [
    "a local address of another family than the collector",
    mirrors("m: { select_all: true, output: { vxlan: fd00::9, vni: 1, local: 10.0.0.2 } }"),
    "F:5:71: bridges.br0.mirrors.m.output.local: expected an address of the same family as fd00::9, got 10.0.0.2",
  ],
  [
    "one session of a collector twice",
    mirrors(
      "m: { select_all: true, output: { erspan: 10.0.0.9, session: 7 } }",
      "n: { select_all: true, output: { erspan: 10.0.0.9, session: 7 } }",
      "o: { select_all: true, output: { erspan: 10.0.0.8, session: 7 } }",
    ),
    "F:6:67: bridges.br0.mirrors.n.output.session: expected a session of its own at this collector, got 7, which bridges.br0.mirrors.m has",
  ],
  [
    "two mirrors to one file",
    mirrors(
      "m: { select_all: true, output: { pcapng: /a/b } }",
      "n: { select_all: true, output: { pcapng: /a/b } }",
    ),
    "F:6:48: bridges.br0.mirrors.n.output.pcapng: expected a file of its own, got /a/b, which bridges.br0.mirrors.m writes",
  ],
  [
    "a mirror to what another one rotates to, spelt differently",
    mirrors(
      "m: { select_all: true, output: { pcapng: /a/b, rotate_bytes: 1MB, files: 3 } }",
      "n: { select_all: true, output: { pcapng: /a/../a//b.2 } }",
    ),
    "F:6:48: bridges.br0.mirrors.n.output.pcapng: expected a file of its own, got /a/b.2, which bridges.br0.mirrors.m writes",
  ],
  [
    "files without rotation",
    mirrors("m: { select_all: true, output: { pcapng: /a, files: 3 } }"),
    "F:5:59: bridges.br0.mirrors.m.output.files: expected rotate_bytes beside it, got nothing; files counts what rotation keeps",
  ],
];

const YAML: readonly Row[] = [
  ["a key twice", "bridges: {}\nbridges: {}", "F:2:1: Map keys must be unique"],
  [
    "an open bracket",
    "bridges: {",
    "F:1:11: Flow map in block collection must be sufficiently indented and end with a }",
  ],
  [
    "an alias of nothing",
    "bridges: *x",
    "F:1:1: Unresolved alias (the anchor must be set before the alias): x",
  ],
];

describe("one fault is reported where it is", () => {
  test.each([...FORM, ...PORTS, ...MIRRORS, ...CROSS, ...YAML])("%s", (_, text, ...expected) => {
    expect(faults(text)).toEqual(expected);
  });
});

describe("bounds", () => {
  const many = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => line(n));
  test("more bridges than there can be", () => {
    const text = ["bridges:", ...many(limit.BRIDGES_MAX + 1, (n) => `  b${n}: { maxaddress: 1 }`)].join("\n");
    expect(faults(text)).toEqual(["F:1:1: bridges: expected at most 64 bridges, got 65"]);
  });
  test("more ports than there can be", () => {
    const text = ports(...many(limit.PORTS_MAX + 1, (n) => `p${n}: { type: tap }`));
    expect(faults(text)).toEqual(["F:1:1: bridges: expected at most 1024 ports over all bridges, got 1025"]);
  });
  test("more mirrors than there can be", () => {
    const text = mirrors(
      ...many(limit.MIRRORS_MAX + 1, (n) => `m${n}: { select_all: true, output: { tap: x${n} } }`),
    );
    expect(faults(text)).toEqual(["F:1:1: bridges: expected at most 31 mirrors over all bridges, got 32"]);
  });
  test("more addresses than there can be", () => {
    const text = ["bridges:", ...many(5, (n) => `  b${n}: { maxaddress: 1048576 }`)].join("\n");
    const [fault] = faults(text);
    expect(fault).toBe(
      "F:1:1: bridges: expected at most 4194304 addresses (maxaddress) over all bridges, got 5242880",
    );
  });
  test("more faults than anyone reads", () => {
    const lines = faults(ports(...many(limit.PORTS_MAX, (n) => `p${n}: 1`)));
    expect(lines).toHaveLength(limit.FAULTS_SHOWN_MAX + 1);
    expect(lines.at(-1)).toBe(`and ${limit.PORTS_MAX - limit.FAULTS_SHOWN_MAX} more`);
  });
  test("aliases that unfold without end", () => {
    const bomb = [
      "a: &a [x]",
      ..."bcdefghi".split("").map((c, i) => `${c}: &${c} [${`*${"abcdefgh"[i]}, `.repeat(9)}]`),
    ];
    expect(faults(bomb.join("\n"))).toEqual([
      "F:1:1: Excessive alias count indicates a resource exhaustion attack",
    ]);
  });
});

test("all faults of a file are reported at once, in the order of the file, those between parts included", () => {
  const lines = faults(`underlay: { io: fast, mtu: 3 }
bridges:
  br0:
    ageing: soon
    ports:
      a: { type: vxlan, vni: 1, remote: 10.0.0.1 }
      b: { type: vxlan, vni: 1, remote: 10.0.0.1 }
      c: { type: vxlan, vni: x, remote: 10.0.0.1 }
      d: { type: vxlan, vni: 1, group: 239.1.1.1 }
    mirrors:
      m: { select_src_port: [c, nobody], output: { tap: a } }
`);
  expect(lines.map((line) => line.split(": expected")[0])).toEqual([
    "F:1:17: underlay.io",
    "F:1:23: underlay.mtu",
    "F:4:13: bridges.br0.ageing",
    "F:7:7: bridges.br0.ports.b",
    "F:8:30: bridges.br0.ports.c.vni",
    "F:9:33: bridges.br0.ports.d.group",
    "F:11:33: bridges.br0.mirrors.m.select_src_port[1]",
  ]);
});

test("a file that cannot be read is a sentence", () => {
  expect(() => loadConfig("/nonexistent.yaml")).toThrow(/^\/nonexistent.yaml: cannot be read: ENOENT/);
  expect(() => loadConfig("/tmp")).toThrow(/^\/tmp: cannot be read: EISDIR/);
});

describe("whatever is thrown at it", () => {
  const KEYS = [
    "bridges",
    "br0",
    "ports",
    "mirrors",
    "m0",
    "type",
    "vni",
    "remote",
    "group",
    "address",
    "output",
    "tap",
  ];
  const VALUES = [
    "vxlan",
    "tap",
    "any",
    "10.0.0.1",
    "br0",
    1,
    -1,
    true,
    null,
    "300s",
    "/x",
    {},
    [],
    "__proto__",
  ];
  const { document } = fc.letrec((tie) => ({
    document: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      fc.constantFrom(...VALUES),
      fc.dictionary(fc.constantFrom(...KEYS, "underlay", "io", "__proto__"), tie("document"), { maxKeys: 5 }),
      fc.array(tie("document"), { maxLength: 3 }),
    ),
  }));
  test("a document is either valid or refused with faults that name a place in it", () => {
    fc.assert(
      fc.property(document, (value) => {
        const result = validate(value);
        if ("config" in result) expect(validate(result.config)).toEqual(result);
        else expect(result.faults.length).toBeGreaterThan(0);
      }),
      { numRuns: 3000 },
    );
  });
  test("a text is either valid or refused with lines that name a place in it", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      document.map((value) => stringify(value)),
    );
    fc.assert(
      fc.property(text, (text) => {
        for (const line of faults(text)) expect(line).toMatch(/^F:\d+:\d+: |^and \d+ more$/s);
      }),
      { numRuns: 1000 },
    );
  });
});
