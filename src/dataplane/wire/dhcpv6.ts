// DHCPv6 (RFC 8415) as far as it tells which address a host has: a server's REPLY says which ones are lent to whom it is sent.
// What relays pass on to each other is left out: the last one sends the client a REPLY. Strict: what is odd is not believed.

const REPLY = 7;
const HEADER_BYTES = 4;
const OPTION_HEADER_BYTES = 4;
const OPTION_IA_NA = 3;
const OPTION_IAADDR = 5;
const OPTION_STATUS_CODE = 13;
const IA_NA_BYTES = 12;
const IAADDR_BYTES = 24;
const VALID_LIFETIME_AT = 20;
const SUCCESS = 0;

/** Options from `at` to `end`, up to the first that does not fit, which makes them all void. */
interface Options {
  readonly isWhole: boolean;
  readonly isSuccess: boolean;
  /** Where the data of each IA_NA or IAADDR begins and ends. */
  readonly wanted: readonly { readonly at: number; readonly end: number }[];
}

/**
 * Reads the payload of a UDP datagram to a client: where the address stands that it is lent, the first of several. 0 if it is no
 * REPLY, tells of none or of a failure, or is malformed.
 */
export function readDhcpv6(view: DataView, offset: number, bytes: number): number {
  if (bytes < HEADER_BYTES || view.getUint8(offset) !== REPLY) return 0;
  const reply = readOptions(view, offset + HEADER_BYTES, offset + bytes, OPTION_IA_NA);
  if (!reply.isWhole || !reply.isSuccess) return 0;
  for (const association of reply.wanted) {
    const leases = readOptions(view, association.at + IA_NA_BYTES, association.end, OPTION_IAADDR);
    if (!leases.isWhole) return 0;
    if (!leases.isSuccess) continue;
    for (const { at, end } of leases.wanted) {
      const { isWhole, isSuccess } = readOptions(view, at + IAADDR_BYTES, end, OPTION_IAADDR);
      if (!isWhole) return 0;
      // A lifetime of 0 takes an address back.
      if (isSuccess && view.getUint32(at + VALID_LIFETIME_AT) !== 0 && isHost(view, at)) return at;
    }
  }
  return 0;
}

/** Collects the options of a code. They are not whole if they begin behind their end: what they stand in is too short. */
function readOptions(view: DataView, from: number, end: number, code: number): Options {
  const wanted: { at: number; end: number }[] = [];
  let isSuccess = true;
  let at = from;
  while (at + OPTION_HEADER_BYTES <= end) {
    const option = view.getUint16(at);
    const bytes = view.getUint16(at + 2);
    const data = at + OPTION_HEADER_BYTES;
    at = data + bytes;
    if (at > end) break;
    if (option === code) wanted.push({ at: data, end: at });
    if (option === OPTION_STATUS_CODE) isSuccess &&= bytes >= 2 && view.getUint16(data) === SUCCESS;
  }
  return { isWhole: at === end, isSuccess, wanted };
}

/** Neither a group's address nor one of those that begin with zeros: unspecified, loopback, IPv4 in disguise. */
function isHost(view: DataView, at: number): boolean {
  const first = view.getUint8(at);
  return first !== 0 && first !== 0xff;
}
