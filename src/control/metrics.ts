// The metrics of GET /metrics. Pull only: a scrape takes one snapshot of the data plane's counters and every metric is
// read from it, so that the figures of one scrape belong together (received + copies + duplicates + replies = delivered +
// dropped + held). prom-client
// is used in this file alone.
//
// Every drop reason is exported for every port, at 0 too: rate() and increase() miss the first step of a series that
// appears only with its first drop, and the first drops are what one looks for. That is some hundreds of series for a
// lab; at the 1024 ports that there can be at most, a scrape is 1.6 MB and takes the control plane 60 ms.
import { release } from "node:os";
import { Counter, Gauge, Registry } from "prom-client";
import { DROP_REASONS } from "../dataplane/drop-reason.ts";
import type { BridgeStatus, DropCounts, MirrorStatus, PortStatus, SwitchStatus } from "../dataplane/spec.ts";
import { VERSION } from "./version.ts";
import { noRefusals, type WebRefusals } from "./web/refusals.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [Labels, number];

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly type: "counter" | "gauge";
  read(status: SwitchStatus, web: WebRefusals): readonly Sample[];
}

const DEFINITIONS: readonly Definition[] = [
  ofPorts("receive_packets_total", "Frames received from this port.", (port) => port.rxPackets),
  ofPorts("receive_bytes_total", "Bytes of the frames received from this port.", (port) => port.rxBytes),
  ofPorts("transmit_packets_total", "Frames delivered to this port.", (port) => port.txPackets),
  ofPorts("transmit_bytes_total", "Bytes of the frames delivered to this port.", (port) => port.txBytes),
  ofPorts(
    "too_big_replies_total",
    "Senders at this port that were told by ICMP that a frame was too big for its way.",
    (port) => port.tooBigReplies,
  ),
  ofPorts(
    "neigh_replies_total",
    "Questions from this port (ARP, ND) that the switch answered in the name of whom they asked for.",
    (port) => port.neighReplies,
  ),
  ofPorts(
    "mss_clamped_total",
    "TCP SYNs whose MSS was lowered to what fits the way, for the sake of this port.",
    (port) => port.mssClamped,
  ),
  ofPorts(
    "unfilled_checksums_total",
    "Frames whose sender had left their TCP or UDP checksum undone, which the switch completes.",
    (port) => port.unfilledChecksums,
  ),
  {
    ...ofPorts(
      "last_receive_timestamp_seconds",
      "When the port last received a frame, to the second, since 1970; 0 if never.",
      (port) => Math.floor((port.lastReceived?.wallMs ?? 0) / 1000),
    ),
    type: "gauge",
  },
  ofPorts(
    "impair_duplicates_total",
    "Frames beyond the first that this port's impaired cable made of one.",
    (port) => port.impairDuplicates,
  ),
  {
    ...ofPorts("impair_held", "Frames that this port's impaired cable holds.", (port) => port.impairHeld),
    type: "gauge",
  },
  {
    ...ofPorts("up", "1 if the port forwards, 0 if it is down.", (port) => Number(port.state === "up")),
    type: "gauge",
  },
  {
    ...ofPorts("quarantined", "1 while the port is out of its bridge, for it is a part of a loop.", (port) =>
      Number(port.quarantinedSecondsLeft > 0),
    ),
    type: "gauge",
  },
  ofPorts("quarantines_total", "Times that the port was quarantined.", (port) => port.quarantines),
  {
    name: "vxswitch_drops_total",
    help: "Frames dropped, by reason. Those dropped before a port is known have an empty bridge and the port underlay.",
    labels: ["bridge", "port", "reason"],
    type: "counter",
    read: ({ underlay, ports }) => [
      ...dropSamples({ bridge: "", port: "underlay" }, underlay.drops),
      ...ports.flatMap(({ bridge, name, drops }) => dropSamples({ bridge, port: name }, drops)),
    ],
  },
  {
    ...ofBridges("fdb_entries", "Addresses in the FDB, static ones included.", (bridge) => bridge.fdbEntries),
    type: "gauge",
  },
  ofBridges("fdb_learned_total", "Addresses learnt.", (bridge) => bridge.fdbLearned),
  ofBridges("fdb_moved_total", "Addresses that moved to another port or VTEP.", (bridge) => bridge.fdbMoved),
  ofBridges("fdb_expired_total", "Addresses forgotten for their age.", (bridge) => bridge.fdbExpired),
  ofBridges("fdb_evicted_total", "Addresses forgotten for lack of room.", (bridge) => bridge.fdbEvicted),
  ofBridges(
    "neigh_evicted_total",
    "IP addresses told by ARP and ND that were forgotten for lack of room.",
    (bridge) => bridge.neighEvicted,
  ),
  {
    ...ofBridges(
      "mcast_groups",
      "Multicast groups that somebody has reported to listen to.",
      (bridge) => bridge.mcastGroups,
    ),
    type: "gauge",
  },
  ofBridges(
    "mcast_evicted_total",
    "Times that the table of multicast listeners had no room, so that a group was flooded.",
    (bridge) => bridge.mcastEvicted,
  ),
  ofBridges(
    "flood_copies_total",
    "Copies beyond the first that flooding made.",
    (bridge) => bridge.floodCopies,
  ),
  ofMirrors("packets_total", "Frames written to the mirror's output.", (mirror) => mirror.packets),
  ofMirrors("bytes_total", "Bytes written to the mirror's output.", (mirror) => mirror.bytes),
  {
    name: "vxswitch_mirror_drops_total",
    help: "Selected frames that the mirror lost: its queue was full, or its output refused them.",
    labels: ["bridge", "mirror", "reason"],
    type: "counter",
    read: ({ mirrors }) =>
      mirrors.flatMap(({ bridge, name, queueDrops, outputDrops }) => [
        [{ bridge, mirror: name, reason: "queue" }, queueDrops],
        [{ bridge, mirror: name, reason: "output" }, outputDrops],
      ]),
  },
  ofSwitch(
    "underlay_receive_packets_total",
    "Datagrams received from the underlay.",
    (status) => status.underlay.receivePackets,
  ),
  ofSwitch(
    "underlay_receive_overruns_total",
    "Datagrams that the kernel dropped because the receive queue was full.",
    (status) => status.underlay.receiveOverruns,
  ),
  {
    name: "vxswitch_worker_receive_packets_total",
    help: "Frames that each forwarding thread received.",
    labels: ["worker"],
    type: "counter",
    read: ({ workers }) =>
      workers.map(({ receivePackets }, worker) => [{ worker: String(worker) }, receivePackets]),
  },
  ofSwitch(
    "learning_drops_total",
    "Addresses that one forwarding thread could not tell another, the ring between them being full.",
    (status) => status.learningDrops,
  ),
  { ...ofSwitch("hosts", "Hosts that the bridges know.", ({ hosts }) => hosts.present), type: "gauge" },
  ofSwitch("hosts_evicted_total", "Hosts forgotten for lack of room.", ({ hosts }) => hosts.evicted),
  ofSwitch(
    "host_events_lost_total",
    "Events of hosts that were not told, more having happened at once than is.",
    ({ hosts }) => hosts.eventsLost,
  ),
  ofSwitch(
    "path_changes_total",
    "Changes of the next hop to a remote: its device, an address, its neighbour found or lost.",
    (status) => status.underlay.pathChanges,
  ),
  ofSwitch(
    "worker_restarts_total",
    "Times that a forwarding thread or the mirror thread was restarted.",
    (status) => status.workerRestarts,
  ),
  {
    name: "vxswitch_web_refusals_total",
    help: "Requests to the page and its API that were refused, and streams and readers of events that were ended for not reading.",
    labels: ["reason"],
    type: "counter",
    read: (_, web) => Object.entries(web).map(([reason, count]) => [{ reason }, count]),
  },
  {
    name: "vxswitch_build_info",
    help: "Always 1; the labels say what runs: version, underlay in use, Node.js and kernel.",
    labels: ["version", "io", "node", "kernel"],
    type: "gauge",
    read: ({ underlay }) => [
      [{ version: VERSION, io: underlay.io, node: process.versions.node, kernel: release() }, 1],
    ],
  },
];

