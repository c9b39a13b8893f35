// What `vxswitch doctor` finds in a running switch: what it uses, what it suffers from, and which of its far ends are odd.
import type { Overview, PortView } from "../server/views.ts";
import { type Finding, type Judged, note, ok, problem, warning } from "./finding.ts";

/** A VTEP that is there is heard more often: ARP alone is asked again within minutes. */
const SILENT_SECONDS = 600;
/** Before it was sent so many, a VTEP that has not answered may just not have been asked anything. */
const ASKED_FRAMES = 10;
/** One good checksum in 65,536 looks like one left undone; ten times as many are no chance. */
const CHANCE_FRAMES = 6554;

/** What a running switch uses, and what it suffers from. */
export function runningFindings(overview: Overview): Finding[] {
  const ports = overview.ports.flatMap((port) => [
    ...downFindings(port),
    ...silentFindings(port),
    ...refusedFindings(port),
    ...checksumFindings(port),
  ]);
  const judged = [daemonFinding(overview), overrunFinding(overview.underlay.rx_overruns), ...ports];
  return judged.map((finding) => ({ ...finding, needed_for: "the running switch" }));
}

function daemonFinding({ version, alive, underlay }: Overview): Judged {
  if (alive) return ok("daemon", `vxswitch ${version}, underlay ${underlay.io}: ${underlay.reason}`);
  const remedy = "it is started again; the daemon's log says why";
  return problem("daemon", "a forwarding thread does not answer", remedy);
}

function overrunFinding(overruns: number): Judged {
  const evidence = `${overruns} datagrams found a receive queue full since the switch started`;
  if (overruns === 0) return ok("overruns", evidence);
  const remedy = "more forwarding threads (underlay: { workers: N }), or a core for each (spin: always)";
  return warning("overruns", evidence, remedy);
}

function downFindings(port: PortView): Judged[] {
  if (port.state === "up") return [];
  return [
    problem(checkOf("port", port), `down: ${port.reason}`, "as it says; the switch tries again by itself"),
  ];
}

/** Of a port with one VTEP; who is behind a group or a hub is not known to be there at all. */
function silentFindings(port: PortView): Judged[] {
  const { state, remote, tx_packets: sent, rx_idle_seconds: idle } = port;
  if (state === "down" || port.type === "tap" || !isAddress(remote) || sent < ASKED_FRAMES) return [];
  const remedy =
    `ping ${remote}, and at that host: ip -d link show type vxlan (id ${port.vni}, remote, dstport ` +
    `${port.dstport}, up), tcpdump -nni DEVICE udp port ${port.dstport}`;
  if (idle === null)
    return [warning(checkOf("silent", port), `${remote}: ${sent} frames sent, none ever received`, remedy)];
  if (idle < SILENT_SECONDS) return [];
  return [
    note(checkOf("silent", port), `${remote}: ${sent} frames sent, none received for ${idle} s`, remedy),
  ];
}

/** Several remotes are separated by commas, a group and a hub have words. */
function isAddress(remote: string | null): remote is string {
  return remote !== null && /^[0-9a-f.:]+$/.test(remote);
}

/** What the kernel would not send. */
function refusedFindings(port: PortView): Judged[] {
  const { remote, dstport } = port;
  const refused = port.drops.unreachable ?? 0;
  if (refused === 0) return [];
  const evidence = `${refused} frames to ${remote} were refused by the kernel: no route, or a firewall (OUTPUT)`;
  const remedy = `ip route get ${remote}; nft list ruleset or iptables-save -c: let UDP to port ${dstport} out`;
  return [warning(checkOf("unreachable", port), evidence, remedy)];
}

function checksumFindings(port: PortView): Judged[] {
  const { remote, rx_packets: received, unfilled_checksums: unfilled } = port;
  if (unfilled * CHANCE_FRAMES <= received) return [];
  const evidence = `${port.port} (${remote}) sends frames with unfilled checksums: ${unfilled} of ${received} repaired; harmless here`;
  return [note(checkOf("checksums", port), evidence, "to stop it, on that host: ethtool -K DEVICE tx off")];
}

function checkOf(what: string, { bridge, port }: PortView): string {
  return `${what} ${bridge}/${port}`;
}
