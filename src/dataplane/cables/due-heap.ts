// A heap of numbers (slots of held frames) with the one on top that is due first; of those due at one time, the one that
// came first. Times are the loop's, which wrap: those in a heap are less than half an hour apart.

export class DueHeap {
  count = 0;
  private readonly slots: Int32Array;
  /** By slot. */
  private readonly dueUs: Int32Array;
  private readonly order: Int32Array;
  private pushed = 0;

  constructor(slotsMax: number) {
    this.slots = new Int32Array(slotsMax);
    this.dueUs = new Int32Array(slotsMax);
    this.order = new Int32Array(slotsMax);
  }

  /** Microseconds until the top is due, not positive once it is; the heap is not empty. */
  untilUs(nowUs: number): number {
    return (this.dueUs[this.slots[0]] - nowUs) | 0;
  }

  isDue(nowUs: number): boolean {
    return this.count > 0 && this.untilUs(nowUs) <= 0;
  }

  /** There is room, for a slot is in one heap at most, once. */
  push(slot: number, dueUs: number): void {
    this.dueUs[slot] = dueUs;
    this.order[slot] = this.pushed;
    this.pushed = (this.pushed + 1) | 0;
    this.rise(slot);
  }

  /** Takes the top, which there is. */
  pop(): number {
    const { slots } = this;
    const top = slots[0];
    const last = slots[--this.count];
    let at = 0;
    for (let child = 1; child < this.count; child = 2 * at + 1) {
      if (child + 1 < this.count && this.isBefore(slots[child + 1], slots[child])) child++;
      if (!this.isBefore(slots[child], last)) break;
      slots[at] = slots[child];
      at = child;
    }
    slots[at] = last;
    return top;
  }

  /** Takes out what `leaves` says of each slot. */
  sift(leaves: (slot: number) => boolean): void {
    const before = this.count;
    this.count = 0;
    // What stays moves towards the front, where everything has been asked already.
    for (let i = 0; i < before; i++) {
      const slot = this.slots[i];
      if (!leaves(slot)) this.rise(slot);
    }
  }

  private rise(slot: number): void {
    const { slots } = this;
    let at = this.count++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(slot, slots[parent])) break;
      slots[at] = slots[parent];
      at = parent;
    }
    slots[at] = slot;
  }

  private isBefore(one: number, other: number): boolean {
    const us = (this.dueUs[one] - this.dueUs[other]) | 0;
    return us !== 0 ? us < 0 : ((this.order[one] - this.order[other]) | 0) < 0;
  }
}
