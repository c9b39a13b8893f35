// IGMP and MLD snooping (RFC 4541), where a bridge has it on (mcast_snooping, as in Open vSwitch and bridge(8)): of the frames that
// are flooded anyway, those to a group that somebody has reported go only to the ports of its listeners and of routers.
// Reports go to routers alone, once there are some, for hosts that hear others report a group do not report it themselves.
import type { Bridge } from "../bridge.ts";
import * as counterLayout from "../counters.ts";
import { bridgeCounter } from "../counters.ts";
import * as layout from "../frames.ts";
import * as listenerLayout from "../listeners.ts";
import type { Tables } from "../tables.ts";
import * as messages from "../wire/igmp-mld.ts";
import { createMembershipReader } from "../wire/igmp-mld.ts";
import * as innerLayout from "./inner.ts";
import { createInnerReader } from "./inner.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { MCAST_EVICTED } = counterLayout;
const { FRAME_LENGTH, FRAME_OFFSET, FRAME_SOURCE_KEY, FRAME_TARGET_KEY, FRAME_TARGET_LOW } = layout;
const { QUERY, REPORT } = messages;
const { ROUTERS_IPV4, ROUTERS_IPV6 } = listenerLayout;
const { ETHERNET_HEADER_BYTES, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_TAG_BYTES } = innerLayout;

const IPV4_MAPPED = 0xffff;
const IPV4_TARGET = 16;
const IPV6_TARGET = 24;
/** Scopes of IPv6 groups up to this one are not routed (RFC 4291 section 2.7). */
const SCOPE_LINK = 2;

export interface SnoopStage {
  /** Learns from a frame that is about to be flooded; true if it is for some ports alone. */
  isNarrow(at: number, port: number, bridge: Bridge): boolean;
  /** Whether the last such frame is for a port. */
  isFor(port: number): boolean;
  setTime(nowSeconds: number): void;
}

export function createSnoop(tables: Tables, view: DataView): SnoopStage {
  const { frames, counters, listeners } = tables;
  const { ethernetHeader } = createInnerReader(tables, view);
  const { readIpv4, readIpv6 } = createMembershipReader(view, { joins, leaves, isRouter });
  const group = new Int32Array(4);
  /** Of the frame in hand. */
  let bridge = 0;
  let vlan = 0;
  let port = 0;
  let isIpv4 = true;
  let routers = ROUTERS_IPV4;
  let now = 0;

  function isNarrow(at: number, fromPort: number, { index }: Bridge): boolean {
    const offset = frames[at + FRAME_OFFSET];
    const headerBytes = ethernetHeader(offset, frames[at + FRAME_LENGTH]) & 0xffff;
    // With two tags it is flooded, for the FDB does not tell such stations apart by both.
    if (headerBytes > ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) return false;
    const ip = offset + headerBytes;
    if (!isIpGroup(at, view.getUint16(ip - 2))) return false;
    bridge = index;
    vlan = (frames[at + FRAME_SOURCE_KEY] >>> 16) & 0xfff;
    port = fromPort;
    routers = isIpv4 ? ROUTERS_IPV4 : ROUTERS_IPV6;
    const message = isIpv4 ? readIpv4(ip) : readIpv6(ip);
    if (message === QUERY) return false;
    if (message === REPORT) group.set(routers);
    else if (!takeGroup(ip + (isIpv4 ? IPV4_TARGET : IPV6_TARGET))) return false;
    return listeners.knows(bridge, group, vlan, now) && !listeners.isCrowded(bridge, routers, vlan, now);
  }

  function isFor(to: number): boolean {
    return (
      listeners.isListening(bridge, group, vlan, to, now) ||
      listeners.isListening(bridge, routers, vlan, to, now)
    );
  }

  /** Whether the MAC address is one that IP groups have (RFC 1112 section 6.4, RFC 2464 section 7), and which version's. */
  function isIpGroup(at: number, type: number): boolean {
    const high = frames[at + FRAME_TARGET_KEY] & 0xffff;
    isIpv4 = type === ETHERTYPE_IPV4;
    if (isIpv4) return high === 0x0100 && frames[at + FRAME_TARGET_LOW] >>> 24 === 0x5e;
    return type === ETHERTYPE_IPV6 && high === 0x3333;
  }

  /** Reads an address into `group`; false if it is none, or one of the link, which is flooded always. */
  function takeGroup(from: number): boolean {
    if (isIpv4) {
      group[0] = 0;
      group[1] = 0;
      group[2] = IPV4_MAPPED;
      group[3] = view.getInt32(from);
      return group[3] >>> 28 === 14 && group[3] >>> 8 !== 0xe00000;
    }
    for (let word = 0; word < 4; word++) group[word] = view.getInt32(from + word * 4);
    return group[0] >>> 24 === 0xff && ((group[0] >>> 16) & 15) > SCOPE_LINK;
  }

  function joins(groupAt: number): void {
    if (takeGroup(groupAt)) join(group);
  }

  function leaves(groupAt: number): void {
    if (takeGroup(groupAt)) listeners.leave(bridge, group, vlan, port, now);
  }

  function isRouter(): void {
    join(routers);
  }

  function join(joined: Int32Array): void {
    if (!listeners.join(bridge, joined, vlan, port, now)) counters[bridgeCounter(bridge) + MCAST_EVICTED]++;
  }

  return {
    isNarrow,
    isFor,
    setTime(nowSeconds) {
      now = nowSeconds;
    },
  };
}
