// IP addresses as the shared tables hold them: four words in wire order, IPv4 mapped into IPv6 (RFC 4291 2.5.5.2).
import ipaddr from "ipaddr.js";

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

/** The address that binds to every local one. */
export function wildcard(ipv6: boolean): Address {
  return parseAddress(ipv6 ? "::" : "0.0.0.0");
}
