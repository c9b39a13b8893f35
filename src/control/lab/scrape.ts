// Reads the switch's metrics as a monitoring system would, and checks the promise behind them: every frame received is
// delivered or dropped with a reason, where a flooded frame counts once as received and once per copy as delivered, and an
// answer of the switch's own (ICMP: too big; ARP, ND) is delivered without having been received, as is a duplicate that an impaired
// cable makes; what such a cable holds is yet to be delivered.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a scrape in the Prometheus text format; what is not a sample is skipped. */
export function parseScrape(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const pairs = [...(match[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)];
    const labels = Object.fromEntries(pairs.map(([, key, value]) => [key, value]));
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

/** The sum over all samples of a metric that carry these labels. */
export function sum(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels);
  return samples
    .filter((sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value))
    .reduce((total, sample) => total + sample.value, 0);
}

/** One side of the account of a bridge has to equal the other. */
export interface Balance {
  readonly bridge: string;
  readonly received: number;
  /** Copies beyond the first that flooding made. */
  readonly copies: number;
  /** Of the switch's own. */
  readonly replies: number;
  /** Made by impaired cables; `held` is what those hold. */
  readonly duplicates: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly held: number;
}

/** The account of every bridge in a scrape. */
export function balances(samples: readonly Sample[]): Balance[] {
  const received = "vxswitch_port_receive_packets_total";
  const bridges = new Set(
    samples.filter((sample) => sample.name === received).map((sample) => sample.labels.bridge),
  );
  return [...bridges].map((bridge) => ({
    bridge,
    received: sum(samples, received, { bridge }),
    copies: sum(samples, "vxswitch_flood_copies_total", { bridge }),
    replies:
      sum(samples, "vxswitch_port_too_big_replies_total", { bridge }) +
      sum(samples, "vxswitch_port_neigh_replies_total", { bridge }),
    duplicates: sum(samples, "vxswitch_port_impair_duplicates_total", { bridge }),
    delivered: sum(samples, "vxswitch_port_transmit_packets_total", { bridge }),
    dropped: sum(samples, "vxswitch_drops_total", { bridge }),
    held: sum(samples, "vxswitch_port_impair_held", { bridge }),
  }));
}

export function isBalanced(balance: Balance): boolean {
  return differenceOf(balance) === 0;
}

/** Frames that are missing, positive, or that came of nothing, negative. */
export function differenceOf(balance: Balance): number {
  const { received, copies, replies, duplicates, delivered, dropped, held } = balance;
  return received + copies + replies + duplicates - delivered - dropped - held;
}
