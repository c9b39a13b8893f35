// The rows and columns of `vxswitch top`, in the terms of sar(1): its `-n DEV` and, for errors, `-n EDEV`. Pure.
import type { PortRates, RatesView, Sparklines } from "../activity/views.ts";
import { keyOf } from "../key.ts";

/** What /v1/rates answers; the sparklines only if asked for. */
export type Rates = RatesView & { readonly sparklines?: Sparklines };

/** A port, or the underlay, which has neither bridge nor port. */
export interface Row {
  /** `bridge/port`, or `underlay`. */
  readonly key: string;
  readonly isDown: boolean;
  readonly values: Readonly<Record<ColumnLetter, number | null>>;
  /** Packets a second, both ways, in the last minute. */
  readonly minute: readonly (number | null)[];
}

export interface Column {
  /** Sorts by it. */
  readonly letter: ColumnLetter;
  readonly heading: string;
  readonly width: number;
  /** Those of lower rank are left out first where there is no room. */
  readonly rank: number;
  readonly meaning: string;
}

export type ColumnLetter = "r" | "t" | "R" | "T" | "e" | "d" | "f" | "l" | "u";

/** As sar, which has 1024 bytes for a kB. */
const KB_BYTES = 1024;

export const COLUMNS: readonly Column[] = [
  { letter: "r", heading: "rxpck/s", width: 10, rank: 10, meaning: "frames received a second" },
  { letter: "t", heading: "txpck/s", width: 10, rank: 9, meaning: "frames delivered a second" },
  { letter: "R", heading: "rxkB/s", width: 10, rank: 7, meaning: "kB (1024 bytes) received a second" },
  { letter: "T", heading: "txkB/s", width: 10, rank: 6, meaning: "kB delivered a second" },
  {
    letter: "e",
    heading: "rxerr/s",
    width: 8,
    rank: 3,
    meaning: "bad frames received a second (a part of drop/s)",
  },
  { letter: "d", heading: "drop/s", width: 9, rank: 8, meaning: "frames dropped a second, for any reason" },
  {
    letter: "f",
    heading: "rxfifo/s",
    width: 8,
    rank: 1,
    meaning: "overruns a second: the kernel's receive queue was full",
  },
  { letter: "l", heading: "held", width: 7, rank: 2, meaning: "frames that the port's impaired cable holds" },
  {
    letter: "u",
    heading: "%ifutil",
    width: 7,
    rank: 4,
    meaning: "busier direction's share of the device's speed",
  },
];

/** Of the sparkline, which takes what room is left: it stands between the columns of ranks 4 and 6. */
export const SPARKLINE_RANK = 5;

export const UNDERLAY = "underlay";

/** The underlay first, then the ports as they are configured. */
export function rowsOf(rates: Rates): Row[] {
  const minutes = new Map(rates.sparklines?.map((line) => [nameOf(line), line]));
  const { underlay } = rates;
  const values = { ...NOTHING, r: underlay.rates.rx_packets, e: underlay.rates.rx_errors };
  const first: Row = {
    key: UNDERLAY,
    isDown: false,
    values: { ...values, d: underlay.rates.drops, f: underlay.rates.rx_overruns },
    minute: [],
  };
  const ports = rates.ports.map((port) => {
    const line = minutes.get(nameOf(port));
    const minute = line?.rx_packets.map((value, i) => sum(value, line.tx_packets[i] ?? null)) ?? [];
    return { key: nameOf(port), isDown: port.state === "down", values: portValues(port), minute };
  });
  return [first, ...ports];
}

function portValues({ rates, ifutil_percent: utilization }: PortRates): Row["values"] {
  return {
    r: rates.rx_packets,
    t: rates.tx_packets,
    R: kilobytes(rates.rx_bytes),
    T: kilobytes(rates.tx_bytes),
    e: rates.rx_errors,
    d: rates.drops,
    f: null,
    l: rates.held,
    u: utilization,
  };
}

const NOTHING: Row["values"] = {
  r: null,
  t: null,
  R: null,
  T: null,
  e: null,
  d: null,
  f: null,
  l: null,
  u: null,
};

function kilobytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / KB_BYTES;
}

function sum(one: number | null, other: number | null): number | null {
  return one === null && other === null ? null : (one ?? 0) + (other ?? 0);
}

function nameOf({ bridge, port }: { bridge: string; port: string }): string {
  return keyOf({ bridge, name: port });
}

/** A value in its column: two decimals as sar has them, `-` where it is not known. */
export function cellText({ letter }: Column, value: number | null): string {
  if (value === null) return "-";
  if (letter === "l" || value >= 1e6) return value.toFixed(0);
  return value.toFixed(2);
}
