// The entries of an FDB by the port that they were learnt at, oldest first: two links a slot, two ends a port. A part of
// the FDB's shared memory; fdb.ts alone uses it.

export const NONE = -1;

/** The words of each link of every slot, of each end of every port. */
export interface PortListsMemory {
  readonly older: Int32Array;
  readonly newer: Int32Array;
  readonly oldest: Int32Array;
  readonly newest: Int32Array;
  readonly perPort: Int32Array;
  /** One word: one above the highest port that ever learnt here, which is how far a search over the ports has to go. */
  readonly portsEnd: Int32Array;
}

export class PortLists {
  private readonly older: Int32Array;
  private readonly newer: Int32Array;
  private readonly oldest: Int32Array;
  private readonly newest: Int32Array;
  private readonly perPort: Int32Array;
  private readonly end: Int32Array;

  constructor(memory: PortListsMemory) {
    this.older = memory.older;
    this.newer = memory.newer;
    this.oldest = memory.oldest;
    this.newest = memory.newest;
    this.perPort = memory.perPort;
    this.end = memory.portsEnd;
  }

  get portsEnd(): number {
    return this.end[0];
  }

  /** Slot of the entry that a port has not seen for longest, or NONE. */
  oldestOf(port: number): number {
    return this.oldest[port];
  }

  countOf(port: number): number {
    return this.perPort[port];
  }

  /** The port that holds the most, the lowest of several. */
  fullest(): number {
    let fullest = 0;
    for (let port = 1; port < this.portsEnd; port++) {
      if (this.perPort[port] > this.perPort[fullest]) fullest = port;
    }
    return fullest;
  }

  /** Puts a slot at the young end of its port's list. */
  link(slot: number, port: number): void {
    const newest = this.newest[port];
    this.older[slot] = newest;
    this.newer[slot] = NONE;
    this.newest[port] = slot;
    if (newest === NONE) this.oldest[port] = slot;
    else this.newer[newest] = slot;
    this.perPort[port]++;
    if (port >= this.portsEnd) this.end[0] = port + 1;
  }

  unlink(slot: number, port: number): void {
    this.join(slot, port, this.newer[slot], this.older[slot]);
    this.perPort[port]--;
  }

  /** The entry of a slot moved to another one; its place in the list stays. */
  move(from: number, to: number, port: number): void {
    this.older[to] = this.older[from];
    this.newer[to] = this.newer[from];
    this.join(from, port, to, to);
  }

  clear(): void {
    this.oldest.fill(NONE);
    this.newest.fill(NONE);
    this.perPort.fill(0);
  }

  /** The neighbours of a slot, or the ends of the list, point elsewhere: the older one to `newer`, the newer to `older`. */
  private join(slot: number, port: number, newer: number, older: number): void {
    const below = this.older[slot];
    const above = this.newer[slot];
    if (below === NONE) this.oldest[port] = newer;
    else this.newer[below] = newer;
    if (above === NONE) this.newest[port] = older;
    else this.older[above] = older;
  }
}
