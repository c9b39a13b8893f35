// What a measure takes and gives. Each kind has a file of its own and is listed in a suite.

import type { Layout, Peer } from "../peers/peer.ts";

/** What is measured, and for how long. The lab is up, the peer forwards, the clients are acquainted. */
export interface Setting {
  readonly peer: Peer;
  readonly layout: Layout;
  readonly seconds: number;
}

/** One figure of one run, a row of the report. `better` says which direction is progress; without it no ratio is shown. */
export interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly better?: "more" | "less";
  /** Goes to the table behind the main one: it explains another figure. */
  readonly detail?: boolean;
  /** A point of a curve: charts show the figures of one curve as a line over `x`. */
  readonly curve?: { readonly title: string; readonly axis: string; readonly x: number };
  readonly value: number;
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  /** The lab and switch that it needs; left out: two ports and no more. */
  readonly layout?: Layout;
  /** In the first round alone: it takes long, or counts what does not vary. */
  readonly once?: boolean;
  /** Why this machine cannot measure it, with the remedy; undefined if it can. */
  obstacle?(): string | undefined;
  run(setting: Setting): Promise<Figure[]>;
}
