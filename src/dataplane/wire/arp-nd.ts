// ARP (RFC 826) and neighbour discovery (RFC 4861): reads who says which address is his, and who asks for one; writes
// answers. Not for the path of other frames: of those it reads the type, and of IPv6 the next header.
import { complement, fold, sumOfWords } from "./checksum.ts";

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const HARDWARE_ETHERNET = 1;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ARP_BYTES = 28;
const IPV6_HEADER_BYTES = 40;
const PROTOCOL_ICMPV6 = 58;
const HOP_LIMIT = 255;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const ND_BYTES = 24;
const FLAG_ROUTER = 0x80;
const FLAG_SOLICITED = 0x40;
const FLAG_OVERRIDE = 0x20;
const OPTION_SOURCE_LINK = 1;
const OPTION_TARGET_LINK = 2;
const OPTION_LINK_BYTES = 8;

/** The most that an answer fills: Ethernet with one tag, IPv6, an advertisement with its option. */
export const NEIGHBOUR_ANSWER_BYTES = 14 + 4 + IPV6_HEADER_BYTES + ND_BYTES + OPTION_LINK_BYTES;

export const NO_MESSAGE = 0;
export const ARP = 4;
export const ND = 6;

/** What a message says; offsets are bytes in the arena, 0 = nothing of the kind. */
export interface NeighbourMessage {
  kind: typeof NO_MESSAGE | typeof ARP | typeof ND;
  /** The address that its sender has, and says so by his own hardware address. */
  ownedAt: number;
  /** Whether that address's whole state is told: else (a solicitation) not whether it is a router's. */
  tellsAll: boolean;
  isRouter: boolean;
  /** The address that is asked for; not in a probe whether somebody has it, which only who has it may answer. */
  askedAt: number;
}

export interface NeighbourReader {
  /** The last message read. */
  readonly message: NeighbourMessage;
  /** Reads a frame that has been inspected (no lengths that lie); `headerBytes` as ethernetHeader has them. */
  read(offset: number, length: number, headerBytes: number): NeighbourMessage["kind"];
}

/** Reads messages in `view`, each into the same object. */
export function createNeighbourReader(view: DataView): NeighbourReader {
  const message: NeighbourMessage = {
    kind: NO_MESSAGE,
    ownedAt: 0,
    tellsAll: false,
    isRouter: false,
    askedAt: 0,
  };

  function read(offset: number, length: number, headerBytes: number): NeighbourMessage["kind"] {
    message.kind = NO_MESSAGE;
    message.ownedAt = 0;
    message.askedAt = 0;
    const packet = offset + headerBytes;
    const type = view.getUint16(packet - 2);
    if (type === ETHERTYPE_ARP) readArp(offset, packet, length - headerBytes);
    else if (type === ETHERTYPE_IPV6 && view.getUint8(packet + 6) === PROTOCOL_ICMPV6) readNd(offset, packet);
    return message.kind;
  }

  function readArp(frame: number, arp: number, bytes: number): void {
    if (bytes < ARP_BYTES || view.getUint16(arp) !== HARDWARE_ETHERNET) return;
    if (view.getUint16(arp + 2) !== ETHERTYPE_IPV4 || view.getUint16(arp + 4) !== 0x0604) return;
    const operation = view.getUint16(arp + 6);
    if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return;
    const [sender, target] = [arp + 14, arp + 24];
    message.kind = ARP;
    message.tellsAll = true;
    message.isRouter = false;
    const isProbe = view.getUint8(sender) === 0;
    if (isProbe || view.getUint8(sender) >= 224 || !isSource(frame, arp + 8)) return;
    message.ownedAt = sender;
    const isAnnouncement = view.getInt32(sender) === view.getInt32(target);
    if (operation === ARP_REQUEST && !isAnnouncement) message.askedAt = target;
  }

  function readNd(frame: number, ip: number): void {
    const bytes = view.getUint16(ip + 4);
    const icmp = ip + IPV6_HEADER_BYTES;
    if (bytes < ND_BYTES || view.getUint8(ip + 7) !== HOP_LIMIT || view.getUint8(icmp + 1) !== 0) return;
    const type = view.getUint8(icmp);
    if (type !== SOLICITATION && type !== ADVERTISEMENT) return;
    if (fold(sumOfWords(view, icmp, bytes, pseudoHeaderSum(view, ip, bytes))) !== 0xffff) return;
    const [source, target] = [ip + 8, icmp + 8];
    message.kind = ND;
    message.tellsAll = type === ADVERTISEMENT;
    message.isRouter = message.tellsAll && (view.getUint8(icmp + 4) & FLAG_ROUTER) !== 0;
    const link = linkAt(icmp, bytes, message.tellsAll ? OPTION_TARGET_LINK : OPTION_SOURCE_LINK);
    if (link === 0 || !isSource(frame, link)) return;
    if (message.tellsAll) message.ownedAt = isHost(target) ? target : 0;
    else if (isHost(source)) {
      message.ownedAt = source;
      if (isHost(target) && !isSame(source, target)) message.askedAt = target;
    }
  }

  /** The hardware address in an option of this kind; 0 if there is none, or an option is malformed. */
  function linkAt(icmp: number, bytes: number, kind: number): number {
    for (let at = ND_BYTES; at + OPTION_LINK_BYTES <= bytes; ) {
      const optionBytes = view.getUint8(icmp + at + 1) << 3;
      if (optionBytes === 0) return 0;
      if (view.getUint8(icmp + at) === kind && optionBytes === OPTION_LINK_BYTES) return icmp + at + 2;
      at += optionBytes;
    }
    return 0;
  }

  /** Whether a hardware address is the one that the frame came from, which the FDB knows: nobody speaks for another. */
  function isSource(frame: number, mac: number): boolean {
    return (
      view.getInt32(mac) === view.getInt32(frame + 6) && view.getInt16(mac + 4) === view.getInt16(frame + 10)
    );
  }

  /** An IPv6 address that is neither a group's nor unspecified. */
  function isHost(ip: number): boolean {
    const words = view.getInt32(ip) | view.getInt32(ip + 4) | view.getInt32(ip + 8) | view.getInt32(ip + 12);
    return view.getUint8(ip) !== 0xff && words !== 0;
  }

  function isSame(ip: number, other: number): boolean {
    for (let byte = 0; byte < 16; byte += 4)
      if (view.getInt32(ip + byte) !== view.getInt32(other + byte)) return false;
    return true;
  }

  return { message, read };
}

