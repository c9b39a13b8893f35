// Outer headers byte by byte: as they are built once for a path, and as the addon completes them for a super-frame, read
// back from a file that stands in for the tunnel TAP. tshark is the judge of what a receiver would see.
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  DESTINATION_MTU,
  DESTINATION_OPTIONS,
  DESTINATION_PATH,
  DESTINATION_PATH_A,
  DESTINATION_PATH_B,
  OUTER_DF_INHERIT,
  OUTER_DF_UNSET,
  OUTER_GBP,
  OUTER_TOS_INHERIT,
  OUTER_TTL_INHERIT,
  OUTER_UDP_CSUM,
  OUTER_UDP6_ZERO_CSUM,
  PATH_HEADER,
  PATH_HEADER_BYTES,
  PATH_TUNNEL,
} from "../../src/dataplane/destinations.ts";
import {
  FLAG_GBP,
  FLAG_GBP_BITS_SHIFT,
  FLAG_GBP_POLICY_SHIFT,
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  GSO_TCPV4,
  GSO_TCPV6,
} from "../../src/dataplane/frames.ts";
import { OUTER_BYTES_MAX, writeOuterHeader } from "../../src/dataplane/wire/outer-header.ts";
import { decode, directory } from "./decoder.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, frame, packet, pattern } from "./packets.ts";
import { aim, cleanups, type End, end, fan, HERE, Listener, sized, transmit } from "./udp-loopback.ts";

const LOCAL_MAC = Uint8Array.of(2, 0, 0, 0, 1, 1);
const REMOTE_MAC = Uint8Array.of(2, 0, 0, 0, 2, 2);
const VNI = 0xabcdef;
const MTU_BYTES = 1500;
const TUNNEL_HEADER_BYTES = 24;

const ENDS = {
  ipv4: { source: "10.122.1.103", remote: "10.122.0.22", bytes: 50 },
  ipv6: { source: "fd00:1::103", remote: "fd00:1:2:3:4:5:6:ffff", bytes: 70 },
};

