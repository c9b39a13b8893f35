// The charts of each section of the results. Figures that belong to a curve become lines, others bars, one file for each
// curve and each unit.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PEERS } from "./peers/index.ts";
import { ROOT } from "./root.ts";
import type { Row, Samples } from "./samples.ts";
import { median, spread } from "./statistics.ts";
import { barChart, lineChart, type Panel, type Series } from "./svg.ts";

/** Where charts are kept, beside the results. */
export const PLOTS = "bench/plots";
/** Where a dry run leaves its charts to be looked at. */
export const DRY_PLOTS = "build/bench/plots";
/** In the order of the peers. */
const COLOURS = [
  "#8c959f",
  "#0969da",
  "#54aeff",
  "#9a6700",
  "#d4a72c",
  "#2da44e",
  "#cf222e",
  "#8250df",
  "#bf3989",
  "#1b7c83",
  "#bc4c00",
  "#6e7781",
];
const WORDS = { more: "more is better", less: "less is better" } as const;

export interface Plot {
  /** Its file, without `.svg`. */
  readonly name: string;
  readonly svg: string;
}

/** The charts of one section: its rows, the peers of its columns. */
export function plotsOf(
  section: { readonly name: string; readonly title: string },
  rows: readonly Row[],
  peers: readonly string[],
  samples: Samples,
): Plot[] {
  const bars = group(
    rows.filter((row) => row.curve === undefined),
    (row) => `${row.unit} ${row.better ?? ""}`,
  );
  const curves = group(
    rows.filter((row) => row.curve !== undefined),
    (row) => row.curve?.title ?? "",
  );
  return [
    ...bars.map((rows) => barsOf(section, rows, peers, samples)),
    ...curves.map((rows) => linesOf(section.name, rows, peers, samples)),
  ];
}

/** Replaces the charts of a section in a directory of the repository. */
export function writePlots(directory: string, section: string, plots: readonly Plot[]): void {
  const path = join(ROOT, directory);
  mkdirSync(path, { recursive: true });
  const old = readdirSync(path).filter((file) => file.startsWith(`${section}--`));
  for (const file of old) rmSync(join(path, file));
  for (const plot of plots) writeFileSync(join(path, `${plot.name}.svg`), plot.svg);
}

function barsOf(
  section: { readonly name: string; readonly title: string },
  rows: readonly Row[],
  peers: readonly string[],
  samples: Samples,
): Plot {
  const [{ unit, better }] = rows;
  const panels: Panel[] = rows.map((row) => ({
    title: row.title,
    bars: peers.flatMap((label) => {
      const values = samples.of(label, row.title);
      if (values.length === 0) return [];
      const { min: low, max: high } = spread(values);
      const value = median(values);
      return [{ label, colour: colourOf(label, peers), value, low, high, text: value.toFixed(row.digits) }];
    }),
  }));
  const title = [`${section.title}, ${unit}`, ...(better ? [WORDS[better]] : [])].join("; ");
  return { name: `${section.name}--${slug(unit)}`, svg: barChart(title, panels) };
}

function linesOf(section: string, rows: readonly Row[], peers: readonly string[], samples: Samples): Plot {
  const [{ unit, curve }] = rows;
  const series: Series[] = peers.map((label) => ({
    label,
    colour: colourOf(label, peers),
    points: rows.flatMap((row) => {
      const y = samples.median(label, row.title);
      return y === undefined || row.curve === undefined ? [] : [{ x: row.curve.x, y }];
    }),
  }));
  const drawn = series.filter(({ points }) => points.length > 0);
  const title = curve?.title ?? "";
  return { name: `${section}--${slug(title)}`, svg: lineChart(title, curve?.axis ?? "", unit, drawn) };
}

/** A peer has the same colour in every chart; what is no peer has one by its place, after those of the peers. */
function colourOf(label: string, labels: readonly string[]): string {
  const index = PEERS.findIndex(({ name }) => name === label);
  return COLOURS[(index === -1 ? PEERS.length + labels.indexOf(label) : index) % COLOURS.length];
}

function group<T>(all: readonly T[], key: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return [...groups.values()];
}

function slug(words: string): string {
  const plain = words.toLowerCase().replaceAll("µ", "u").replaceAll("%", "percent");
  return plain.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
}
