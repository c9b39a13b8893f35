// The configuration's shape: which words there are, what each holds, and what it is when left out. Pure form; what
// one part demands of another is in cross-checks.ts. What comes out of the schema is valid input to it again, which
// is how a change of the running switch is checked by the same rules as a file.
import * as z from "zod";
import { impairmentKeys } from "./impairment.ts";
import * as limit from "./limits.ts";
import {
  absolutePath,
  boundAddress,
  deviceName,
  dscp,
  duration,
  filterText,
  flag,
  groupAddress,
  hops,
  interfaceAddress,
  listen,
  name,
  nameKey,
  network,
  oneOrMany,
  portRange,
  remote,
  rotateBytes,
  snaplen,
  unicastAddress,
  unicastIpv4,
  whole,
  word,
} from "./values.ts";

/** A mapping with exactly these keys; the message of an unknown one lists them. */
function mapping<T extends z.core.$ZodLooseShape>(shape: T) {
  const keys = `one of the keys ${Object.keys(shape).join(", ")}`;
  const error = (issue: { code?: string }) => (issue.code === "unrecognized_keys" ? keys : "a mapping");
  return z.strictObject(shape, { error });
}

/** Names to values of one kind. YAML writes an empty one as nothing. */
function named<T extends z.ZodType>(value: T) {
  // zod passes over a key __proto__ in silence, so it is refused here, by a name that the key pattern refuses too.
  const entries = (input: unknown) => Object.fromEntries(Object.entries(input as object).map(plainKey));
  const plainKey = ([key, item]: [string, unknown]) => [key === "__proto__" ? "__proto__ " : key, item];
  const isMapping = (input: unknown) => typeof input === "object" && input !== null && !Array.isArray(input);
  const prepare = (input: unknown) => (isMapping(input) ? entries(input) : (input ?? {}));
  return z.preprocess(prepare, z.record(nameKey, value, { error: "a mapping of names" }));
}

/** A section that may be left out or empty. */
function section<T extends z.ZodType>(schema: T) {
  return z.preprocess((input) => input ?? {}, schema);
}

const dstport = whole(1, 65_535, "a UDP port");
const vni = whole(0, limit.VNI_MAX, "a VNI, a whole number");

const underlay = mapping({
  local: unicastAddress.optional(),
  dstport: dstport.default(limit.VXLAN_DSTPORT_DEFAULT),
  /** Source ports of what is sent. */
  srcport: portRange.default(limit.VXLAN_SRCPORT_DEFAULT),
  io: word("auto", "ring", "udp").default("auto"),
  /** `always`: a core is given to each forwarding thread. */
  spin: word("auto", "always").default("auto"),
  workers: whole(1, limit.WORKERS_MAX, "a number of forwarding threads").default(1),
});

const vlanIds = oneOrMany(whole(0, limit.VLAN_MAX, "a VLAN ID, a whole number"), limit.VLAN_MAX + 1);

const impairment = mapping(impairmentKeys).optional();

/** What is done to the frames that a port receives and transmits. */
const impairments = { impair_in: impairment, impair_out: impairment };

/** What a port may do in its bridge, in the words of bridge(8) and Open vSwitch; and addresses bound to the port. */
const policy = {
  vlan_mode: word("access", "trunk", "native-tagged", "native-untagged").optional(),
  tag: whole(1, limit.VLAN_MAX, "a VLAN ID, a whole number").optional(),
  /** 0 = frames without a tag. Left out: all. */
  trunks: vlanIds.optional(),
  isolated: flag.optional(),
  learning: flag.optional(),
  flood: flag.optional(),
  bcast_flood: flag.optional(),
  mcast_flood: flag.optional(),
  locked: flag.optional(),
  sticky: flag.optional(),
  neigh_suppress: flag.optional(),
  clamp_mss: flag.optional(),
  maxaddress: whole(1, limit.FDB_ENTRIES_MAX).optional(),
  ingress_policing_rate: whole(0, limit.POLICING_KBIT_MAX, "kbit/s").optional(),
  ingress_policing_burst: whole(0, limit.POLICING_KBIT_BURST_MAX, "kbit").optional(),
  ingress_policing_kpkts_rate: whole(0, limit.POLICING_KPKTS_MAX, "thousand frames a second").optional(),
  ingress_policing_kpkts_burst: whole(0, limit.POLICING_KPKTS_BURST_MAX, "thousand frames").optional(),
  storm_control: whole(0, limit.STORM_FRAMES_MAX, "frames a second").optional(),
  fdb: oneOrMany(boundAddress, limit.BOUND_ADDRESSES_MAX).optional(),
};

/** How outer headers are written, in the words of ip-link(8). */
const outer = {
  ttl: hops.optional(),
  tos: dscp.optional(),
  df: word("set", "unset", "inherit").optional(),
  udpcsum: flag.optional(),
  udp6zerocsumtx: flag.optional(),
  udp6zerocsumrx: flag.optional(),
  gbp: flag.optional(),
};

