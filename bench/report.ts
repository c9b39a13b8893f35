// Samples in, Markdown out: a row a figure, a column a peer, medians with the range of the rounds and the ratio to the
// first peer.

import type { Figure, Measure } from "./measures/measure.ts";
import { median, spread } from "./statistics.ts";

const CELL_REASON_MAX = 60;

type Row = Omit<Figure, "value"> & { readonly measure: string };

/** All figures of all rounds. A row appears where its first figure did; a measure that always failed comes last. */
export class Report {
  readonly #peers: readonly string[];
  readonly #rows = new Map<string, Row>();
  readonly #values = new Map<string, number[]>();
  readonly #failed = new Set<string>();
  readonly #failures = new Map<string, string[]>();
  readonly #absences = new Map<string, string>();
  #highestLoadPercent = 0;

  constructor(peers: readonly string[]) {
    this.#peers = peers;
  }

  add(peer: string, measure: Measure, { value, ...row }: Figure): void {
    this.#rows.set(row.title, { ...row, measure: measure.title });
    append(this.#values, `${peer} ${row.title}`, value);
  }

  /** Notes that a measure gave no figures in a round, and why. */
  fail(peer: string, measure: Measure, reason: string): void {
    this.#failed.add(measure.title);
    append(this.#failures, `${peer} ${measure.title}`, reason);
  }

  /** Notes that a peer could not be measured at all, in one round or in each. */
  absent(peer: string, reason: string): void {
    this.#absences.set(peer, reason);
  }

  /** Notes how busy the machine was with other things just before a peer was measured. */
  noteLoad(percent: number): void {
    this.#highestLoadPercent = Math.max(this.#highestLoadPercent, percent);
  }

  get highestLoadPercent(): number {
    return this.#highestLoadPercent;
  }

  /** The main table, then the details that explain it, then what went wrong. */
  markdown(): string {
    const rows = [...this.#rows.values(), ...this.#emptyRows()];
    const details = rows.filter((row) => row.detail === true);
    const parts = [this.#table(rows.filter((row) => row.detail !== true))];
    if (details.length > 0) parts.push("Behind these figures:", this.#table(details));
    const notes = this.#notes();
    if (notes.length > 0) parts.push("Not measured:", notes.join("\n"));
    return parts.join("\n\n");
  }

  #emptyRows(): Row[] {
    const measured = new Set([...this.#rows.values()].map((row) => row.measure));
    const missing = [...this.#failed].filter((title) => !measured.has(title));
    return missing.map((title) => ({ title, measure: title, unit: "", digits: 0 }));
  }

  /** Every value of every round, for plots. */
  samples(): Record<string, Record<string, number[]>> {
    const ofPeer = (peer: string) =>
      [...this.#rows.keys()].map((title) => [title, this.#values.get(`${peer} ${title}`) ?? []]);
    return Object.fromEntries(this.#peers.map((peer) => [peer, Object.fromEntries(ofPeer(peer))]));
  }

  #table(rows: readonly Row[]): string {
    const head = ["measure", "unit", ...this.#peers];
    const body = rows.map((row) => [
      row.title,
      row.unit,
      ...this.#peers.map((peer) => this.#cell(peer, row)),
    ]);
    const rule = ["---", "---", ...this.#peers.map(() => "---")];
    return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  }

  #cell(peer: string, row: Row): string {
    const values = this.#values.get(`${peer} ${row.title}`);
    if (values === undefined) return this.#excuse(peer, row);
    const { min, max } = spread(values);
    const show = (value: number) => value.toFixed(row.digits);
    return `**${show(median(values))}** (${show(min)}–${show(max)})${this.#ratio(peer, row, median(values))}`;
  }

  #excuse(peer: string, row: Row): string {
    const reason = this.#failures.get(`${peer} ${row.measure}`)?.at(-1);
    if (reason === undefined) return "–";
    return reason.length <= CELL_REASON_MAX ? reason.replaceAll("|", "/") : "failed, see below";
  }

  #notes(): string[] {
    const absences = [...this.#absences].map(([peer, reason]) => `- ${peer}: ${reason}`);
    const failures = [...this.#failures].map(
      ([key, reasons]) => `- ${key}, ${reasons.length} times: ${reasons.at(-1)}`,
    );
    return [...absences, ...failures];
  }

  #ratio(peer: string, row: Row, value: number): string {
    const base = this.#values.get(`${this.#peers[0]} ${row.title}`);
    if (peer === this.#peers[0] || base === undefined || row.better === undefined) return "";
    return ` ${(value / median(base)).toFixed(2)} ×`;
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
