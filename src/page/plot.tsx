// A plot over time, drawn by uPlot: made anew when its lines or the colours change, fed otherwise.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clock } from "./format.ts";
import { useWidth } from "./hooks.ts";

const HEIGHT = 118;

export interface PlotLine {
  readonly name: string;
  readonly values: readonly number[];
  /** A property of the style sheet. */
  readonly colour: string;
  readonly dash: readonly number[];
}

interface Props {
  readonly title: string;
  /** The values of now, in words. */
  readonly now: string;
  readonly times: readonly number[];
  readonly lines: readonly PlotLine[];
  /** Seconds shown, until then. */
  readonly span: number;
  readonly until: number;
  readonly scheme: string;
  readonly format: (value: number) => string;
}

export function Plot({ title, now, times, lines, span, until, scheme, format }: Props) {
  const { ref, width } = useWidth();
  const plot = useRef<uPlot | null>(null);
  const names = lines.map(({ name }) => name).join();
  useEffect(() => {
    if (width === 0) return;
    const made = new uPlot(options(lines, width, format), [[]], ref.current as HTMLElement);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
    // The lines' values change each second, their names seldom; colours are read from the scheme.
  }, [names, width, scheme, format]);
  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.setData([[...times], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData, false);
    const max = Math.max(1, ...lines.flatMap(({ values }) => values.filter(Number.isFinite)));
    made.batch(() => {
      made.setScale("x", { min: until - span, max: until });
      made.setScale("y", { min: 0, max: max * 1.08 });
    });
  });
  return (
    <figure>
      <figcaption>
        <b>{title}</b> <span class="quiet">{now}</span>
      </figcaption>
      <div ref={ref} class="plot" aria-hidden="true" />
    </figure>
  );
}

function options(
  lines: readonly PlotLine[],
  width: number,
  format: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    font: `11px ${style.getPropertyValue("--font")}`,
  };
  return {
    width,
    height: HEIGHT,
    pxAlign: false,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: false, auto: false }, y: { auto: false } },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, splits) => splits.map((time) => clock(time * 1000)) },
      { ...axis, size: 52, space: 26, values: (_, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour: property, dash }) => ({
        label: name,
        stroke: colour(property),
        width: 1.5,
        dash: [...dash],
        spanGaps: false,
        points: { show: false },
      })),
    ],
  };
}
