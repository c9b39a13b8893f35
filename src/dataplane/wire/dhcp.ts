// DHCP (RFC 2131) as far as it tells which address a host has and what it is called: a server's ACK says who has which
// address, a client's own messages say its name and the address that it uses. Strict: what is odd is not believed.

const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const HARDWARE_ETHERNET = 1;
const MAGIC_COOKIE = 0x63825363;
const OPTIONS_AT = 240;
const OPTION_PAD = 0;
const OPTION_HOST_NAME = 12;
const OPTION_MESSAGE_TYPE = 53;
const OPTION_END = 255;
const REQUEST = 3;
const ACK = 5;

export interface DhcpMessage {
  /** By the server; else by the client itself. */
  readonly isAck: boolean;
  readonly macHigh: number;
  readonly macLow: number;
  /** The address that the client has, as an integer; 0 = not told. */
  readonly address: number;
  /** null = not told. */
  readonly hostName: string | null;
}

/** Reads the payload of a UDP datagram; null if it is no REQUEST or ACK, or malformed. */
export function readDhcp(view: DataView, offset: number, bytes: number): DhcpMessage | null {
  if (bytes < OPTIONS_AT || view.getUint32(offset + 236) !== MAGIC_COOKIE) return null;
  if (view.getUint8(offset + 1) !== HARDWARE_ETHERNET || view.getUint8(offset + 2) !== 6) return null;
  const options = readOptions(view, offset + OPTIONS_AT, offset + bytes);
  const operation = view.getUint8(offset);
  const isAck = operation === BOOTREPLY && options?.type === ACK;
  if (options === null || !(isAck || (operation === BOOTREQUEST && options.type === REQUEST))) return null;
  const used = view.getUint32(offset + 12);
  const address = (isAck && view.getUint32(offset + 16)) || used;
  return {
    isAck,
    macHigh: view.getUint16(offset + 28),
    macLow: view.getInt32(offset + 30),
    address: isUnicast(address) ? address : 0,
    hostName: isAck ? null : options.hostName,
  };
}

/** Up to the end option, without which a message that is cut off looks whole; null if one does not fit. */
function readOptions(view: DataView, from: number, end: number) {
  let type = 0;
  let hostName: string | null = null;
  for (let at = from; at < end; ) {
    const option = view.getUint8(at);
    if (option === OPTION_END) return { type, hostName };
    if (option === OPTION_PAD) {
      at++;
      continue;
    }
    if (at + 2 > end) return null;
    const bytes = view.getUint8(at + 1);
    if (at + 2 + bytes > end) return null;
    if (option === OPTION_MESSAGE_TYPE && bytes === 1) type = view.getUint8(at + 2);
    if (option === OPTION_HOST_NAME) hostName = readName(view, at + 2, bytes);
    at += 2 + bytes;
  }
  return null;
}

/** A name as host names may be (RFC 1123 section 2.1); null if it is another. */
function readName(view: DataView, offset: number, bytes: number): string | null {
  let name = "";
  for (let byte = 0; byte < bytes; byte++) name += String.fromCharCode(view.getUint8(offset + byte));
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/.test(name) ? name : null;
}

function isUnicast(address: number): boolean {
  return address >>> 24 !== 0 && address >>> 24 !== 127 && address >>> 28 < 14;
}
