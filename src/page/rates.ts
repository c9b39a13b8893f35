// From counters to rates: what the switch tells each second, less what it told before. Counters that went down are those
// of a switch that was started anew, or of another port of the same name: there is no rate for that second.
import type { LiveView } from "../control/web/live-view.ts";

export type PortCounters = LiveView["ports"][number];

/** A second of one port; drops by reason. */
export interface PortRates {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly drops: Readonly<Record<string, number>>;
}

/** Identifies a port or a mirror; "/" cannot occur in a name. */
export function portKey({ bridge, port }: { bridge: string; port: string }): string {
  return `${bridge}/${port}`;
}

/** The rates of all ports between two views; a port that is new, or began anew, has none. */
export function ratesBetween(before: LiveView, after: LiveView): Map<string, PortRates> {
  const seconds = (after.time_ms - before.time_ms) / 1000;
  const rates = new Map<string, PortRates>();
  if (!(seconds > 0)) return rates;
  const known = new Map(before.ports.map((port) => [portKey(port), port]));
  for (const port of after.ports) {
    const old = known.get(portKey(port));
    if (old !== undefined && !hasFallen(old, port)) rates.set(portKey(port), portRates(old, port, seconds));
  }
  return rates;
}

function hasFallen(old: PortCounters, port: PortCounters): boolean {
  return port.rx_packets < old.rx_packets || port.tx_packets < old.tx_packets;
}

function portRates(old: PortCounters, port: PortCounters, seconds: number): PortRates {
  return {
    rxPackets: (port.rx_packets - old.rx_packets) / seconds,
    rxBytes: (port.rx_bytes - old.rx_bytes) / seconds,
    txPackets: (port.tx_packets - old.tx_packets) / seconds,
    txBytes: (port.tx_bytes - old.tx_bytes) / seconds,
    drops: dropRates(old.drops, port.drops, seconds),
  };
}

type Drops = Readonly<Record<string, number>>;

/** Drops a second by reason, those that happen alone. */
export function dropRates(old: Drops, drops: Drops, seconds: number): Record<string, number> {
  const rows = Object.entries(drops).map(([reason, count]) => [
    reason,
    (count - (old[reason] ?? 0)) / seconds,
  ]);
  return Object.fromEntries(rows.filter(([, rate]) => (rate as number) > 0)) as Record<string, number>;
}

/** All of them together. */
export function total(drops: Drops): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}
