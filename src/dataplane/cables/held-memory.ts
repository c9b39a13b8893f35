// Room for the bytes of held frames, which come and go in any order: a buddy allocator (Knuth, The Art of Computer
// Programming, section 2.5). A block of order n is 2^n units; it splits into two buddies, which join again when both are
// free. Lists of the free blocks of each order are threaded through two arrays, by a block's first unit.

const UNIT_SHIFT = 7;
const NONE = -1;
/** Added to the order of a block that is free. */
const FREE = 64;

export class HeldMemory {
  private readonly topOrder: number;
  /** Of the block that begins at a unit; NONE where none does. */
  private readonly orders: Int8Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /** By order, the first free block. */
  private readonly heads: Int32Array;

  /** `bytes` is a power of two. */
  constructor(bytes: number) {
    const units = bytes >> UNIT_SHIFT;
    this.topOrder = 31 - Math.clz32(units);
    this.orders = new Int8Array(units).fill(NONE);
    this.next = new Int32Array(units);
    this.previous = new Int32Array(units);
    this.heads = new Int32Array(this.topOrder + 1).fill(NONE);
    this.link(0, this.topOrder);
  }

  /** Offset of a block of at least so many bytes (one or more); -1 if there is none. */
  take(bytes: number): number {
    const wanted = 32 - Math.clz32((bytes - 1) >> UNIT_SHIFT);
    let order = wanted;
    while (order <= this.topOrder && this.heads[order] === NONE) order++;
    if (order > this.topOrder) return -1;
    const unit = this.heads[order];
    this.unlink(unit, order);
    while (order > wanted) {
      order--;
      this.link(unit + (1 << order), order);
    }
    this.orders[unit] = wanted;
    return unit << UNIT_SHIFT;
  }

  /** Gives back the block that begins at an offset. */
  give(offset: number): void {
    let unit = offset >> UNIT_SHIFT;
    let order = this.orders[unit];
    for (; order < this.topOrder; order++) {
      const buddy = unit ^ (1 << order);
      if (this.orders[buddy] !== order + FREE) break;
      this.unlink(buddy, order);
      this.orders[Math.max(unit, buddy)] = NONE;
      unit = Math.min(unit, buddy);
    }
    this.link(unit, order);
  }

  private link(unit: number, order: number): void {
    const head = this.heads[order];
    this.orders[unit] = order + FREE;
    this.next[unit] = head;
    this.previous[unit] = NONE;
    if (head !== NONE) this.previous[head] = unit;
    this.heads[order] = unit;
  }

  private unlink(unit: number, order: number): void {
    const next = this.next[unit];
    const previous = this.previous[unit];
    if (next !== NONE) this.previous[next] = previous;
    if (previous !== NONE) this.next[previous] = next;
    else this.heads[order] = next;
  }
}
