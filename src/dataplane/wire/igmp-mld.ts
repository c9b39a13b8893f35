// IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810) as a switch overhears them: who listens to a group, who no longer does, and
// who asks for that, being a multicast router; such a one PIM (RFC 7761) tells of as well. Reads alone, and only what hosts and
// routers of the link have said themselves (TTL 1, a right checksum).
import { fold, sumOfWords } from "./checksum.ts";

const PROTOCOL_HOP_BY_HOP = 0;
const PROTOCOL_IGMP = 2;
const PROTOCOL_ICMPV6 = 58;
const PROTOCOL_PIM = 103;
/** "More fragments" and the fragment offset (RFC 791 section 3.1). */
const FRAGMENT_MASK = 0x3fff;
const IPV6_HEADER_BYTES = 40;
const HEADER_BYTES = 8;
const LINK_TTL = 1;

const IGMP_QUERY = 0x11;
const IGMPV1_REPORT = 0x12;
const IGMPV2_REPORT = 0x16;
const IGMPV2_LEAVE = 0x17;
const IGMPV3_REPORT = 0x22;
const MLD_QUERY = 130;
const MLDV1_REPORT = 131;
const MLDV1_DONE = 132;
const MLDV2_REPORT = 143;
const MLDV1_BYTES = 24;
/** Version 2, type 0. */
const PIM_HELLO = 0x20;

/** Types of a record (RFC 3376 section 4.2.12): listens to some senders alone, or to all but some; allows more, or fewer. */
const MODE_IS_INCLUDE = 1;
const CHANGE_TO_INCLUDE = 3;
const BLOCK_OLD_SOURCES = 6;

export const NO_MESSAGE = 0;
/** Of a host, for routers. */
export const REPORT = 1;
/** Of a router, for all. */
export const QUERY = 2;
export type MembershipMessage = typeof NO_MESSAGE | typeof REPORT | typeof QUERY;

/** What is told of whoever sent a message. */
export interface MembershipHearer {
  /** He listens to the group whose address is at this offset. */
  joins(groupAt: number): void;
  leaves(groupAt: number): void;
  isRouter(): void;
}

export interface MembershipReader {
  /** Reads a packet that has been inspected (no lengths that lie), from its IP header on. */
  readIpv4(ip: number): MembershipMessage;
  readIpv6(ip: number): MembershipMessage;
}

export function createMembershipReader(view: DataView, hearer: MembershipHearer): MembershipReader {
  function readIpv4(ip: number): MembershipMessage {
    const protocol = view.getUint8(ip + 9);
    if (protocol !== PROTOCOL_IGMP && protocol !== PROTOCOL_PIM) return NO_MESSAGE;
    const headerBytes = (view.getUint8(ip) & 15) << 2;
    const [at, bytes] = [ip + headerBytes, view.getUint16(ip + 2) - headerBytes];
    const isFragment = (view.getUint16(ip + 6) & FRAGMENT_MASK) !== 0;
    if (view.getUint8(ip + 8) !== LINK_TTL || isFragment || !isRight(at, bytes, 0)) return NO_MESSAGE;
    return protocol === PROTOCOL_PIM ? readPim(at) : readIgmp(at, bytes, view.getInt32(ip + 12) !== 0);
  }

  /** `isNamed`: the sender has an address; who asks without one is no router (RFC 4541 section 2.1.1). */
  function readIgmp(at: number, bytes: number, isNamed: boolean): MembershipMessage {
    switch (view.getUint8(at)) {
      case IGMP_QUERY:
        if (isNamed) hearer.isRouter();
        return QUERY;
      case IGMPV1_REPORT:
      case IGMPV2_REPORT:
        hearer.joins(at + 4);
        return REPORT;
      case IGMPV2_LEAVE:
        hearer.leaves(at + 4);
        return REPORT;
      case IGMPV3_REPORT:
        readRecords(at, bytes, 4);
        return REPORT;
      default:
        return NO_MESSAGE;
    }
  }

  function readIpv6(ip: number): MembershipMessage {
    let protocol = view.getUint8(ip + 6);
    if (protocol !== PROTOCOL_HOP_BY_HOP && protocol !== PROTOCOL_PIM) return NO_MESSAGE;
    let at = ip + IPV6_HEADER_BYTES;
    let bytes = view.getUint16(ip + 4);
    // MLD always comes with the router alert option (RFC 3810 section 5).
    if (protocol === PROTOCOL_HOP_BY_HOP) {
      if (bytes < HEADER_BYTES) return NO_MESSAGE;
      protocol = view.getUint8(at);
      const optionsBytes = (view.getUint8(at + 1) + 1) << 3;
      at += optionsBytes;
      bytes -= optionsBytes;
    }
    const isKnown = protocol === PROTOCOL_ICMPV6 || protocol === PROTOCOL_PIM;
    if (!isKnown || view.getUint8(ip + 7) !== LINK_TTL || bytes < HEADER_BYTES) return NO_MESSAGE;
    if (!isRight(at, bytes, sumOfWords(view, ip + 8, 32, bytes + protocol))) return NO_MESSAGE;
    return protocol === PROTOCOL_PIM ? readPim(at) : readMld(at, bytes, view.getInt32(ip + 8) !== 0);
  }

  function readMld(at: number, bytes: number, isNamed: boolean): MembershipMessage {
    const type = view.getUint8(at);
    if (type === MLDV2_REPORT) {
      readRecords(at, bytes, 16);
      return REPORT;
    }
    if (bytes < MLDV1_BYTES) return NO_MESSAGE;
    switch (type) {
      case MLD_QUERY:
        if (isNamed) hearer.isRouter();
        return QUERY;
      case MLDV1_REPORT:
        hearer.joins(at + 8);
        return REPORT;
      case MLDV1_DONE:
        hearer.leaves(at + 8);
        return REPORT;
      default:
        return NO_MESSAGE;
    }
  }

  /** The records of an IGMPv3 or MLDv2 report, as far as they are within it. */
  function readRecords(at: number, bytes: number, addressBytes: number): void {
    const end = at + bytes;
    let record = at + HEADER_BYTES;
    for (let left = view.getUint16(at + 6); left > 0 && record + 4 + addressBytes <= end; left--) {
      const sources = view.getUint16(record + 2);
      const next = record + 4 + (sources + 1) * addressBytes + view.getUint8(record + 1) * 4;
      if (next > end) return;
      readRecord(view.getUint8(record), sources, record + 4);
      record = next;
    }
  }

  /** Who listens to no sender has left; who blocks some may still listen to others. */
  function readRecord(type: number, sources: number, groupAt: number): void {
    if (type < MODE_IS_INCLUDE || type >= BLOCK_OLD_SOURCES) return;
    if ((type === MODE_IS_INCLUDE || type === CHANGE_TO_INCLUDE) && sources === 0) hearer.leaves(groupAt);
    else hearer.joins(groupAt);
  }

  function readPim(at: number): MembershipMessage {
    if (view.getUint8(at) !== PIM_HELLO) return NO_MESSAGE;
    hearer.isRouter();
    return QUERY;
  }

  function isRight(at: number, bytes: number, sum: number): boolean {
    return bytes >= HEADER_BYTES && fold(sumOfWords(view, at, bytes, sum)) === 0xffff;
  }

  return { readIpv4, readIpv6 };
}