/**
 * Writes the ARP reply to a request (from its ARP header on) to `to`: what it asks for, `mac` has. Returns its bytes. `mac`
 * is the offset of a hardware address.
 */
export function writeArpReply(view: DataView, request: number, mac: number, to: number): number {
  copy(view, request, to, 6);
  view.setUint16(to + 6, ARP_REPLY);
  copy(view, mac, to + 8, 6);
  copy(view, request + 24, to + 14, 4);
  copy(view, request + 8, to + 18, 10);
  return ARP_BYTES;
}

/** The same of a solicitation, from its IPv6 header on: an advertisement as the owner would send it. */
export function writeAdvertisement(
  view: DataView,
  request: number,
  mac: number,
  isRouter: boolean,
  to: number,
): number {
  const target = request + IPV6_HEADER_BYTES + 8;
  const icmp = to + IPV6_HEADER_BYTES;
  const bytes = ND_BYTES + OPTION_LINK_BYTES;
  view.setUint32(to, 6 << 28);
  view.setUint32(to + 4, (bytes << 16) | (PROTOCOL_ICMPV6 << 8) | HOP_LIMIT);
  copy(view, target, to + 8, 16);
  copy(view, request + 8, to + 24, 16);
  view.setUint32(icmp, ADVERTISEMENT << 24);
  view.setUint32(icmp + 4, ((isRouter ? FLAG_ROUTER : 0) | FLAG_SOLICITED | FLAG_OVERRIDE) << 24);
  copy(view, target, icmp + 8, 16);
  view.setUint16(icmp + ND_BYTES, (OPTION_TARGET_LINK << 8) | 1);
  copy(view, mac, icmp + ND_BYTES + 2, 6);
  view.setUint16(icmp + 2, complement(sumOfWords(view, icmp, bytes, pseudoHeaderSum(view, to, bytes))));
  return IPV6_HEADER_BYTES + bytes;
}

function pseudoHeaderSum(view: DataView, ip: number, bytes: number): number {
  return sumOfWords(view, ip + 8, 32, bytes + PROTOCOL_ICMPV6);
}

function copy(view: DataView, from: number, to: number, bytes: number): void {
  for (let byte = 0; byte < bytes; byte++) view.setUint8(to + byte, view.getUint8(from + byte));
}
