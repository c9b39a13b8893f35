// What `vxswitch doctor` finds on the machine: its abilities in words. Pure: the trying is
// src/dataplane/inventory/abilities.ts's.
import type { Abilities, Attempt, UdpPort } from "../../dataplane/inventory/abilities.ts";
import { CAPABILITIES, type Capability } from "../../dataplane/inventory/capabilities.ts";
import { isNodeTooOld, NODE_MIN_TEXT } from "../node-version.ts";
import type { Overview } from "../server/views.ts";
import { type Finding, FORWARDING, type Judged, note, ok, problem, warning } from "./finding.ts";
import { isBelow } from "./kernel-release.ts";

const RING = "io: ring";

/** Linux that has tcx links, and Linux whose TAPs know tunnel offloads. */
const KERNEL_TCX = [6, 6] as const;
const KERNEL_TUNNEL = [6, 17] as const;
const MEBIBYTE = 1 << 20;

const CAPABILITY_USES: Readonly<Record<Capability, string>> = {
  CAP_NET_ADMIN: "TAPs, receive rings",
  CAP_NET_RAW: "packet sockets, ERSPAN",
  CAP_BPF: "receive rings",
};

/** What the machine offers and lacks; `daemon` is the switch that runs, null if none answers. */
export function machineFindings(abilities: Abilities, daemon: Overview | null): Finding[] {
  const { addon, udpSegment, udpGro, tap, classifier, link, ring, tunnel, trains } = abilities;
  const on = tap === null ? "on a TAP of its own" : "as far as can be tried without a TAP";
  return [
    kernelFinding(abilities),
    nodeFinding(abilities),
    capabilityFinding(abilities, daemon),
    attempted("addon", FORWARDING, addon, "it loads"),
    ...abilities.udpPorts.map((port, index) => portFinding(port, index === 0, daemon)),
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

function attempted(check: string, neededFor: string, attempt: Attempt, evidence: string): Finding {
  const lack = neededFor === FORWARDING ? problem : warning;
  const judged = attempt === null ? ok(check, evidence) : lack(check, attempt.why, remedyOf(attempt.remedy));
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
      return note("kernel", `${evidence}, without tcx and so without the ring`, "boot Linux 6.17 or newer");
    if (isBelow(kernel, KERNEL_TUNNEL))
      return note("kernel", `${evidence}, whose TAPs know no tunnel offloads`, "boot Linux 6.17 or newer");
    return ok("kernel", evidence);
  };
  return { ...judge(), needed_for: FORWARDING };
}

function nodeFinding({ nodeVersion }: Abilities): Finding {
  const evidence = `Node.js ${nodeVersion}`;
  const judged = isNodeTooOld(nodeVersion)
    ? problem("node", `${evidence}, below ${NODE_MIN_TEXT}`, `install Node.js ${NODE_MIN_TEXT} or newer`)
    : ok("node", evidence);
  return { ...judged, needed_for: FORWARDING };
}

/** Where a switch runs, its own are what counts; who asks may be another user. */
function capabilityFinding({ capabilities }: Abilities, daemon: Overview | null): Finding {
  const judge = (): Judged => {
    if (capabilities === null)
      return note(
        "capabilities",
        "not looked at: /proc/self/status cannot be read",
        "mount -t proc proc /proc",
      );
    const { pid, held } = capabilities;
    const whose = pid === daemon?.pid ? `the running switch (process ${pid})` : "this process";
    const lacking = CAPABILITIES.filter((name) => !held.includes(name));
    const holds = held.length === 0 ? "" : `holds ${held.join(", ")}`;
    if (lacking.length === 0) return ok("capabilities", `${whose} ${holds}`);
    const lacks = lacking.map((name) => `${name} (${CAPABILITY_USES[name]})`).join(", ");
    const remedy =
      `run it as root, or with 'AmbientCapabilities=${CAPABILITIES.join(" ")}' in a systemd unit, as ` +
      "contrib/systemd/vxswitch.service has it";
    return note("capabilities", `${whose} lacks ${lacks}${holds && `; it ${holds}`}`, remedy);
  };
  return { ...judge(), needed_for: "TAP ports, io: ring, packet sockets" };
}

/** A port that the running switch itself holds is where it should be. The underlay's own has a check without its number. */
function portFinding(
  { port, attempt, holder }: UdpPort,
  isUnderlays: boolean,
  daemon: Overview | null,
): Finding {
  const check = isUnderlays ? "udp_port" : `udp_port ${port}`;
  const isOurs = holder !== null && holder.pid === daemon?.pid;
  const evidence = isOurs
    ? `port ${port} is held by the running switch (process ${holder.pid})`
    : `port ${port} was bound and closed again`;
  return attempted(check, FORWARDING, isOurs ? null : attempt, evidence);
}

function bufferFinding({ receiveBuffer }: Abilities): Finding {
  const { attempt, wantedBytes, grantedBytes, limitBytes } = receiveBuffer;
  const limit = limitBytes === null ? "" : `; net.core.rmem_max is ${limitBytes}`;
  const evidence = `a UDP socket is granted ${mebibytes(grantedBytes)} of ${mebibytes(wantedBytes)} MiB wanted${limit}`;
  const finding = attempted("receive_buffer", "bursts without overruns", attempt, evidence);
  if (finding.state !== "ok" || grantedBytes >= wantedBytes) return finding;
  const remedy = `sysctl -w net.core.rmem_max=${wantedBytes} (/etc/sysctl.d keeps it over a reboot), or run with CAP_NET_ADMIN`;
  return { ...finding, state: "note", remedy };
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
      : note("processors", evidence, `underlay: { workers: ${processors} }`);
  return { ...judged, needed_for: "workers" };
}
