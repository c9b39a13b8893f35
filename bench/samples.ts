// Every value of every round: what tables, targets and plots are made of.

import type { Figure } from "./measures/measure.ts";
import { median } from "./statistics.ts";

/** A figure's title and form, without a value. */
export type Row = Omit<Figure, "value">;

/** Values by peer and title of the figure, in the order in which they came. */
export class Samples {
  readonly #values = new Map<string, Map<string, number[]>>();

  add(peer: string, title: string, value: number): void {
    const titles = this.#values.get(peer) ?? new Map<string, number[]>();
    this.#values.set(peer, titles);
    titles.set(title, [...(titles.get(title) ?? []), value]);
  }

  /** The peers that have any value. */
  get peers(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** The values, none if there are none. */
  of(peer: string, title: string): readonly number[] {
    return this.#values.get(peer)?.get(title) ?? [];
  }

  /** Undefined without values. */
  median(peer: string, title: string): number | undefined {
    const values = this.of(peer, title);
    return values.length === 0 ? undefined : median(values);
  }

  toJSON(): Record<string, Record<string, number[]>> {
    const entries = [...this.#values].map(([peer, titles]) => [peer, Object.fromEntries(titles)] as const);
    return Object.fromEntries(entries);
  }
}
