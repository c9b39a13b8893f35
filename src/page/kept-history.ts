// The history that the switch keeps of a port (GET /v1/history), as the plots take it.
import { portKey } from "./rates.ts";
import type { Plotted } from "./recent.ts";

type Column = readonly (number | null)[];

/** Columns, oldest first; null where the port was not there. */
export interface KeptHistory {
  /** When it was asked. */
  readonly time: string;
  readonly age_seconds: readonly number[];
  readonly rates: Readonly<Record<"rx_packets" | "rx_bytes" | "tx_packets" | "tx_bytes", Column>>;
  readonly drops: Readonly<Record<string, Column>>;
}

/** Below /v1. */
export function keptPath(port: { readonly bridge: string; readonly port: string }, span: number): string {
  return `history?${new URLSearchParams({ port: portKey(port), span: String(span) })}`;
}

export function plottedOf({ time, age_seconds, rates, drops }: KeptHistory): Plotted {
  const asked = Date.parse(time) / 1000;
  const known = (column: Column) => column.map((value) => value ?? Number.NaN);
  return {
    times: age_seconds.map((age) => asked - age),
    rxPackets: known(rates.rx_packets),
    txPackets: known(rates.tx_packets),
    rxBytes: known(rates.rx_bytes),
    txBytes: known(rates.tx_bytes),
    drops: Object.fromEntries(Object.entries(drops).map(([reason, column]) => [reason, known(column)])),
  };
}
