// What rules ask of a VXLAN datagram, whichever tool printed them: addresses, ports, devices, connection tracking. Pure.
import { BlockList, isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { Datagram, Match, Verdict } from "./model.ts";

export type Side = "saddr" | "daddr";

/** Inclusive. */
export type Range<T> = readonly [T, T];

/** An address, a prefix or a range of them. */
export type AddressEntry =
  | { readonly address: string }
  | { readonly address: string; readonly length: number }
  | { readonly range: Range<string> };

/** An address as it is always written. */
export function canonical(address: string): string {
  return ipaddr.parse(address).toString();
}

/**
 * Whether a list has an address, given as it is always written; null if an entry is none. Single addresses are looked up,
 * for of them there may be many thousands: those that were banned.
 */
export function addressList(entries: readonly AddressEntry[]): ((address: string) => boolean) | null {
  const singles = new Set<string>();
  const wider = new BlockList();
  try {
    for (const entry of entries) {
      if ("range" in entry) wider.addRange(...entry.range, familyName(entry.range[0]));
      else if ("length" in entry && !isWhole(entry))
        wider.addSubnet(entry.address, entry.length, familyName(entry.address));
      else singles.add(canonical(entry.address));
    }
  } catch {
    return null;
  }
  if (wider.rules.length === 0) return (address) => singles.has(address);
  return (address) => singles.has(address) || wider.check(address, familyName(address));
}

function isWhole({ address, length }: { address: string; length: number }): boolean {
  return length === (isIP(address) === 6 ? 128 : 32);
}

function familyName(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

export function isMulticast(address: string): boolean {
  return ipaddr.parse(address).range() === "multicast";
}

/** What the kernel's routes call an address of a datagram, in small letters. Of a group the address is always known. */
export function addressType(datagram: Datagram, side: Side): string {
  const address = datagram[side];
  if (address !== null && isMulticast(address)) return "multicast";
  const isOurs = (datagram.hook === "input") === (side === "daddr");
  return isOurs ? "local" : "unicast";
}

/** As of a packet that has come from elsewhere; null = not known. */
export function packetType({ hook, daddr }: Datagram): string | null {
  if (hook === "output") return null;
  return daddr !== null && isMulticast(daddr) ? "multicast" : "host";
}

/** The name of the device on this side, "" if there is none at this hook; null = not known. */
export function deviceName({ hook, device }: Datagram, direction: Datagram["hook"]): string | null {
  return hook === direction ? device : "";
}

/** Whether the route back to the sender leads by the device of arrival, as it does so far as our own routes tell. */
export const HAS_ROUTE_BACK: Match = ({ hook, device }) =>
  hook === "input" && device !== null ? "yes" : "unknown";

/**
 * What connection tracking may call a VXLAN datagram. Its source port is a hash of the inner flow, so nothing ever answers
 * to it and it stays new, unless a rule exempts it.
 */
export function ctStates(mayBeUntracked: boolean): readonly string[] {
  return mayBeUntracked ? ["new", "untracked"] : ["new"];
}

/** Targets of iptables that let a packet go on to the next rule. */
const NEUTRAL_TARGETS = new Set(
  (
    "AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DSCP ECN HL HMARK IDLETIMER LED LOG MARK NFLOG NOTRACK RATEEST " +
    "SECMARK SET TCPMSS TCPOPTSTRIP TEE TOS TRACE TTL ULOG"
  ).split(" "),
);

/** What becomes of a packet afterwards is not the ruleset's: it is rewritten, or a program has it. */
const LAST_TARGETS = new Set("ACCEPT DNAT MASQUERADE NETMAP NFQUEUE QUEUE REDIRECT SNAT".split(" "));

/** What a target that is no chain does; null = not known. */
export function targetVerdict(name: string): Verdict | null {
  if (name === "DROP") return { action: "drop" };
  if (name === "REJECT") return { action: "reject" };
  if (name === "RETURN") return { action: "return" };
  if (NEUTRAL_TARGETS.has(name)) return { action: "none" };
  return LAST_TARGETS.has(name) ? { action: "accept" } : null;
}
