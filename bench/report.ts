// Samples in, Markdown out: a row a figure, a column a peer, medians with the range of the rounds and the ratio to the
// first peer.

import type { Figure } from "./measures/measure.ts";
import { median, spread } from "./statistics.ts";

type Row = Omit<Figure, "value">;

/** All figures of all rounds. A row appears where its first figure or failure did. */
export class Report {
  readonly #peers: readonly string[];
  readonly #rows = new Map<string, Row>();
  readonly #values = new Map<string, number[]>();
  readonly #failures = new Map<string, string[]>();
  readonly #absences = new Map<string, string>();
  #highestLoadPercent = 0;

  constructor(peers: readonly string[]) {
    this.#peers = peers;
  }

  add(peer: string, { value, ...row }: Figure): void {
    this.#rows.set(row.title, row);
    const key = `${peer} ${row.title}`;
    this.#values.set(key, [...(this.#values.get(key) ?? []), value]);
  }

  /** Notes that a round had no figure of that title, and why. */
  fail(peer: string, title: string, reason: string): void {
    if (!this.#rows.has(title)) this.#rows.set(title, { title, unit: "", digits: 0 });
    const key = `${peer} ${title}`;
    this.#failures.set(key, [...(this.#failures.get(key) ?? []), reason]);
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
    const rows = [...this.#rows.values()];
    const details = rows.filter((row) => row.detail === true);
    const parts = [this.#table(rows.filter((row) => row.detail !== true))];
    if (details.length > 0) parts.push("Behind these figures:", this.#table(details));
    const notes = this.#notes();
    if (notes.length > 0) parts.push("Not measured:", notes.join("\n"));
    return parts.join("\n\n");
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
    if (values === undefined) return this.#failures.get(`${peer} ${row.title}`)?.at(-1) ?? "–";
    const { min, max } = spread(values);
    const show = (value: number) => value.toFixed(row.digits);
    return `**${show(median(values))}** (${show(min)}–${show(max)})${this.#ratio(peer, row, median(values))}`;
  }

  /** A failure that the medians of other rounds would hide is told here; else its cell tells it. */
  #notes(): string[] {
    const absences = [...this.#absences].map(([peer, reason]) => `- ${peer}: ${reason}`);
    const failures = [...this.#failures]
      .filter(([key]) => this.#values.has(key))
      .map(([key, reasons]) => `- ${key}: ${reasons.length} of the rounds: ${reasons.at(-1)}`);
    return [...absences, ...failures];
  }

  #ratio(peer: string, row: Row, value: number): string {
    const base = this.#values.get(`${this.#peers[0]} ${row.title}`);
    if (peer === this.#peers[0] || base === undefined || row.better === undefined) return "";
    return ` ${(value / median(base)).toFixed(2)} ×`;
  }
}
