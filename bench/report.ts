// Samples in, Markdown out: a row a figure, a column a peer, medians with the range of the rounds and the ratio to the
// first peer.

import type { Figure, Measure } from "./measures/measure.ts";
import type { Row, Samples } from "./samples.ts";
import { median, spread } from "./statistics.ts";

const CELL_REASON_MAX = 60;

type MeasuredRow = Row & { readonly measure: string };

/** The figures of one suite. A row appears where its first figure did; a measure that always failed comes last. */
export class Report {
  readonly #peers: readonly string[];
  readonly #samples: Samples;
  readonly #rows = new Map<string, MeasuredRow>();
  readonly #failed = new Set<string>();
  readonly #failures = new Map<string, string[]>();
  readonly #absences = new Map<string, string>();

  /** Values go to `samples`, which the reports of a run share; of other peers than `peers` nothing is shown. */
  constructor(peers: readonly string[], samples: Samples) {
    this.#peers = peers;
    this.#samples = samples;
  }

  /** Notes that a figure, whose value is among the samples, belongs into this report. */
  add(measure: Measure, { value: _, ...row }: Figure): void {
    this.#rows.set(row.title, { ...row, measure: measure.title });
  }

  /** Notes that a measure gave no figures in a round, and why. */
  fail(peer: string, measure: Measure, reason: string): void {
    if (!this.#peers.includes(peer)) return;
    this.#failed.add(measure.title);
    const key = `${peer} ${measure.title}`;
    this.#failures.set(key, [...(this.#failures.get(key) ?? []), reason]);
  }

  /** Notes that a peer could not be measured at all, in one round or in each. */
  absent(peer: string, reason: string): void {
    if (this.#peers.includes(peer)) this.#absences.set(peer, reason);
  }

  /** The main table's rows. */
  get rows(): readonly Row[] {
    return [...this.#rows.values()].filter((row) => row.detail !== true);
  }

  /** The peers that have a value or an excuse, in the order of the columns. */
  get peers(): readonly string[] {
    const hasValue = (peer: string) =>
      [...this.#rows.keys()].some((title) => this.#samples.of(peer, title).length > 0);
    const hasFailed = (peer: string) => [...this.#failures.keys()].some((key) => key.startsWith(`${peer} `));
    return this.#peers.filter((peer) => hasValue(peer) || hasFailed(peer));
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

  #emptyRows(): MeasuredRow[] {
    const measured = new Set([...this.#rows.values()].map((row) => row.measure));
    const missing = [...this.#failed].filter((title) => !measured.has(title));
    return missing.map((title) => ({ title, measure: title, unit: "", digits: 0 }));
  }

  #table(rows: readonly MeasuredRow[]): string {
    const { peers } = this;
    const body = rows.map((row) => [row.title, row.unit, ...peers.map((peer) => this.#cell(peer, row))]);
    return table(["measure", "unit", ...peers], body);
  }

  #cell(peer: string, row: MeasuredRow): string {
    const values = this.#samples.of(peer, row.title);
    if (values.length === 0) return this.#excuse(peer, row);
    const { min, max } = spread(values);
    const show = (value: number) => value.toFixed(row.digits);
    return `**${show(median(values))}** (${show(min)}–${show(max)})${this.#ratio(peer, row, median(values))}`;
  }

  #excuse(peer: string, row: MeasuredRow): string {
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
    const base = this.#samples.median(this.#peers[0], row.title);
    if (peer === this.#peers[0] || !base || row.better === undefined) return "";
    return ` ${(value / base).toFixed(2)} ×`;
  }
}

/** A Markdown table. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const rule = head.map(() => "---");
  return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
