// What a measure takes and gives. Each has a file of its own and is listed in index.ts.

import type { Peer } from "../peers/peer.ts";

/** What is measured, and for how long. The lab is up, the peer forwards, the clients are acquainted. */
export interface Setting {
  readonly peer: Peer;
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
  readonly value: number;
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  /** Run only where asked for by name. */
  readonly optional?: boolean;
  /** Why this machine cannot measure it, with the remedy; undefined if it can. */
  obstacle?(): string | undefined;
  run(setting: Setting): Promise<Figure[]>;
}
