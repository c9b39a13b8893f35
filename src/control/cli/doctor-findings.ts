// What `vxswitch doctor` finds, in words: the machine's abilities and a running switch's state as rows of one shape. Pure:
// the trying is src/dataplane/inventory/abilities.ts's. The keys of a row are relied upon from outside.
import type { Abilities, Attempt } from "../../dataplane/inventory/abilities.ts";
import { isNodeTooOld, NODE_MIN_TEXT } from "../node-version.ts";
import type { Overview } from "../server/views.ts";

export interface Finding {
  readonly check: string;
  /** `limited`: it works, with less than there could be. */
  readonly state: "ok" | "limited" | "missing";
  /** What was tried and what came back. */
  readonly evidence: string;
  /** What to do about it; "" if ok. */
  readonly remedy: string;
  readonly needed_for: string;
}

/** Without what is needed for this, nothing is switched. */
export const FORWARDING = "forwarding";
const RING = "io: ring";

/** Linux that has tcx links, and Linux whose TAPs know tunnel offloads. */
const KERNEL_TCX = [6, 6] as const;
const KERNEL_TUNNEL = [6, 17] as const;
const MEBIBYTE = 1 << 20;

/** What the machine offers and lacks; `daemon` is the switch that runs, null if none answers. */
export function machineFindings(abilities: Abilities, daemon: Overview | null): Finding[] {
  const { addon, udpSegment, udpGro, tap, classifier, link, ring, tunnel, trains } = abilities;
  const on = tap === null ? "on a TAP of its own" : "as far as can be tried without a TAP";
  return [
    kernelFinding(abilities),
    nodeFinding(abilities),
    attempted("addon", FORWARDING, addon, "it loads"),
    portFinding(abilities, daemon),
    bufferFinding(abilities),
    attempted("udp_segment", "frames in trains", udpSegment, "a UDP socket takes UDP_SEGMENT"),
    attempted("udp_gro", "datagrams received in trains", udpGro, "a UDP socket takes UDP_GRO"),
    attempted("packet_socket", "trains past the UDP sockets", trains, "one was opened and closed"),
    attempted("tap", "TAP ports, mirrors to a TAP", tap, "a TAP was opened and closed"),
    attempted("classifier", RING, classifier, "bpf(2) made its map"),
    attempted("ring_buffer", RING, ring, "bpf(2) made a ring buffer"),
    attempted("tcx", RING, link, `a ring's program was linked, ${on}`),
    attempted(
      "tunnel_tap",
      "super-frames that leave whole",
      tunnel,
      "a TAP took tunnel offloads and a redirect",
    ),
    processorFinding(abilities, daemon),
  ];
}

/** What a running switch uses, and what it suffers from. */
export function daemonFindings({ version, alive, underlay, ports }: Overview): Finding[] {
  const down = ports.filter(({ state }) => state === "down");
  return [
    {
      ...(alive
        ? ok("daemon", `vxswitch ${version}, underlay ${underlay.io}: ${underlay.reason}`)
        : missing(
            "daemon",
            "a forwarding thread does not answer",
            "it is started again; the daemon's log says why",
          )),
      needed_for: "the running switch",
    },
    overrunFinding(underlay.rx_overruns),
    ...down.map(({ bridge, port, reason }) => ({
      ...missing(`port ${bridge}/${port}`, `down: ${reason}`, "as it says; the switch tries again by itself"),
      needed_for: "the running switch",
    })),
  ];
}

/** One line a finding, the remedy behind an arrow. */
export function findingCells({ check, state, needed_for, evidence, remedy }: Finding): string[] {
  return [check, state, needed_for, remedy === "" ? evidence : `${evidence} -> ${remedy}`];
}

type Judged = Omit<Finding, "needed_for">;

function ok(check: string, evidence: string): Judged {
  return { check, state: "ok", evidence, remedy: "" };
}

function limited(check: string, evidence: string, remedy: string): Judged {
  return { check, state: "limited", evidence, remedy };
}

function missing(check: string, evidence: string, remedy: string): Judged {
  return { check, state: "missing", evidence, remedy };
}

function attempted(check: string, neededFor: string, attempt: Attempt, evidence: string): Finding {
  const judged =
    attempt === null ? ok(check, evidence) : missing(check, attempt.why, remedyOf(attempt.remedy));
  return { ...judged, needed_for: neededFor };
}

/** An error that nobody foresaw has no remedy of its own. */
function remedyOf(remedy: string): string {
  return remedy === "" ? "report it with this output" : remedy;
}

function kernelFinding({ kernel }: Abilities): Finding {
  const evidence = `Linux ${kernel}`;
  const judge = (): Judged => {
    if (isBelow(kernel, KERNEL_TCX))
      return limited(
        "kernel",
        `${evidence}, without tcx and so without the ring`,
        "boot Linux 6.17 or newer",
      );
    if (isBelow(kernel, KERNEL_TUNNEL))
      return limited("kernel", `${evidence}, whose TAPs know no tunnel offloads`, "boot Linux 6.17 or newer");
    return ok("kernel", evidence);
  };
  return { ...judge(), needed_for: FORWARDING };
}

function isBelow(release: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release.split(/[.-]/).map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}

function nodeFinding({ nodeVersion }: Abilities): Finding {
  const evidence = `Node.js ${nodeVersion}`;
  const judged = isNodeTooOld(nodeVersion)
    ? missing("node", `${evidence}, below ${NODE_MIN_TEXT}`, `install Node.js ${NODE_MIN_TEXT} or newer`)
    : ok("node", evidence);
  return { ...judged, needed_for: FORWARDING };
}

/** A port that the running switch itself holds is where it should be. */
function portFinding({ udpPort: { port, attempt, holder } }: Abilities, daemon: Overview | null): Finding {
  const isOurs = holder !== null && holder.pid === daemon?.pid;
  const evidence = isOurs
    ? `port ${port} is held by the running switch (process ${holder.pid})`
    : `port ${port} was bound and closed again`;
  return attempted("udp_port", FORWARDING, isOurs ? null : attempt, evidence);
}

function bufferFinding({ receiveBuffer: { attempt, wantedBytes, grantedBytes } }: Abilities): Finding {
  const evidence = `a UDP socket is granted ${mebibytes(grantedBytes)} of ${mebibytes(wantedBytes)} MiB wanted`;
  const finding = attempted("receive_buffer", "bursts without overruns", attempt, evidence);
  if (finding.state !== "ok" || grantedBytes >= wantedBytes) return finding;
  const remedy = `sysctl -w net.core.rmem_max=${wantedBytes}, or run with CAP_NET_ADMIN`;
  return { ...finding, state: "limited", remedy };
}

function mebibytes(bytes: number): string {
  return String(Math.round((bytes / MEBIBYTE) * 10) / 10);
}

function processorFinding({ processors }: Abilities, daemon: Overview | null): Finding {
  const workers = daemon?.workers.length ?? 1;
  const evidence = `${processors} of them for ${workers} forwarding thread${workers === 1 ? "" : "s"}`;
  const judged =
    workers <= processors
      ? ok("processors", evidence)
      : limited("processors", evidence, `underlay: { workers: ${processors} }`);
  return { ...judged, needed_for: "workers" };
}

function overrunFinding(overruns: number): Finding {
  const evidence = `${overruns} datagrams found a receive queue full since the switch started`;
  const remedy = "more forwarding threads (underlay: { workers: N }), or a core for each (spin: always)";
  const judged = overruns === 0 ? ok("overruns", evidence) : limited("overruns", evidence, remedy);
  return { ...judged, needed_for: "the running switch" };
}
