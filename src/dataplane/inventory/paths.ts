// The paths of the destinations: how frames reach them past the UDP sockets. As long as the kernel knows the next hop, a
// destination's row holds its outer headers and the exits of the device that leads there. Whatever is missing (an old
// kernel, a privilege, a neighbour), its frames take the sockets, which also make the kernel look for the neighbour.
import type { Address } from "../address.ts";
import {
  DESTINATION_PATH,
  DESTINATION_PATH_A,
  DESTINATION_PATH_B,
  DESTINATION_SHIFT,
  PATH_HEADER,
  PATH_HEADER_BYTES,
  PATH_TRAINS,
  PATH_TUNNEL,
  PATH_WORDS,
} from "../destinations.ts";
import type { NextHop } from "../io/next-hop.ts";
import { DESTINATIONS_MAX } from "../limits.ts";
import { OUTER_BYTES_MAX, writeOuterHeader } from "../wire/outer-header.ts";
import { Exits, type ExitsStatus } from "./exits.ts";

/** To whom the frames of a destination go. */
export interface PathEnd {
  readonly remote: Address;
  readonly udpPort: number;
  readonly vni: number;
  readonly ttl: number;
  readonly tos: number;
}

/** What paths need of Exits; tests have others. */
export type PathExits = Pick<Exits, "acquire" | "sweep" | "closeAll" | "trains" | "tunnels">;

export class Paths {
  private readonly exits: PathExits;
  private readonly destinations: Int32Array;
  private readonly enabled: boolean;
  /** Which path of a destination was last in use: a thread may be reading it still. */
  private readonly latest = new Int32Array(DESTINATIONS_MAX).fill(DESTINATION_PATH_B);
  private readonly ifindexes = new Map<number, number>();
  private readonly built = new Int32Array(PATH_WORDS);

  constructor(destinations: Int32Array, enabled: boolean, exits: PathExits = new Exits()) {
    this.destinations = destinations;
    this.exits = exits;
    this.enabled = enabled;
  }

  /** Brings a destination's path up to date. */
  set(destination: number, hop: NextHop | null, end: PathEnd): void {
    if (!this.build(hop, end)) {
      this.forget(destination);
      return;
    }
    this.ifindexes.set(destination, hop.ifindex);
    const row = destination << DESTINATION_SHIFT;
    const inUse = this.destinations[row + DESTINATION_PATH];
    if (inUse !== 0 && this.holdsBuilt(row + inUse)) return;
    const next = DESTINATION_PATH_A + DESTINATION_PATH_B - this.latest[destination];
    this.destinations.set(this.built, row + next);
    this.latest[destination] = next;
    Atomics.store(this.destinations, row + DESTINATION_PATH, next);
  }

  /** From now on this destination's frames take the sockets. */
  forget(destination: number): void {
    this.ifindexes.delete(destination);
    Atomics.store(this.destinations, (destination << DESTINATION_SHIFT) + DESTINATION_PATH, 0);
  }

  /** From time to time: closes what no path needs any more. */
  sweep(): void {
    this.exits.sweep(new Set(this.ifindexes.values()));
  }

  /** In a sentence, how frames leave, and why so. */
  describe(): string {
    if (!this.enabled) return "sent by UDP sockets, as configured, super-frames cut";
    const { trains, tunnels } = this.exits;
    return `sent ${inTrains(trains)}, ${superFrames(tunnels)}`;
  }

  closeAll(): void {
    this.exits.closeAll();
  }

  /** Builds the path by a next hop; false if there is none that frames could take. */
  private build(hop: NextHop | null, end: PathEnd): hop is NextHop {
    if (!this.enabled || !hop?.remoteMac || !hop.isUp || !hop.isEthernet) return false;
    const { trainsFd, tunnelFd } = this.exits.acquire(hop.ifindex);
    if (trainsFd < 0 && tunnelFd < 0) return false;
    const { built } = this;
    const { remoteMac, localMac, source } = hop;
    const header = new Uint8Array(built.buffer, PATH_HEADER * Int32Array.BYTES_PER_ELEMENT, OUTER_BYTES_MAX);
    built[PATH_TUNNEL] = tunnelFd + 1;
    built[PATH_TRAINS] = trainsFd + 1;
    built[PATH_HEADER_BYTES] = writeOuterHeader(header, { ...end, remoteMac, localMac, source });
    return true;
  }

  private holdsBuilt(at: number): boolean {
    return this.built.every((word, i) => this.destinations[at + i] === word);
  }
}

function inTrains({ refusal, openCount }: ExitsStatus): string {
  if (openCount > 0) return "in trains by packet sockets";
  return refusal !== ""
    ? `in trains by UDP sockets (no packet socket: ${refusal})`
    : "in trains by UDP sockets";
}

function superFrames({ refusal, openCount }: ExitsStatus): string {
  if (refusal !== "") return `super-frames cut, for there is no tunnel TAP (${refusal})`;
  return openCount > 0 ? "super-frames whole by a tunnel TAP" : "super-frames cut until a next hop is known";
}
