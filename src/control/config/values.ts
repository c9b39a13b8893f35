// The leaves of the configuration: each reads one value and states in words what it expects. zod carries those words
// as the message of its issue; validate.ts completes them to "expected X, got Y".
import { isIP } from "node:net";
import { normalize } from "node:path";
import ipaddr from "ipaddr.js";
import * as z from "zod";
import type { PortRange } from "../../dataplane/limits.ts";
import type { BoundAddress } from "../../dataplane/spec.ts";
import * as limit from "./limits.ts";

/** Keywords of JSON Schema: as much of a form as an editor can check by them (json-schema.ts). */
type Form = z.core.GlobalMeta;
const STRING: Form = { type: "string" };

/** A value that `parse` understands; undefined = it does not. */
export function parsed<T>(expected: string, parse: (value: unknown) => T | undefined, form = STRING) {
  const value = z.unknown().transform((value, context): T => {
    const result = parse(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
  return value.meta({ description: expected, ...form });
}

function integers(minimum: number, maximum: number): Form {
  return { type: "integer", minimum, maximum };
}

/** A whole number, both bounds included. */
export function whole(min: number, max: number, what = "a whole number") {
  return parsed(
    `${what} from ${min} to ${max}`,
    (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined,
    integers(min, max),
  );
}

const snaplenInRange = whole(limit.SNAPLEN_BYTES_MIN, limit.SNAPLEN_BYTES_MAX);

/** Bytes kept of a mirrored frame. */
export const snaplen = parsed(
  `0 for whole frames, or ${limit.SNAPLEN_BYTES_MIN} to ${limit.SNAPLEN_BYTES_MAX} bytes`,
  (value) => (value === 0 || snaplenInRange.safeParse(value).success ? (value as number) : undefined),
  integers(0, limit.SNAPLEN_BYTES_MAX),
);

/** Text of an expression; whether it is one is for tcpdump to say (filter.ts). */
export const filterText = parsed(
  `an expression of pcap-filter(7) in ${limit.FILTER_CHARACTERS_MAX} characters at most`,
  (value) =>
    typeof value === "string" &&
    /\S/.test(value) &&
    !/[^\s\x20-\x7e]/.test(value) &&
    value.length <= limit.FILTER_CHARACTERS_MAX
      ? value.trim()
      : undefined,
  { type: "string", maxLength: limit.FILTER_CHARACTERS_MAX },
);

export const flag = parsed("true or false", (value) => (typeof value === "boolean" ? value : undefined), {
  type: "boolean",
});

/** As the inner packet has it, in the words of ip-link(8) and Open vSwitch. */
const INHERIT = "inherit";
const orInherit = (form: Form): Form => ({ anyOf: [form, { const: INHERIT }] });

const dscpInRange = whole(0, 252);

/** The DSCP of an outer header as the TOS byte has it (RFC 2474): the two bits of ECN (RFC 3168) are not an operator's. */
export const dscp = parsed(
  "a TOS byte from 0 to 252 whose two lowest bits, those of ECN, are zero, or inherit",
  (value) => {
    if (value === INHERIT) return INHERIT;
    return dscpInRange.safeParse(value).success && Number(value) % 4 === 0 ? Number(value) : undefined;
  },
  orInherit({ ...integers(0, 252), multipleOf: 4 }),
);

const hopsInRange = whole(1, 255);

/** TTL or hop limit. */
export const hops = parsed(
  "hops, a whole number from 1 to 255, or inherit",
  (value) => {
    if (value === INHERIT) return INHERIT;
    return hopsInRange.safeParse(value).success ? Number(value) : undefined;
  },
  orInherit(integers(1, 255)),
);

/** `MIN-MAX`, both included. */
export const portRange = parsed("a range MIN-MAX of UDP ports such as 49152-65535", (value) => {
  const { min, max } = portRangeOf(String(value));
  return min >= 1 && min <= max && max <= 65_535 ? `${min}-${max}` : undefined;
});

/** NaN for what is none. */
export function portRangeOf(text: string): PortRange {
  const [, min, max] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  return { min: Number(min), max: Number(max) };
}

/** One of a few words. */
export function word<const T extends string>(...words: readonly T[]) {
  return parsed(words.join(" or "), (value) => words.find((candidate) => candidate === value), {
    enum: words,
  });
}

/** One value or a list of them, read as a list. */
export function oneOrMany<T extends z.ZodType>(item: T, max: number) {
  const list = z.array(item).max(max, { error: `at most ${max} values` });
  return z.preprocess((value) => (Array.isArray(value) ? value : [value]), list);
}

const NAME = new RegExp(`^[A-Za-z][A-Za-z0-9_.-]{0,${limit.NAME_CHARACTERS_MAX - 1}}$`);
const NAME_EXPECTED = `a name: a letter, then letters, digits, "_", "." or "-", ${limit.NAME_CHARACTERS_MAX} characters at most`;

/** True for a name that a bridge, port or mirror may have. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}

const NAME_FORM: Form = { type: "string", pattern: NAME.source };
export const name = parsed(NAME_EXPECTED, (value) => (isName(value) ? value : undefined), NAME_FORM);
/** The same as a key of a mapping, which zod wants to be a plain string schema. */
export const nameKey = z.string().regex(NAME, { error: NAME_EXPECTED });

/** True for a name that Linux gives a network device. */
export function isDeviceName(value: string): boolean {
  return isName(value) && value.length <= limit.DEVICE_NAME_CHARACTERS_MAX;
}

export const DEVICE_NAME_EXPECTED = `a device name of ${limit.DEVICE_NAME_CHARACTERS_MAX} characters at most, a letter first`;
export const deviceName = parsed(
  DEVICE_NAME_EXPECTED,
  (value) => (typeof value === "string" && isDeviceName(value) ? value : undefined),
  { ...NAME_FORM, maxLength: limit.DEVICE_NAME_CHARACTERS_MAX },
);

/** `300s`, `5m`, `1h`, or plain seconds; read as seconds. */
export const duration = parsed(
  `a duration such as 300s, 5m or 1h, ${limit.AGEING_SECONDS_MAX}s at most, 0 for never`,
  (value) => bounded(scaled(value, { s: 1, m: 60, h: 3600, d: 86_400 }), limit.AGEING_SECONDS_MAX),
  { type: ["integer", "string"], minimum: 0, maximum: limit.AGEING_SECONDS_MAX },
);

const SIZE_UNITS = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `100MB`, `1GiB`, or plain bytes; read as bytes. */
export const rotateBytes = parsed(
  `a size such as 100MB or 1GiB, ${limit.ROTATE_BYTES_MIN} bytes at least, or 0 for never`,
  (value) => {
    const bytes = bounded(scaled(value, SIZE_UNITS), Number.MAX_SAFE_INTEGER);
    return bytes === undefined || (bytes > 0 && bytes < limit.ROTATE_BYTES_MIN) ? undefined : bytes;
  },
  { type: ["integer", "string"], minimum: 0 },
);

function scaled(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === "number") return value;
  const match = typeof value === "string" ? /^(\d{1,15})\s*([A-Za-z]*)$/.exec(value) : null;
  if (match === null) return undefined;
  const factor = match[2] === "" ? 1 : units[match[2]!];
  return factor === undefined ? undefined : Number(match[1]) * factor;
}

function bounded(value: number | undefined, max: number): number | undefined {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= max ? value : undefined;
}

/** A unicast IPv4 or IPv6 address, in its canonical spelling. */
export const unicastAddress = parsed("a unicast IPv4 or IPv6 address", canonicalUnicast);

function canonicalUnicast(value: unknown): string | undefined {
  // isIP first: ipaddr.js also takes spellings such as 0x7f.1, which would surprise.
  if (typeof value !== "string" || isIP(value) === 0 || value.includes("%")) return undefined;
  const address = ipaddr.parse(value);
  return isUnicast(address) ? address.toString() : undefined;
}

/** The same over IPv4 alone. */
export const unicastIpv4 = parsed("a unicast IPv4 address", (value) =>
  typeof value === "string" && isIP(value) === 4 && isUnicast(ipaddr.parse(value)) ? value : undefined,
);

function isUnicast(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return !["unspecified", "broadcast", "multicast", "ipv4Mapped"].includes(address.range());
}

const ADDRESS_BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

/** The other VTEP of a port, or `any`. */
export const REMOTE_EXPECTED = "a unicast IPv4 or IPv6 address, or any";
export const remote = parsed(REMOTE_EXPECTED, (value) => (value === "any" ? "any" : canonicalUnicast(value)));

/** A multicast group, in its canonical spelling. */
export const groupAddress = parsed("a multicast address such as 239.1.1.1 or ff05::100", (value) => {
  if (typeof value !== "string" || isIP(value) === 0 || value.includes("%")) return undefined;
  const address = ipaddr.parse(value);
  return address.range() === "multicast" ? address.toString() : undefined;
});

/** An address and the length of its prefix; undefined if it is none. */
function splitPrefix(value: unknown): { host: ipaddr.IPv4 | ipaddr.IPv6; length: number } | undefined {
  const [address = "", prefix = "", ...rest] = typeof value === "string" ? value.split("/") : [];
  const bits = ADDRESS_BITS[isIP(address)] ?? 0;
  if (bits === 0 || rest.length > 0 || address.includes("%")) return undefined;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return undefined;
  return { host: ipaddr.parse(address), length: Number(prefix) };
}

/** `10.122.0.0/16`: a network, without bits beyond its length. */
export const network = parsed(
  "a network such as 10.122.0.0/16 or fd00::/8, no bit set beyond its length",
  (value) => {
    const { host, length } = splitPrefix(value) ?? {};
    if (host === undefined) return undefined;
    const kind = host.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
    const first = kind.networkAddressFromCIDR(`${host}/${length}`).toString();
    return first === host.toString() ? `${first}/${length}` : undefined;
  },
);

/** `192.168.0.103/24` or `fd00::103/64`: an address and the length of its network. */
export const interfaceAddress = parsed(
  "an address with a prefix length such as 192.168.0.103/24 or fd00::103/64",
  (value) => {
    const { host, length } = splitPrefix(value) ?? {};
    return host !== undefined && isUnicast(host) ? `${host}/${length}` : undefined;
  },
);

/** The MAC address of one station in the spelling of the data plane; undefined if it is none. */
export function stationMac(text: string): string | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = text.toLowerCase().replaceAll("-", ":");
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isGroup || mac === "00:00:00:00:00:00" ? undefined : mac;
}

export const STATION_EXPECTED = "the MAC address of one station, such as 02:00:00:00:00:01";

/** An address bound to a port, in the words of `bridge fdb`: `MAC`, or `MAC vlan VID`. */
export const boundAddress = parsed(`${STATION_EXPECTED} or "02:00:00:00:00:01 vlan 10"`, (value) => {
  const [, text = "", vid = "0"] = /^(\S+?)(?: +vlan +(\d{1,4}))?$/.exec(String(value)) ?? [];
  const [mac, vlan] = [stationMac(text), Number(vid)];
  return mac === undefined || vlan > limit.VLAN_MAX ? undefined : boundAddressText({ mac, vlan });
});

export function boundAddressText({ mac, vlan }: BoundAddress): string {
  return vlan === 0 ? mac : `${mac} vlan ${vlan}`;
}

/** From what `boundAddressText` makes. */
export function boundAddressOf(text: string): BoundAddress {
  const [mac, vid] = text.split(" vlan ");
  return { vlan: Number(vid ?? 0), mac: mac! };
}

/** True if both are IPv4 or both IPv6. */
export function sameFamily(left: string, right: string): boolean {
  return isIP(left) === isIP(right);
}

export interface Listen {
  readonly host: string;
  /** 0 = the kernel picks one. */
  readonly port: number;
}

/** `127.0.0.1:9478` or `[::1]:9478`; null if it is neither. */
export function parseListen(value: unknown): Listen | null {
  const match = typeof value === "string" ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) : null;
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const family = match[1] === undefined ? 4 : 6;
  const port = Number(match[3]);
  return isIP(host) === family && port <= 65_535 ? { host, port } : null;
}

export const listen = parsed("ADDRESS:PORT such as 127.0.0.1:9478 or [::1]:9478", (value) =>
  parseListen(value) === null ? undefined : (value as string),
);

/** An absolute path: where the daemon was started must not matter. Two spellings of one path become one. */
export function absolutePath(bytesMax: number) {
  return parsed(`an absolute path of ${bytesMax} bytes at most`, (value) => {
    if (typeof value !== "string" || !value.startsWith("/") || value.includes("\0")) return undefined;
    return Buffer.byteLength(value) <= bytesMax ? normalize(value) : undefined;
  });
}
