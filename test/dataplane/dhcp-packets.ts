// Builds DHCP messages byte by byte, apart from the code under test.
import { BROADCAST, frame, onesSum } from "./packets.ts";

export interface DhcpOptions {
  readonly from: string;
  readonly to?: string;
  /** 1 = from the client, 2 = from the server. */
  readonly operation: 1 | 2;
  /** 3 = REQUEST, 5 = ACK. */
  readonly type: number;
  /** Whom it is about. */
  readonly client: string;
  readonly used?: string;
  readonly given?: string;
  readonly name?: string;
  /** Of the options, in place of those that follow from the above. */
  readonly options?: Buffer;
}

export function dhcp({ from, to = BROADCAST, operation, type, client, ...rest }: DhcpOptions): Buffer {
  const { used = "0.0.0.0", given = "0.0.0.0", name = "" } = rest;
  const bootp = Buffer.alloc(240);
  bootp.set([operation, 1, 6, 0]);
  bootp.set(ip(used), 12);
  bootp.set(ip(given), 16);
  bootp.set(Buffer.from(client.replaceAll(":", ""), "hex"), 28);
  bootp.writeUInt32BE(0x63825363, 236);
  const named = name === "" ? [] : [12, name.length, ...Buffer.from(name)];
  const options = rest.options ?? Buffer.from([53, 1, type, 0, ...named, 255]);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(operation === 1 ? 68 : 67, 0);
  udp.writeUInt16BE(operation === 1 ? 67 : 68, 2);
  udp.writeUInt16BE(8 + 240 + options.length, 4);
  const header = Buffer.alloc(20);
  header.set([0x45, 0]);
  header.writeUInt16BE(20 + 8 + 240 + options.length, 2);
  header.set([64, 17], 8);
  header.set(ip(operation === 1 ? used : "192.168.0.254"), 12);
  header.set(ip("255.255.255.255"), 16);
  const sum = onesSum(header);
  const folded = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(0xffff - ((folded & 0xffff) + (folded >>> 16)), 10);
  return frame({ from, to, type: 0x0800, payload: Buffer.concat([header, udp, bootp, options]) });
}

function ip(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}
