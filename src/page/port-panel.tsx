// One port in full: what it is, how it is, and its plots over a minute, five minutes or an hour.
import { useMemo, useState } from "preact/hooks";
import type { PortView } from "../control/server/views.ts";
import { bitRate, packetRate, scaled } from "./format.ts";
import { usePolled, useStore, useSwitch } from "./hooks.ts";
import { type KeptHistory, keptPath, plottedOf } from "./kept-history.ts";
import { Plot, type PlotLine } from "./plot.tsx";
import { farEnd, stateOf } from "./port-words.ts";
import { portKey } from "./rates.ts";
import { joined, type Plotted } from "./recent.ts";

const SPANS = [
  { seconds: 60, name: "1 min" },
  { seconds: 300, name: "5 min" },
  { seconds: 3600, name: "1 h" },
] as const;
/** Reasons that have a line of their own; the eye does not tell more apart. */
const REASONS_DRAWN = 5;

export function PortPanel({ port, scheme }: { port: PortView; scheme: string }) {
  const store = useStore();
  const { live, rates } = useSwitch();
  const [span, setSpan] = useState<number>(SPANS[0].seconds);
  const kept = usePolled<KeptHistory>(keptPath(port, span), span > 300 ? 10_000 : 60_000).value;
  const key = portKey(port);
  const now = (live?.time_ms ?? 0) / 1000;
  const old = useMemo(() => (kept ? plottedOf(kept) : null), [kept]);
  const plotted = joined(old, store.recent.of(key), now - span);
  const rate = rates.get(key);
  return (
    <section class="card panel" aria-label={`Port ${port.port}`}>
      <div class="panel-head">
        <h2>
          {port.port} <small>{port.bridge}</small>
        </h2>
        <span class={`badge ${stateOf(port) === "up" ? "good" : "bad"}`}>
          {stateOf(port) === "up" ? "✓" : "✕"} {stateOf(port)}
        </span>
        <div class="spans" role="group" aria-label="time shown">
          {SPANS.map(({ seconds, name }) => (
            <button type="button" key={name} aria-pressed={seconds === span} onClick={() => setSpan(seconds)}>
              {name}
            </button>
          ))}
        </div>
      </div>
      <p class="quiet facts">
        {farEnd(port)} · MTU {port.mtu ?? "–"}
        {port.dstport !== null && ` · port ${port.dstport}`}
      </p>
      {port.reason !== "" && <p class="trouble">{port.reason}</p>}
      <Plot
        title="Frames a second"
        now={`in ${packetRate(rate?.rxPackets ?? 0)}, out ${packetRate(rate?.txPackets ?? 0)}`}
        times={plotted.times}
        lines={twoWays(plotted.rxPackets, plotted.txPackets)}
        {...{ span, until: now, scheme, format: scaled }}
      />
      <Plot
        title="Bits a second"
        now={`in ${bitRate(rate?.rxBytes ?? 0)}, out ${bitRate(rate?.txBytes ?? 0)}`}
        times={plotted.times}
        lines={twoWays(bits(plotted.rxBytes), bits(plotted.txBytes))}
        {...{ span, until: now, scheme, format: scaled }}
      />
      <DropPlot plotted={plotted} {...{ span, until: now, scheme }} />
    </section>
  );
}

function DropPlot({ plotted, ...rest }: { plotted: Plotted; span: number; until: number; scheme: string }) {
  const sums = Object.entries(plotted.drops).map(([reason, values]) => ({
    reason,
    values,
    sum: sumOf(values),
  }));
  const seen = sums.filter(({ sum }) => sum > 0).sort((left, right) => right.sum - left.sum);
  const others = seen.slice(REASONS_DRAWN);
  const lines: PlotLine[] = seen.slice(0, REASONS_DRAWN).map(({ reason, values }, index) => ({
    name: reason,
    values,
    colour: `--drop-${index}`,
    dash: [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 4]][index],
  }));
  if (others.length > 0) {
    const values = plotted.times.map((_, at) => sumOf(others.map((line) => line.values[at])));
    lines.push({ name: "others", values, colour: "--quiet", dash: [3, 5] });
  }
  const now = seen.length === 0 ? "none" : lines.map(({ name }) => name).join(", ");
  return (
    <Plot title="Drops a second" now={now} times={plotted.times} lines={lines} format={scaled} {...rest} />
  );
}

function twoWays(incoming: readonly number[], outgoing: readonly number[]): PlotLine[] {
  return [
    { name: "in", values: incoming, colour: "--rx", dash: [] },
    { name: "out", values: outgoing, colour: "--tx", dash: [6, 3] },
  ];
}

function bits(bytes: readonly number[]): number[] {
  return bytes.map((value) => value * 8);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + (value || 0), 0);
}
