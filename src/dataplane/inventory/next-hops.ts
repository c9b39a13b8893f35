// The next hops of the destinations that are watched, as the kernel has them now. The kernel announces changes, but Node
// cannot wait for a raw descriptor, so the main thread looks ten times a second; whatever has changed, all are asked again.
// Destinations that share the way (local and remote address) share the question.
//
//    watch(destination, local, remote) … hop(destination), pathMtuBytes(destination) … unwatch(destination)
//
// A neighbour stays in the kernel's table as long as its sockets use it. Frames that leave past them do not count there, so
// for a neighbour in use the kernel is asked to look after it; a MAC that changed in silence is found out as by any socket.
import type { Address } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import type { NextHop, RouteKernel } from "../io/next-hop.ts";

/** About what it costs to ask for one way, and how many times that no look follows: however fast the kernel changes. */
const ASK_MS = 0.02;
const REST_FACTOR = 10;

interface Way {
  readonly local: Address;
  readonly remote: Address;
  readonly destinations: Set<number>;
  hop: NextHop | null;
  pathMtuBytes: number;
  /** Frames sent when last looked after. */
  sentFrames: number;
}

export class NextHops {
  /** How often a next hop changed: its device, an address, its neighbour found or lost. */
  changes = 0;
  private readonly kernel: RouteKernel;
  private readonly ways = new Map<string, Way>();
  private readonly byDestination = new Map<number, Way>();
  private readonly listeners: ((destination: number) => void)[] = [];
  private readonly reachListeners: ((remote: Address, isReached: boolean) => void)[] = [];
  private restUntilMs = 0;
  /** Whose turn it is to be asked again. */
  private turn = this.ways.values();

  constructor(kernel: RouteKernel) {
    this.kernel = kernel;
  }

  /** Asks for the way to a destination, and from now on whenever something has changed. Tells no listener. */
  watch(destination: number, local: Address, remote: Address): void {
    this.unwatch(destination);
    const key = `${local.words.join()} ${remote.words.join()}`;
    let way = this.ways.get(key);
    if (!way) {
      way = { local, remote, destinations: new Set(), hop: null, pathMtuBytes: 0, sentFrames: 0 };
      this.ways.set(key, way);
      this.ask(way);
    }
    way.destinations.add(destination);
    this.byDestination.set(destination, way);
  }

  unwatch(destination: number): void {
    const way = this.byDestination.get(destination);
    if (!way) return;
    this.byDestination.delete(destination);
    way.destinations.delete(destination);
    if (way.destinations.size > 0) return;
    for (const [key, other] of this.ways) if (other === way) this.ways.delete(key);
  }

  /** Null while the kernel has no route, or for a destination that is not watched. */
  hop(destination: number): NextHop | null {
    return this.byDestination.get(destination)?.hop ?? null;
  }

  /** 0 while the kernel has no route. */
  pathMtuBytes(destination: number): number {
    return this.byDestination.get(destination)?.pathMtuBytes ?? 0;
  }

  /** Calls back for each destination whose next hop or path MTU is another by now. */
  onChange(listener: (destination: number) => void): void {
    this.listeners.push(listener);
  }

  /** Calls back when the kernel finds a way to a remote that it had none to, or loses the one that it had. */
  onReach(listener: (remote: Address, isReached: boolean) => void): void {
    this.reachListeners.push(listener);
  }

  /** Asks again if the kernel has announced anything; a tenth of the time at most goes into that. */
  look(nowMs = monotonicMs()): void {
    if (nowMs < this.restUntilMs || !this.kernel.hasChanged()) return;
    this.restUntilMs = nowMs + this.ways.size * ASK_MS * REST_FACTOR;
    this.refresh();
  }

  /** Asks for every way again. */
  refresh(): void {
    for (const way of this.ways.values()) this.refreshWay(way);
  }

  /** Asks for some ways again, others at each call: for what the kernel announces to nobody. */
  refreshSome(count: number): void {
    for (let i = 0; i < count && i < this.ways.size; i++) {
      let next = this.turn.next();
      if (next.done) {
        this.turn = this.ways.values();
        next = this.turn.next();
      }
      if (!next.done) this.refreshWay(next.value);
    }
  }

  /** Has stale neighbours confirmed to whom frames were sent since the last call; `sentFrames` counts for a destination. */
  keepAlive(sentFrames: (destination: number) => number): void {
    for (const way of this.ways.values()) {
      let total = 0;
      for (const destination of way.destinations) total += sentFrames(destination);
      const isUsed = total !== way.sentFrames;
      way.sentFrames = total;
      if (isUsed && way.hop?.isStale) this.kernel.probe(way.hop);
    }
  }

  close(): void {
    this.kernel.close();
  }

  private refreshWay(way: Way): void {
    const wasReached = way.pathMtuBytes > 0;
    if (!this.ask(way)) return;
    const isReached = way.pathMtuBytes > 0;
    if (isReached !== wasReached) for (const listener of this.reachListeners) listener(way.remote, isReached);
    for (const destination of way.destinations) {
      for (const listener of this.listeners) listener(destination);
    }
  }

  /** True if the answer differs from the last one. */
  private ask(way: Way): boolean {
    const before = way.hop;
    const beforeMtuBytes = way.pathMtuBytes;
    way.hop = this.kernel.nextHop(way.local, way.remote);
    way.pathMtuBytes = this.kernel.pathMtuBytes(way.local, way.remote);
    const isOther = !isSame(before, way.hop);
    if (isOther) this.changes++;
    return isOther || way.pathMtuBytes !== beforeMtuBytes;
  }
}

/** Whether frames would leave alike; whether the neighbour is stale plays no part. */
function isSame(one: NextHop | null, other: NextHop | null): boolean {
  if (one === null || other === null) return one === other;
  return textOf(one) === textOf(other);
}

function textOf(hop: NextHop): string {
  const { ifindex, device, mtuBytes, isEthernet, isUp, source, neighbour, remoteMac, localMac } = hop;
  const link = [ifindex, device, mtuBytes, isEthernet, isUp];
  return [...link, source.words, neighbour, remoteMac, localMac].join(" ");
}
