// Who sent a datagram that no port took.
import { formatAddress } from "../address.ts";
import { UNDERLAY_PORT } from "../counters.ts";

/** The address in text; null where a port is known, and its VTEP is the sender. */
export function senderText(port: number, words: Int32Array): string | null {
  return port === UNDERLAY_PORT ? formatAddress(words) : null;
}