const vxlanPort = mapping({
  type: z.literal("vxlan"),
  vni,
  /** Of these one: a VTEP or any, several, a group (far-side-checks.ts). */
  remote: remote.optional(),
  remotes: oneOrMany(unicastAddress, limit.REMOTES_MAX).optional(),
  group: groupAddress.optional(),
  /** Of a group: the device on which it is joined. */
  dev: deviceName.optional(),
  /** Of any: who may come, how many, and after which silence they have to come again. */
  allow: oneOrMany(network, limit.ALLOW_MAX).optional(),
  max_vteps: whole(1, limit.VTEPS_MAX).optional(),
  idle: duration.optional(),
  /** Left out: the underlay's. */
  local: unicastAddress.optional(),
  /** Left out: the underlay's. */
  dstport: dstport.optional(),
  ...outer,
  /** What is done with VLAN tags of the frames inside. */
  inner_vlan: word("pass", "strip", "drop").optional(),
  ...policy,
  ...impairments,
});

const tapPort = mapping({
  type: z.literal("tap"),
  address: oneOrMany(interfaceAddress, limit.TAP_ADDRESSES_MAX).optional(),
  /** Left out: what the VXLAN ports of the bridge can carry. */
  mtu: whole(limit.MTU_BYTES_MIN, limit.MTU_BYTES_MAX, "an MTU in bytes").optional(),
  ...policy,
  ...impairments,
});

export const port = z.discriminatedUnion("type", [vxlanPort, tapPort], {
  error: (issue) => (issue.code === "invalid_union" ? "vxlan or tap" : "a mapping with a type"),
});

const tapOutput = mapping({ tap: deviceName });

const pcapngOutput = mapping({
  pcapng: absolutePath(limit.FILE_PATH_BYTES_MAX),
  /** Left out or 0: one file that grows. */
  rotate_bytes: rotateBytes.optional(),
  files: whole(1, limit.ROTATE_FILES_MAX).optional(),
});

/** To a collector. Left out: 4789; the kernel's route decides. */
const vxlanOutput = mapping({
  vxlan: unicastAddress,
  vni,
  dstport: dstport.optional(),
  local: unicastAddress.optional(),
});

const erspanOutput = mapping({
  erspan: unicastIpv4,
  session: whole(0, limit.ERSPAN_SESSION_MAX, "an ERSPAN session, a whole number"),
  index: whole(0, limit.ERSPAN_INDEX_MAX).optional(),
  local: unicastIpv4.optional(),
});

export const OUTPUTS = { tap: tapOutput, pcapng: pcapngOutput, vxlan: vxlanOutput, erspan: erspanOutput };
type OutputConfig = z.output<(typeof OUTPUTS)[keyof typeof OUTPUTS]>;
const OUTPUT_EXPECTED =
  "a mapping with one of tap: DEVICE, pcapng: PATH, vxlan: COLLECTOR, erspan: COLLECTOR";

/** Which output it is shows in its key, so the faults reported are those of the one that was meant. */
export const output = z.unknown().transform((input, context): OutputConfig => {
  const keys = typeof input === "object" && input !== null ? Object.keys(input) : [];
  const kinds = Object.entries(OUTPUTS).filter(([word]) => keys.includes(word));
  if (kinds.length !== 1) {
    context.addIssue({ code: "custom", message: OUTPUT_EXPECTED });
    return z.NEVER;
  }
  const result = kinds[0]![1].safeParse(input);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    context.issues.push({ ...issue, input } as (typeof context.issues)[number]);
  }
  return z.NEVER;
});

export const portNames = oneOrMany(name, limit.SELECT_LIST_MAX);

export const mirror = mapping({
  select_all: flag.optional(),
  select_src_port: portNames.optional(),
  select_dst_port: portNames.optional(),
  select_vlan: vlanIds.optional(),
  /** Compiled by tcpdump, see filter.ts. */
  filter: filterText.optional(),
  /** Every so many-th of the selected frames. */
  sample: whole(1, limit.SAMPLE_MAX).optional(),
  snaplen: snaplen.optional(),
  output,
});

const bridge = section(
  mapping({
    ageing: duration.default(limit.AGEING_SECONDS_DEFAULT),
    maxaddress: whole(1, limit.FDB_ENTRIES_MAX).default(limit.FDB_ENTRIES_DEFAULT),
    forward_bpdu: flag.optional(),
    /** Left out or 0: off. */
    loop_guard: duration.optional(),
    mcast_snooping: flag.optional(),
    ports: named(port),
    mirrors: named(mirror),
  }),
);

/** The whole file. */
export const configSchema = section(
  mapping({
    underlay: section(underlay),
    bridges: named(bridge),
    metrics: section(
      mapping({
        listen: listen.default("127.0.0.1:9478"),
        /** Holds the token by which the page changes mirrors and downloads captures. Left out: nobody does. */
        token_file: absolutePath(limit.FILE_PATH_BYTES_MAX).optional(),
      }),
    ),
    control: section(
      mapping({
        socket: absolutePath(limit.SOCKET_PATH_BYTES_MAX).default("/run/vxswitch/vxswitch.sock"),
      }),
    ),
  }),
);

/** A valid configuration in its own words, defaults filled in. */
export type Config = z.output<typeof configSchema>;
export type BridgeConfig = z.output<typeof bridge>;
export type PortConfig = z.output<typeof port>;
export type VxlanPortConfig = z.output<typeof vxlanPort>;
export type TapPortConfig = z.output<typeof tapPort>;
export type MirrorConfig = z.output<typeof mirror>;
