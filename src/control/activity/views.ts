// Rates and history in the public shapes of the API: snake_case, what is in `rates` a second (levels such as `held` and
// `fdb_entries` beside them as they are), null where it is not known.
import type { DropCounts, PortStatus, SwitchStatus } from "../../dataplane/spec.ts";
import { keyOf } from "../key.ts";
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

export interface RatesContext {
  readonly alive: boolean;
  readonly uptimeSeconds: number;
  /** How many of the last samples to average over. */
  readonly samples: number;
  /** Bits a second of the device by which a port's frames leave. */
  speedOf(port: PortStatus): number | null;
}

/** The latest second of everything. */
export function ratesView(status: SwitchStatus, history: History, context: RatesContext) {
  const { alive, uptimeSeconds, samples } = context;
  const dropRates = (key: string, drops: DropCounts) =>
    Object.fromEntries(
      Object.keys(drops).map((reason) => [reason, orNull(history.latestDrops(key, reason, samples))]),
    );
  const ports = status.ports.map((port) => {
    const rates = named(PORT_VALUES, history.latest("port", keyOf(port), samples));
    const speed = context.speedOf(port);
    const { bridge, name, type, state, reason, device } = port;
    return {
      ...{ bridge, port: name, type, state, reason, device },
      speed_bits_per_second: speed,
      ifutil_percent: utilization(rates.rx_bytes, rates.tx_bytes, speed),
      rates,
      drops: dropRates(keyOf(port), port.drops),
    };
  });
  const underlay = {
    io: status.underlay.io,
    receive_queue_bytes: status.underlay.receiveQueueBytes,
    rates: named(UNDERLAY_VALUES, history.latest("underlay", "", samples)),
    drops: dropRates("", status.underlay.drops),
  };
  const sum = (name: (typeof PORT_VALUES)[number]) =>
    rounded(ports.reduce((total, port) => total + (port.rates[name] ?? 0), 0));
  return {
    version: VERSION,
    time: new Date().toISOString(),
    uptime_seconds: uptimeSeconds,
    sample: history.samples,
    interval_seconds: history.secondsOf(samples),
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
      rates: named(BRIDGE_VALUES, history.latest("bridge", bridge, samples)),
    })),
    ports,
    mirrors: status.mirrors.map(({ bridge, name: mirror, state, queueBytes }) => ({
      bridge,
      mirror,
      state,
      queue_bytes: queueBytes,
      rates: named(MIRROR_VALUES, history.latest("mirror", keyOf({ bridge, name: mirror }), samples)),
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

/** The busier direction's share of the speed, as sar has it for what is full duplex. Bytes are those of the frames inside. */
function utilization(rxBytes: number | null, txBytes: number | null, speed: number | null): number | null {
  if (rxBytes === null || txBytes === null || speed === null) return null;
  return rounded((Math.max(rxBytes, txBytes) * 8 * 100) / speed);
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : rounded(value);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
