// IP addresses as the shared tables hold them: four words in wire order, IPv4 mapped into IPv6 (RFC 4291 2.5.5.2).
import ipaddr from "ipaddr.js";

/** Of an IPv4 address that stand in front of it. */
const MAPPED_BITS = 96;

export interface Address {
  readonly ipv6: boolean;
  /** Four words, wire order in memory. */
  readonly words: Int32Array;
}

/** Parses an IPv4 or IPv6 address; throws on anything else. */
export function parseAddress(text: string): Address {
  const parsed = ipaddr.parse(text);
  const ipv6 = parsed.kind() === "ipv6";
  const bytes = ipv6 ? parsed.toByteArray() : (parsed as ipaddr.IPv4).toIPv4MappedAddress().toByteArray();
  return { ipv6, words: new Int32Array(Uint8Array.from(bytes).buffer) };
}

/** `192.168.0.103/24` as address and prefix length; throws on anything else. */
export function parsePrefix(text: string): { address: Address; prefixLength: number } {
  const [address, prefixLength] = ipaddr.parseCIDR(text);
  return { address: parseAddress(address.toString()), prefixLength };
}

/** The text of four words: `192.168.0.103` or `fd00::103`. */
export function formatAddress(words: Int32Array): string {
  const bytes = new Uint8Array(words.slice().buffer);
  return ipaddr.process(ipaddr.fromByteArray(Array.from(bytes)).toString()).toString();
}

/** Whether an address lies in a network such as `10.122.0.0/16`. */
export function isWithin(words: Int32Array, network: string): boolean {
  const { address, prefixLength } = parsePrefix(network);
  const bits = prefixLength + (address.ipv6 ? 0 : MAPPED_BITS);
  const one = new Uint8Array(words.slice().buffer);
  const other = new Uint8Array(address.words.buffer);
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if ((one[bit >> 3] & mask) !== (other[bit >> 3] & mask)) return false;
  }
  return true;
}

/** The address that binds to every local one. */
export function wildcard(ipv6: boolean): Address {
  return parseAddress(ipv6 ? "::" : "0.0.0.0");
}
