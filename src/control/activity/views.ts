// Rates and history in the public shapes of the API: snake_case, what is in `rates` a second (levels such as `held` and
// `fdb_entries` beside them as they are), null where it is not known.
import type { DropCounts, SwitchStatus } from "../../dataplane/spec.ts";
import { keyOf } from "../plan.ts";
import { VERSION } from "../version.ts";
import {
  BRIDGE_VALUES,
  type Columns,
  type History,
  MIRROR_VALUES,
  PORT_VALUES,
  UNDERLAY_VALUES,
} from "./history.ts";

/** Seconds of a sparkline. */
export const SPARKLINE_SAMPLES = 60;

export type RatesView = ReturnType<typeof ratesView>;
export type PortRates = RatesView["ports"][number];
export type Sparklines = ReturnType<typeof sparklines>;
export type HistoryView = ReturnType<typeof historyView>;

/** The latest second of everything. */
export function ratesView(
  status: SwitchStatus,
  history: History,
  { alive, uptimeSeconds }: { alive: boolean; uptimeSeconds: number },
) {
  const ports = status.ports.map((port) => ({
    bridge: port.bridge,
    port: port.name,
    type: port.type,
    state: port.state,
    reason: port.reason,
    rates: named(PORT_VALUES, history.latest("port", keyOf(port))),
    drops: dropRates(history, keyOf(port), port.drops),
  }));
  const underlay = {
    io: status.underlay.io,
    rates: named(UNDERLAY_VALUES, history.latest("underlay", "")),
    drops: dropRates(history, "", status.underlay.drops),
  };
  const sum = (name: (typeof PORT_VALUES)[number]) =>
    rounded(ports.reduce((total, port) => total + (port.rates[name] ?? 0), 0));
  return {
    version: VERSION,
    time: new Date().toISOString(),
    uptime_seconds: uptimeSeconds,
    interval_seconds: history.lastSeconds,
    alive,
    workers: status.workers.map((worker) => ({ alive: worker.alive })),
    worker_restarts: status.workerRestarts,
    total: {
      rx_packets: sum("rx_packets"),
      rx_bytes: sum("rx_bytes"),
      tx_packets: sum("tx_packets"),
      tx_bytes: sum("tx_bytes"),
      drops: rounded(sum("drops") + (underlay.rates.drops ?? 0)),
    },
    underlay,
    bridges: status.bridges.map(({ name: bridge }) => ({
      bridge,
      rates: named(BRIDGE_VALUES, history.latest("bridge", bridge)),
    })),
    ports,
    mirrors: status.mirrors.map(({ bridge, name: mirror, state }) => ({
      bridge,
      mirror,
      state,
      rates: named(MIRROR_VALUES, history.latest("mirror", keyOf({ bridge, name: mirror }))),
    })),
  };
}

/** Packets a second of each port in the last minute, oldest first, in the order of the ports. */
export function sparklines(rates: RatesView, history: History) {
  return rates.ports.map(({ bridge, port }) => {
    const key = keyOf({ bridge, name: port });
    const values = (name: "rx_packets" | "tx_packets") =>
      history.recent(key, name, SPARKLINE_SAMPLES).map(orNull);
    return { bridge, port, rx_packets: values("rx_packets"), tx_packets: values("tx_packets") };
  });
}

/** What a port, or the underlay, did over a span. */
export function historyView(columns: Columns) {
  const all = (values: Readonly<Record<string, readonly number[]>>) =>
    Object.fromEntries(Object.entries(values).map(([name, column]) => [name, column.map(orNull)]));
  return {
    time: new Date().toISOString(),
    age_seconds: columns.ageSeconds.map(rounded),
    seconds: columns.seconds.map(rounded),
    rates: all(columns.values),
    drops: all(columns.drops),
  };
}

function named<N extends string>(names: readonly N[], values: Float64Array | undefined) {
  const entries = names.map((name, index) => [name, orNull(values?.[index] ?? Number.NaN)]);
  return Object.fromEntries(entries) as Record<N, number | null>;
}

function dropRates(history: History, key: string, drops: DropCounts): Record<string, number | null> {
  return Object.fromEntries(
    Object.keys(drops).map((reason) => [reason, orNull(history.latestDrops(key, reason))]),
  );
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : rounded(value);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