/** Renders the metrics of what `read` reports, in the Prometheus text format. */
export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #read: () => SwitchStatus;
  readonly #web: WebRefusals;
  #snapshot: SwitchStatus;

  constructor(read: () => SwitchStatus, web: WebRefusals = noRefusals()) {
    this.#read = read;
    this.#web = web;
    this.#snapshot = read();
    this.contentType = this.#registry.contentType;
    for (const definition of DEFINITIONS) this.#register(definition);
  }

  /** One scrape. */
  async text(): Promise<string> {
    this.#snapshot = this.#read();
    return this.#registry.metrics();
  }

  #register({ name, help, labels, type, read }: Definition): void {
    const samples = () => read(this.#snapshot, this.#web);
    const common = { name, help, labelNames: labels, registers: [this.#registry] };
    if (type === "counter") {
      new Counter({
        ...common,
        // The true counter is the data plane's; this one is made to say the same.
        collect() {
          this.reset();
          for (const [values, count] of samples()) this.inc(values, count);
        },
      });
    } else {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const [values, level] of samples()) this.set(values, level);
        },
      });
    }
  }
}

function ofPorts(name: string, help: string, value: (port: PortStatus) => number): Definition {
  return {
    name: `vxswitch_port_${name}`,
    help,
    labels: ["bridge", "port"],
    type: "counter",
    read: ({ ports }) => ports.map((port) => [{ bridge: port.bridge, port: port.name }, value(port)]),
  };
}

function ofBridges(name: string, help: string, value: (bridge: BridgeStatus) => number): Definition {
  return {
    name: `vxswitch_${name}`,
    help,
    labels: ["bridge"],
    type: "counter",
    read: ({ bridges }) => bridges.map((bridge) => [{ bridge: bridge.name }, value(bridge)]),
  };
}

function ofMirrors(name: string, help: string, value: (mirror: MirrorStatus) => number): Definition {
  return {
    name: `vxswitch_mirror_${name}`,
    help,
    labels: ["bridge", "mirror"],
    type: "counter",
    read: ({ mirrors }) =>
      mirrors.map((mirror) => [{ bridge: mirror.bridge, mirror: mirror.name }, value(mirror)]),
  };
}

function ofSwitch(name: string, help: string, value: (status: SwitchStatus) => number): Definition {
  return {
    name: `vxswitch_${name}`,
    help,
    labels: [],
    type: "counter",
    read: (status) => [[{}, value(status)]],
  };
}

function dropSamples(labels: Labels, drops: DropCounts): Sample[] {
  return DROP_REASONS.map(({ name }) => [{ ...labels, reason: name }, drops[name] ?? 0]);
}
