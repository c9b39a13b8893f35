// What vxswitch is meant to reach, compared with what was measured in the same run: ratios of medians of two samples, or a
// median alone.

import { ALTERNATING, frames, IMIX } from "./measures/frames.ts";
import { MIRRORED } from "./measures/mirrored.ts";
import { tcp } from "./measures/tcp.ts";
import { WATCHING_COSTS } from "./measures/watched.ts";
import { table } from "./report.ts";
import type { Samples } from "./samples.ts";

/** Our switch in the make that counts; another one stands in where that was not measured. */
const SUBJECTS = ["vxswitch-ring", "vxswitch-udp"];
const SPINNING = "vxswitch-ring-spin";
const KERNEL = "kernel-bridge";
const AFXDP = "ovs-afxdp";
const AFPACKET = "ovs-afpacket";
const C_LOOP = "c-loop";

/** One sample: of the subject, unless a peer is named. */
interface Operand {
  readonly peer?: string;
  readonly title: string;
}

export interface Target {
  readonly what: string;
  readonly value: Operand;
  /** What it is divided by; left out: nothing. */
  readonly base?: Operand;
  readonly bound: "at least" | "at most" | "below";
  readonly limit: number;
  readonly unit: string;
}

export interface Verdict {
  readonly target: Target;
  /** Undefined if a sample that it needs is missing. */
  readonly measured?: number;
  readonly met?: boolean;
}

const title = {
  small: frames(64, 1).title,
  smallMixed: frames(64, 64).title,
  large: frames(1400, 1).title,
  largeMixed: frames(1400, 64).title,
  alternating: frames(ALTERNATING, 64).title,
  imix: frames(IMIX, 64).title,
} as const;

const TCP_TITLES = [tcp(1), tcp(1, "both"), tcp(8), tcp(8, "both")].map((measure) => measure.title);

/** A figure of ours as a multiple of a peer's. */
function multiple(figure: string, peer: string, limit: number, bound: Target["bound"] = "at least"): Target {
  return {
    what: `${figure}, ${peer}`,
    value: { title: figure },
    base: { peer, title: figure },
    bound,
    limit,
    unit: "×",
  };
}

/** The same, of the switch to which a core was given. */
function spinning(target: Target): Target {
  return { ...target, what: `spinning: ${target.what}`, value: { ...target.value, peer: SPINNING } };
}

/** A figure of ours as a multiple of another one of ours. */
function kept(figure: string, basis: string, limit: number): Target {
  const [value, base] = [{ title: figure }, { title: basis }];
  return { what: `${figure} of ${basis}`, value, base, bound: "at least", limit, unit: "×" };
}

function alone(figure: string, bound: Target["bound"], limit: number, unit: string): Target {
  return { what: figure, value: { title: figure }, bound, limit, unit };
}

export const TARGETS: readonly Target[] = [
  ...[title.small, title.smallMixed].flatMap((figure) => [
    multiple(figure, KERNEL, 2.8),
    multiple(figure, AFXDP, 1.8),
    multiple(figure, AFPACKET, 4),
    multiple(figure, "dgram", 8),
    multiple(figure, C_LOOP, 0.95),
  ]),
  ...[title.large, title.largeMixed].map((figure) => multiple(figure, AFXDP, 1.7)),
  ...[title.alternating, title.imix].flatMap((figure) => [
    multiple(figure, AFXDP, 1),
    multiple(figure, KERNEL, 1.5),
  ]),
  ...TCP_TITLES.flatMap((figure) => [
    multiple(figure, KERNEL, 1.05),
    multiple(figure, AFXDP, 12),
    multiple(figure, AFPACKET, 12),
  ]),
  multiple("round trip, median", KERNEL, 4, "at most"),
  spinning(multiple("round trip, median", KERNEL, 1.6, "at most")),
  ...["round trip under half load, 99th percentile", "round trip at 150 kpps, 99th percentile"].flatMap(
    (figure) => {
      const target = multiple(figure, AFXDP, 1, "at most");
      return [target, spinning(target)];
    },
  ),
  ...[title.small, title.smallMixed, title.largeMixed, tcp(1).title].map((figure) =>
    kept(`${figure}${MIRRORED}`, figure, 0.7),
  ),
  alone("idle: CPU of the switch's process", "below", 1, "% of a core"),
  kept("64-byte frames, 64 flows, 1,000 ports", "64-byte frames, 64 flows, 2 ports", 0.9),
  kept("64-byte frames, 64 flows, 65,536 addresses", "64-byte frames, 64 flows, 2 addresses", 0.9),
  alone("scavenges in the forwarding thread", "at most", 0, ""),
  alone(WATCHING_COSTS, "below", 3, "%"),
];

/** Which of the targets are met by the samples of one run. */
export function judge(targets: readonly Target[], subject: string, samples: Samples): Verdict[] {
  return targets.map((target) => {
    const read = ({ peer = subject, title }: Operand) => samples.median(peer, title);
    const value = read(target.value);
    const base = target.base === undefined ? 1 : read(target.base);
    if (value === undefined || !base) return { target };
    const measured = value / base;
    return { target, measured, met: isMet(target, measured) };
  });
}

function isMet({ bound, limit }: Target, measured: number): boolean {
  if (bound === "at least") return measured >= limit;
  return bound === "at most" ? measured <= limit : measured < limit;
}

/** The table of all targets, and which of our switches it is about. */
export function targetsMarkdown(samples: Samples): string {
  const subject = SUBJECTS.find((peer) => samples.peers.includes(peer)) ?? SUBJECTS[0];
  const verdicts = judge(TARGETS, subject, samples);
  const missed = verdicts.filter((verdict) => verdict.met === false).length;
  const met = verdicts.filter((verdict) => verdict.met === true).length;
  const counts = `${met} met, ${missed} missed, ${verdicts.length - met - missed} not measured`;
  return `Of ${subject}; a ratio is that of two medians of this run: ${counts}.\n\n${table(
    ["figure, and what it is compared with", "target", "measured", "met"],
    verdicts.map(cells),
  )}`;
}

function cells({ target, measured, met }: Verdict): string[] {
  const { what, bound, limit, unit } = target;
  const show = (value: number) => `${Number(value.toFixed(2))} ${unit}`.trim();
  const verdict = met === undefined ? "not measured" : met ? "yes" : "**no**";
  return [what, `${bound} ${show(limit)}`, measured === undefined ? "–" : show(measured), verdict];
}
