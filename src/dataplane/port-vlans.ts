// Which VLANs a port carries, and in which form: the four modes of an Open vSwitch port (ovs-vswitchd.conf.db(5), Port), and
// what is done with tags on the wire of a VXLAN port (RFC 7348 section 6.1). A port of which nothing is said is a trunk of
// all VLANs, and no frame is looked at for its sake.
import { PORTS_MAX } from "./limits.ts";

export type VlanMode = "access" | "trunk" | "native-tagged" | "native-untagged";
export type InnerVlan = "pass" | "strip" | "drop";

export interface PortVlan {
  readonly mode: VlanMode;
  /** VLAN of frames that come untagged; 0 = they have none. */
  readonly tag: number;
  /** VLANs that a trunk carries beside its native one, 0 = untagged frames; empty = all. */
  readonly trunks: readonly number[];
  /** `strip`: no tag leaves, and one that comes is taken off. `drop`: nothing with a tag passes. */
  readonly innerVlan: InnerVlan;
}

export const OPEN_VLAN: PortVlan = { mode: "trunk", tag: 0, trunks: [], innerVlan: "pass" };

/** A VLAN that no frame is in: the port refuses it. */
export const REFUSED = -1;

/** In place of a VLAN ID: no tag. */
export const NO_TAG = -1;

const REFUSES_TAGS = 1;
const TAKES_OFF_TAGS = 2;
const SENDS_UNTAGGED = 4;
const SENDS_NATIVE_UNTAGGED = 8;
/** Only what its bitmap has. */
const CARRIES_SOME = 16;

const BITMAP_WORDS = 4096 / 32;

export class PortVlans {
  /** Some port is not a trunk of all VLANs. */
  isUsed = false;
  private readonly bits = new Int32Array(PORTS_MAX);
  private readonly native = new Int32Array(PORTS_MAX);
  private readonly carried = new Int32Array(PORTS_MAX * BITMAP_WORDS);

  configure(port: number, vlan: PortVlan): void {
    this.native[port] = vlan.tag;
    this.bits[port] = bitsOf(vlan);
    this.carried.fill(0, port * BITMAP_WORDS, (port + 1) * BITMAP_WORDS);
    for (const vid of carriedBy(vlan)) this.carried[port * BITMAP_WORDS + (vid >>> 5)] |= 1 << (vid & 31);
    this.isUsed = this.bits.some((bits, index) => bits !== 0 || this.native[index] !== 0);
  }

  /** The VLAN of a frame that came in at a port with this VLAN ID (0 = with no tag, or one that only has a priority), or REFUSED. */
  classify(port: number, vid: number): number {
    const bits = this.bits[port];
    if (vid !== 0 && (bits & REFUSES_TAGS) !== 0) return REFUSED;
    const vlan = vid === 0 || (bits & TAKES_OFF_TAGS) !== 0 ? this.native[port] : vid;
    return this.carries(port, vlan) ? vlan : REFUSED;
  }

  carries(port: number, vlan: number): boolean {
    if ((this.bits[port] & CARRIES_SOME) === 0) return true;
    return (this.carried[port * BITMAP_WORDS + (vlan >>> 5)] & (1 << (vlan & 31))) !== 0;
  }

  /** The VLAN ID with which frames of a VLAN leave a port that carries it, or NO_TAG; `tag` is what they came with. */
  tagAt(port: number, vlan: number, tag: number): number {
    const bits = this.bits[port];
    if ((bits & SENDS_UNTAGGED) !== 0) return NO_TAG;
    // In no VLAN: a tag that has only a priority stays.
    if (vlan === 0) return tag === 0 ? 0 : NO_TAG;
    return (bits & SENDS_NATIVE_UNTAGGED) !== 0 && vlan === this.native[port] ? NO_TAG : vlan;
  }
}

function bitsOf(vlan: PortVlan): number {
  const { mode, innerVlan } = vlan;
  const isTagless = mode === "access" || innerVlan !== "pass";
  return (
    (isTagless && innerVlan !== "strip" ? REFUSES_TAGS : 0) |
    (innerVlan === "strip" ? TAKES_OFF_TAGS : 0) |
    (isTagless ? SENDS_UNTAGGED : 0) |
    (mode === "native-untagged" ? SENDS_NATIVE_UNTAGGED : 0) |
    (carriedBy(vlan).length > 0 ? CARRIES_SOME : 0)
  );
}

/** Empty = all. */
function carriedBy({ mode, tag, trunks, innerVlan }: PortVlan): readonly number[] {
  if (mode === "access" || innerVlan === "drop") return [tag];
  if (trunks.length === 0 || mode === "trunk") return trunks;
  return [tag, ...trunks];
}
