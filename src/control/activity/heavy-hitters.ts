// The heaviest of many keys in bounded memory: the space-saving algorithm (Metwally, Agrawal, El Abbadi, 2005). A key that finds
// no room takes the place of the lightest, and inherits its weight as its possible error. So no key is ever estimated too low,
// none too high by more than total / capacity, and every key heavier than that is there.

export interface Hitter {
  readonly key: string;
  /** Never too low. */
  readonly weight: number;
  /** Of another measure of the same frames (their number), counted since the key is there: never too high. */
  readonly count: number;
  /** By how much the weight may be too high. */
  readonly error: number;
}

interface Place {
  weight: number;
  count: number;
  error: number;
}

export class HeavyHitters {
  private readonly capacity: number;
  private readonly places = new Map<string, Place>();
  /** Of everything that was added. */
  totalWeight = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.places.size;
  }

  /** Adds to a key. Where there is no room left it costs a look at all places. */
  add(key: string, weight: number, count: number): void {
    this.totalWeight += weight;
    const place = this.places.get(key);
    if (place !== undefined) {
      place.weight += weight;
      place.count += count;
    } else if (this.places.size < this.capacity) {
      this.places.set(key, { weight, count, error: 0 });
    } else {
      const error = this.removeLightest();
      this.places.set(key, { weight: error + weight, count, error });
    }
  }

  /** In the order of their coming. */
  all(): Hitter[] {
    return Array.from(this.places, ([key, place]) => ({ key, ...place }));
  }

  clear(): void {
    this.places.clear();
    this.totalWeight = 0;
  }

  /** Returns what it weighed. */
  private removeLightest(): number {
    let lightest = "";
    let least = Number.POSITIVE_INFINITY;
    for (const [key, { weight }] of this.places) {
      if (weight < least) [lightest, least] = [key, weight];
    }
    this.places.delete(lightest);
    return least;
  }
}
