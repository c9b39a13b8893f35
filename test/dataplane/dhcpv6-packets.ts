// Builds DHCPv6 messages byte by byte (RFC 8415 sections 8 and 21), apart from the code under test.
import ipaddr from "ipaddr.js";
import { ETHERTYPE_IPV6, fold, frame, onesSum } from "./packets.ts";

export interface Dhcpv6Options {
  readonly from: string;
  readonly to: string;
  /** 7 = REPLY. */
  readonly type?: number;
  /** Of the server, and of whom it sends to. */
  readonly ports?: readonly [number, number];
  readonly options: readonly Buffer[];
  readonly vlans?: readonly number[];
}

export function dhcpv6({
  from,
  to,
  type = 7,
  ports = [547, 546],
  options,
  vlans = [],
}: Dhcpv6Options): Buffer {
  const udp = Buffer.concat([Buffer.alloc(8), Buffer.from([type, 0x12, 0x34, 0x56]), ...options]);
  udp.writeUInt16BE(ports[0], 0);
  udp.writeUInt16BE(ports[1], 2);
  udp.writeUInt16BE(udp.length, 4);
  const ends = Buffer.concat([ip("fe80::fe"), ip("fe80::a")]);
  udp.writeUInt16BE(0xffff - fold(onesSum(ends) + udp.length + 17 + onesSum(udp)) || 0xffff, 6);
  const header = Buffer.from([0x60, 0, 0, 0, udp.length >> 8, udp.length & 255, 17, 64]);
  return frame({ from, to, vlans, type: ETHERTYPE_IPV6, payload: Buffer.concat([header, ends, udp]) });
}

export function option(code: number, ...data: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(data);
  return Buffer.concat([Buffer.from([0, code, bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** DUID-LL of a client or a server. */
export function duid(code: 1 | 2, mac: string): Buffer {
  return option(code, Buffer.from(`00030001${mac.replaceAll(":", "")}`, "hex"));
}

export function identityAssociation(...options: readonly Buffer[]): Buffer {
  return option(3, words(7, 1800, 2880), ...options);
}

export function lease(address: string, validSeconds = 7200, ...options: readonly Buffer[]): Buffer {
  return option(5, ip(address), words(3600, validSeconds), ...options);
}

export function status(code: number): Buffer {
  return option(13, Buffer.from([0, code]), Buffer.from("said so"));
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

function ip(text: string): Buffer {
  return Buffer.from(ipaddr.parse(text).toByteArray());
}