function build(family: "ipv4" | "ipv6", marks = { ttl: 64, tos: 0 }): { header: Uint8Array; bytes: number } {
  const header = new Uint8Array(OUTER_BYTES_MAX).fill(0xee);
  const { source, remote } = ENDS[family];
  const addresses = { source: parseAddress(source), remote: parseAddress(remote) };
  const macs = { localMac: LOCAL_MAC, remoteMac: REMOTE_MAC };
  const bytes = writeOuterHeader(header, { ...addresses, ...macs, udpPort: 4789, vni: VNI, ...marks });
  return { header, bytes };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test.each(["ipv4", "ipv6"] as const)(
  "over %s the hops and the DSCP are those that were asked for",
  (family) => {
    const { header, bytes } = build(family, { ttl: 7, tos: 0xb8 });
    const plain = build(family);
    const differing = [...header.keys()].filter((at) => header[at] !== plain.header[at]);
    // IPv4: TOS, TTL, and the sum of the header; IPv6: the traffic class in two bytes, the hop limit.
    expect(differing).toEqual(family === "ipv4" ? [15, 22, 24, 25] : [14, 15, 21]);
    const completed = Buffer.concat([header.subarray(0, bytes), Buffer.alloc(60)]);
    const field = family === "ipv4" ? ["ip.ttl", "ip.dsfield.dscp"] : ["ipv6.hlim", "ipv6.tclass.dscp"];
    const [decoded] = decode([completed], field);
    expect(Object.values(decoded)).toEqual(["7", String(0xb8 >> 2)]);
  },
);

test("over IPv4 all is there but lengths, source port, and a checksum that is the sum so far", () => {
  const { header, bytes } = build("ipv4");
  expect(bytes).toBe(50);
  expect(hexOf(header)).toBe(
    ["020000000202020000000101" + "0800", "4500" + "0000" + "0000" + "4000" + "4011" + "db82"]
      .concat("0a7a0167" + "0a7a0016", "0000" + "12b5" + "0000" + "0000", "08000000" + "abcdef00")
      .join("")
      .padEnd(2 * OUTER_BYTES_MAX, "0"),
  );
});

test("over IPv6 all is there but lengths, source port, and a checksum that is the pseudo-header's sum so far", () => {
  const { header, bytes } = build("ipv6");
  expect(bytes).toBe(70);
  expect(hexOf(header)).toBe(
    ["020000000202020000000101" + "86dd", "60000000" + "0000" + "1140"]
      .concat("fd000001000000000000000000000103", "fd00000100020003000400050006ffff")
      .concat("0000" + "12b5" + "0000" + "fb2b", "08000000" + "abcdef00")
      .join("")
      .padEnd(2 * OUTER_BYTES_MAX, "0"),
  );
});

describe.each(["ipv4", "ipv6"] as const)("a super-frame by the tunnel over %s", (family) => {
  const at = DESTINATION_PATH_B;

  test("stands behind headers that a receiver finds in order", () => {
    const sender = end(family === "ipv4" ? HERE : "::1", 0);
    const inner = superFrame(20_000);
    const written = throughTunnel(sender, family, at, inner);
    const outerBytes = ENDS[family].bytes;
    expect(written.subarray(TUNNEL_HEADER_BYTES + outerBytes)).toEqual(inner.bytes);
    // What the kernel or a network card fills in over IPv6, done here: the sum of all from the UDP header on.
    const whole = Buffer.from(written.subarray(TUNNEL_HEADER_BYTES));
    if (family === "ipv6") fillUdpChecksum(whole, outerBytes - 16);
    const [seen] = decode([whole], FIELDS);
    expect(seen).toMatchObject({
      "eth.src": "02:00:00:00:01:01,02:00:00:00:00:0a",
      "eth.dst": "02:00:00:00:02:02,02:00:00:00:00:0b",
      "vxlan.vni": String(VNI),
      "udp.dstport": "4789",
      "udp.length": String(8 + 8 + inner.bytes.length),
    });
    const good = family === "ipv4" ? { "ip.checksum.status": "1,1" } : { "udp.checksum.status": "1" };
    expect(seen).toMatchObject(good);
    if (family === "ipv4") {
      expect(seen["udp.checksum"]).toBe("0x0000");
      expect(seen["ip.flags.df"].split(",")[0]).toMatch(/^(1|True)$/);
      expect(seen["ip.ttl"].split(",")[0]).toBe("64");
      expect(seen["ip.len"].split(",")[0]).toBe(String(whole.length - 14));
    } else {
      expect(seen["ipv6.hlim"]).toBe("64");
      expect(seen["ipv6.plen"]).toBe(String(whole.length - 54));
    }
  });

  test("has a UDP checksum or none, as the port says", () => {
    const sender = end(family === "ipv4" ? HERE : "::1", 0);
    sender.destinations[DESTINATION_OPTIONS] = family === "ipv4" ? OUTER_UDP_CSUM : OUTER_UDP6_ZERO_CSUM;
    const written = throughTunnel(sender, family, at, superFrame(20_000));
    expect(written[0]).toBe(family === "ipv4" ? 1 | 8 : 1);
    const whole = Buffer.from(written.subarray(TUNNEL_HEADER_BYTES));
    if (family === "ipv4") fillUdpChecksum(whole, ENDS[family].bytes - 16);
    const [seen] = decode([whole], ["udp.checksum", "udp.checksum.status", "ip.checksum.status"]);
    if (family === "ipv6") expect(seen["udp.checksum"]).toBe("0x0000");
    else expect([seen["udp.checksum.status"], seen["ip.checksum.status"]]).toEqual(["1", "1,1"]);
  });

  test("tells the kernel where each header begins and what is left undone", () => {
    const sender = end(family === "ipv4" ? HERE : "::1", 0);
    const written = throughTunnel(sender, family, at, superFrame(20_000));
    const { bytes } = ENDS[family];
    const frameMaxBytes = MTU_BYTES - (bytes - 14);
    const [flags, gsoType] = family === "ipv4" ? [1, 1 | 0x20] : [1 | 8, 1 | 0x40];
    const words = (offset: number): number => written.readUInt16LE(offset);
    expect([written[0], written[1]]).toEqual([flags, gsoType]);
    expect([words(2), words(4)]).toEqual([bytes + 54, frameMaxBytes - 54]);
    expect([words(6), words(8)]).toEqual([bytes + 34, 16]);
    expect([words(20), words(22)]).toEqual([bytes - 16, bytes + 14]);
  });
});

describe.each(["ipv4", "ipv6"] as const)("what is inherited, over %s", (family) => {
  const fields = family === "ipv4" ? ["ip.ttl", "ip.dsfield"] : ["ipv6.hlim", "ipv6.tclass"];
  const inherits = OUTER_TTL_INHERIT | OUTER_TOS_INHERIT;

  /** [ttl, tos] of the outer header of a super-frame, whose header checksum is right. */
  function outerOf(options: number, inner: ReturnType<typeof superFrame>, marks = { ttl: 0, tos: 0 }) {
    const sender = end(family === "ipv4" ? HERE : "::1", 0);
    sender.destinations[DESTINATION_OPTIONS] = options;
    const written = throughTunnel(sender, family, DESTINATION_PATH_A, inner, marks);
    const [seen] = decode([written.subarray(TUNNEL_HEADER_BYTES)], [...fields, "ip.checksum.status"]);
    if (family === "ipv4") expect(seen["ip.checksum.status"].split(",")[0]).toBe("1");
    return fields.map((field) => Number(seen[field].split(",")[0]));
  }

  test.each([4, 6] as const)("is that of the inner IPv%d header", (version) => {
    for (const [ttl, tos] of [
      [1, 0],
      [255, 0xff],
      [77, 0xb9],
    ])
      expect(outerOf(inherits, superFrame(5000, { version, ttl, tos }))).toEqual([ttl, tos]);
  });

  test("is each by itself", () => {
    const inner = superFrame(5000, { ttl: 9, tos: 0xb8 });
    expect(outerOf(OUTER_TTL_INHERIT, inner, { ttl: 0, tos: 0x20 })).toEqual([9, 0x20]);
    expect(outerOf(OUTER_TOS_INHERIT, inner, { ttl: 7, tos: 0 })).toEqual([7, 0xb8]);
  });

  test("is in order also while the headers of the path are still those of before", () => {
    const [ttl] = outerOf(inherits, superFrame(5000, { ttl: 9, tos: 0x20 }), { ttl: 64, tos: 0xb8 });
    expect(ttl).toBe(9);
  });

  test("is the usual where the inner header has no hops to give", () => {
    expect(outerOf(inherits, superFrame(5000, { ttl: 0 }))).toEqual([64, 0]);
  });
});

test("a super-frame takes its group policy along", () => {
  const sender = end(HERE, 0);
  const { bytes, row } = superFrame(5000);
  const policy = FLAG_GBP | (1 << FLAG_GBP_BITS_SHIFT) | (0xabcd << FLAG_GBP_POLICY_SHIFT);
  const fields = ["vxlan.gbp", "vxlan.flag_a", "vxlan.flag_d", "vxlan.vni"];
  for (const [options, wanted] of [
    [OUTER_GBP, [0xabcd, true, false, VNI]],
    [0, [0, false, false, VNI]],
  ] as const) {
    sender.destinations[DESTINATION_OPTIONS] = options;
    const inner = { bytes, row: { ...row, [FRAME_FLAGS]: row[FRAME_FLAGS] | policy } };
    const written = throughTunnel(sender, "ipv4", DESTINATION_PATH_A, inner);
    const [seen] = decode([written.subarray(TUNNEL_HEADER_BYTES)], fields);
    const [id, ...flags] = Object.values(seen);
    expect([
      Number(id),
      ...flags.slice(0, 2).map((flag) => /^(1|True)$/.test(flag)),
      Number(flags[2]),
    ]).toEqual(wanted);
  }
});

describe("DF over IPv4", () => {
  const withoutDf = () => superFrame(5000, { df: false });

  /** [DF, identification] of so many super-frames, one after the other, whose header checksums are right. */
  function dfOf(options: number, inner: ReturnType<typeof superFrame>, count = 1) {
    const sender = end(HERE, 0);
    sender.destinations[DESTINATION_OPTIONS] = options;
    const frames = Array.from({ length: count }, () =>
      throughTunnel(sender, "ipv4", DESTINATION_PATH_A, inner).subarray(TUNNEL_HEADER_BYTES),
    );
    return decode(frames, ["ip.flags.df", "ip.id", "ip.checksum.status"]).map((seen) => {
      const [df, id, status] = Object.values(seen).map((values) => values.split(",")[0]);
      expect(status).toBe("1");
      return [/^(1|True)$/.test(df), Number(id)];
    });
  }

  test("is set unless a port says otherwise, whatever the inner packet has", () => {
    expect(dfOf(0, superFrame(5000))).toEqual([[true, 0]]);
    expect(dfOf(0, withoutDf())).toEqual([[true, 0]]);
  });

  test("is clear where it is unset, and each datagram can be told from the next ones", () => {
    const [[first, id], [second, next]] = dfOf(OUTER_DF_UNSET, superFrame(5000), 2);
    expect([first, second]).toEqual([false, false]);
    // The kernel numbers the four segments of the first.
    expect(((next as number) - (id as number) + 65_536) % 65_536).toBe(4);
  });

  test("is that of an inner IPv4 header where it is inherited, and set for IPv6", () => {
    expect(dfOf(OUTER_DF_INHERIT, superFrame(5000))[0][0]).toBe(true);
    expect(dfOf(OUTER_DF_INHERIT, withoutDf())[0][0]).toBe(false);
    expect(dfOf(OUTER_DF_INHERIT, superFrame(5000, { version: 6 }))[0][0]).toBe(true);
  });
});

test("super-frames and ordinary frames of a flow leave from the same port", async () => {
  const { sender, listeners } = await fan(1);
  const ports = new Set<number>();
  for (let flow = 0; flow < 8; flow++) {
    const written = throughTunnel(sender, "ipv4", DESTINATION_PATH_A, { ...superFrame(5000), flow });
    const tunnelPort = written.readUInt16BE(TUNNEL_HEADER_BYTES + 34);
    expect(transmit(sender, [{ bytes: sized(100), flow }])).toEqual([""]);
    const [{ from }] = await listeners[0].all(1);
    expect(tunnelPort).toBe(from.port);
    ports.add(tunnelPort);
  }
  expect(ports.size).toBe(8);
});

test.each([
  ["nowhere in the row", 41, 50],
  ["with headers of an odd length", DESTINATION_PATH_A, 51],
])("a path that stands %s is none: the frame is cut", async (_, at, headerBytes) => {
  const sender = end(HERE, 0);
  const listener = await Listener.open();
  aim(sender, 0, { port: listener.port });
  sender.destinations[DESTINATION_PATH] = at;
  sender.destinations[DESTINATION_PATH_A + PATH_TUNNEL] = 1;
  sender.destinations[DESTINATION_PATH_A + PATH_HEADER_BYTES] = headerBytes;
  const { bytes, row } = superFrame(5000);
  expect(transmit(sender, [{ bytes, row }])).toEqual([""]);
  expect(await listener.all(4)).toHaveLength(4);
});

const FIELDS = [
  ...[
    "eth.src",
    "eth.dst",
    "ip.checksum.status",
    "ip.flags.df",
    "ip.ttl",
    "ip.len",
    "ipv6.hlim",
    "ipv6.plen",
  ],
  ...["udp.dstport", "udp.length", "udp.checksum", "udp.checksum.status", "vxlan.vni"],
];

function superFrame(
  payloadBytes: number,
  { version = 4, ...marks }: { version?: 4 | 6; ttl?: number; tos?: number; df?: boolean } = {},
) {
  const payload = pattern(payloadBytes);
  const whole = packet({ version, protocol: "tcp", payload, checksum: "left", ...marks });
  const row = {
    [FRAME_FLAGS]: FLAG_NEEDS_CSUM,
    [FRAME_GSO_TYPE]: version === 4 ? GSO_TCPV4 : GSO_TCPV6,
    [FRAME_CSUM_START]: 14 + whole.l4,
    [FRAME_CSUM_OFFSET]: 16,
  };
  return {
    bytes: frame({ type: version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, payload: whole.bytes }),
    row,
  };
}

/** Transmits a super-frame by the path at this place of the row; what arrives in the file that stands in for the TAP. */
function throughTunnel(
  sender: End,
  family: "ipv4" | "ipv6",
  at: number,
  { flow = 0, ...superframe }: { bytes: Buffer; row: Record<number, number>; flow?: number },
  marks?: { ttl: number; tos: number },
): Buffer {
  const path = join(directory, "tunnel");
  const file = openSync(path, "w");
  cleanups.push(() => closeSync(file));
  const { header, bytes } = build(family, marks);
  const { destinations } = sender;
  // The MTU is what counts; where the datagram would go without the tunnel is of no interest, unless it is set already.
  if (destinations[DESTINATION_MTU] === 0) aim(sender, 0, { port: 9, mtuBytes: MTU_BYTES });
  destinations[DESTINATION_PATH] = at;
  destinations[at + PATH_TUNNEL] = file + 1;
  destinations[at + PATH_HEADER_BYTES] = bytes;
  new Uint8Array(destinations.buffer).set(header, (at + PATH_HEADER) * 4);
  expect(transmit(sender, [{ ...superframe, flow }])).toEqual([""]);
  return readFileSync(path);
}

/** Completes a UDP checksum that holds the sum of the pseudo-header. */
function fillUdpChecksum(datagram: Buffer, udp: number): void {
  let sum = 0;
  const padded = Buffer.concat([datagram.subarray(udp), Buffer.alloc(datagram.length % 2)]);
  for (let i = 0; i < padded.length; i += 2) sum += padded.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  datagram.writeUInt16BE(0xffff - sum, udp + 6);
}
