// The last minutes of every port as the page has seen them, bounded: what the plots go on with after the history that the
// switch itself keeps.
import type { PortRates } from "./rates.ts";

/** Seconds of a port that are kept, as many as the switch keeps one by one. */
export const RECENT_MAX = 300;

/** Rates over time, the columns of a plot: seconds (Unix time), then a list of as many values a line. */
export interface Plotted {
  readonly times: readonly number[];
  readonly rxPackets: readonly number[];
  readonly txPackets: readonly number[];
  readonly rxBytes: readonly number[];
  readonly txBytes: readonly number[];
  readonly drops: Readonly<Record<string, readonly number[]>>;
}

export interface Moment {
  readonly time: number;
  readonly rates: PortRates;
}

export class Recent {
  readonly #moments = new Map<string, Moment[]>();

  /** Adds a second; forgets ports that are gone, and what is too old. */
  add(time: number, rates: ReadonlyMap<string, PortRates>): void {
    for (const key of this.#moments.keys()) if (!rates.has(key)) this.#moments.delete(key);
    for (const [key, portRates] of rates) {
      const moments = this.#moments.get(key) ?? [];
      moments.push({ time, rates: portRates });
      if (moments.length > RECENT_MAX) moments.shift();
      this.#moments.set(key, moments);
    }
  }

  of(key: string): readonly Moment[] {
    return this.#moments.get(key) ?? [];
  }
}

/** What the switch has kept, then the seconds that came since, as far back as asked. */
export function joined(kept: Plotted | null, moments: readonly Moment[], sinceSeconds: number): Plotted {
  const lastKept = kept?.times.at(-1) ?? Number.NEGATIVE_INFINITY;
  const first = kept?.times.findIndex((time) => time >= sinceSeconds) ?? -1;
  const old = (values: readonly number[] = []) => (first < 0 ? [] : values.slice(first));
  // A sample that the switch has kept and the page has seen, too, is not drawn twice.
  const fresh = moments.filter(({ time }) => time > lastKept + 0.5 && time >= sinceSeconds);
  const line = (name: Exclude<keyof PortRates, "drops">) => [
    ...old(kept?.[name]),
    ...fresh.map(({ rates }) => rates[name]),
  ];
  const times = [...old(kept?.times), ...fresh.map(({ time }) => time)];
  const keptCount = times.length - fresh.length;
  const reasons = new Set([
    ...Object.keys(kept?.drops ?? {}),
    ...fresh.flatMap(({ rates }) => Object.keys(rates.drops)),
  ]);
  const drops = [...reasons].map((reason) => [
    reason,
    [
      ...(kept?.drops[reason] === undefined ? Array<number>(keptCount).fill(0) : old(kept.drops[reason])),
      ...fresh.map(({ rates }) => rates.drops[reason] ?? 0),
    ],
  ]);
  return {
    times,
    rxPackets: line("rxPackets"),
    txPackets: line("txPackets"),
    rxBytes: line("rxBytes"),
    txBytes: line("txBytes"),
    drops: Object.fromEntries(drops) as Plotted["drops"],
  };
}
