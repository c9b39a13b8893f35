// What a port may do in its bridge, in the words of bridge(8) as far as it has them, and as the bits that forwarding looks
// at. No bit is set at a port that may do everything.

import { PORTS_MAX } from "./limits.ts";
import { OPEN_VLAN, type PortVlan } from "./port-vlans.ts";

export interface PortPolicy {
  /** Exchanges no frames with other isolated ports. */
  readonly isolated: boolean;
  /** Source addresses that are seen here are learnt. Off: what is known of them stays, and ages. */
  readonly learning: boolean;
  /** Takes copies of frames whose destination nobody has learnt. */
  readonly flood: boolean;
  /** Takes copies of broadcasts. */
  readonly bcastFlood: boolean;
  /** Takes copies of multicasts other than broadcasts. */
  readonly mcastFlood: boolean;
  /** Takes in frames alone whose source address the FDB has at this port. */
  readonly locked: boolean;
  /** What was learnt here moves to no other port while it is known. */
  readonly sticky: boolean;
  /** Hears no ARP and ND questions about stations that are known (stages/suppress.ts). */
  readonly neighSuppress: boolean;
  /** TCP segments that pass it are made to fit the way (stages/clamp-mss.ts). */
  readonly clampMss: boolean;
  /** Addresses learnt here at most; the oldest makes room for the next. 0 = as many as the bridge holds. */
  readonly addressesMax: number;
  /** What it may send into the switch; 0 = without bound. A burst is what may come at once; 0 = as Open vSwitch has it. */
  readonly policingKbitPerSecond: number;
  readonly policingKbitBurst: number;
  readonly policingKpktsPerSecond: number;
  readonly policingKpktsBurst: number;
  /** Of that, frames to be flooded: so many a second, and at once; 0 = without bound. */
  readonly stormFramesPerSecond: number;
  /** The VLANs that it carries. */
  readonly vlan: PortVlan;
}

export const OPEN_POLICY: PortPolicy = {
  isolated: false,
  learning: true,
  flood: true,
  bcastFlood: true,
  mcastFlood: true,
  locked: false,
  sticky: false,
  neighSuppress: false,
  clampMss: false,
  addressesMax: 0,
  policingKbitPerSecond: 0,
  policingKbitBurst: 0,
  policingKpktsPerSecond: 0,
  policingKpktsBurst: 0,
  stormFramesPerSecond: 0,
  vlan: OPEN_VLAN,
};

export const POLICY_ISOLATED = 1;
export const POLICY_NO_LEARNING = 2;
export const POLICY_NO_FLOOD = 4;
export const POLICY_NO_BCAST_FLOOD = 8;
export const POLICY_NO_MCAST_FLOOD = 16;
export const POLICY_LOCKED = 32;
export const POLICY_STICKY = 64;
/** It has a bucket in meters.ts. */
export const POLICY_POLICED = 128;
export const POLICY_STORM_CONTROL = 256;
/** Out of its bridge for a while (inventory/loop-guard.ts); not an operator's word. */
export const POLICY_QUARANTINED = 512;
export const POLICY_CLAMP_MSS = 1024;
export const POLICY_NEIGH_SUPPRESS = 2048;
/** It has several destinations, between which frames do not pass; not an operator's word either. */
export const POLICY_MANY_ENDS = 4096;

export function policyBits(policy: PortPolicy): number {
  const { isolated, learning, flood, bcastFlood, mcastFlood, locked, sticky, neighSuppress, clampMss } =
    policy;
  const { policingKbitPerSecond, policingKpktsPerSecond, stormFramesPerSecond } = policy;
  return (
    (isolated ? POLICY_ISOLATED : 0) |
    (learning ? 0 : POLICY_NO_LEARNING) |
    (flood ? 0 : POLICY_NO_FLOOD) |
    (bcastFlood ? 0 : POLICY_NO_BCAST_FLOOD) |
    (mcastFlood ? 0 : POLICY_NO_MCAST_FLOOD) |
    (locked ? POLICY_LOCKED : 0) |
    (sticky ? POLICY_STICKY : 0) |
    (neighSuppress ? POLICY_NEIGH_SUPPRESS : 0) |
    (clampMss ? POLICY_CLAMP_MSS : 0) |
    (policingKbitPerSecond > 0 || policingKpktsPerSecond > 0 ? POLICY_POLICED : 0) |
    (stormFramesPerSecond > 0 ? POLICY_STORM_CONTROL : 0)
  );
}

/** What an FDB must know of the ports, by index. */
export interface PolicyTables {
  /** The bits above. */
  readonly portPolicy: Int32Array;
  /** Learnt addresses at most, 0 = as many as the bridge holds. */
  readonly portAddressesMax: Int32Array;
}

/** Where every port may do everything. */
export const OPEN_TABLES: PolicyTables = {
  portPolicy: new Int32Array(PORTS_MAX),
  portAddressesMax: new Int32Array(PORTS_MAX),
};
