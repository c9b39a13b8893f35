// What this machine lets the switch have, found out by trying each thing once (io/probe.ts). Values only: the words are
// explain.ts's and those of whoever shows them.
import { availableParallelism, release } from "node:os";
import * as probe from "../io/probe.ts";
import { SOCKET_BUFFER_BYTES } from "../limits.ts";
import { SystemError } from "../system-error.ts";
import { type Capabilities, readCapabilities } from "./capabilities.ts";
import {
  type Fault,
  optionFault,
  ringFault,
  sentence,
  socketFault,
  tapFault,
  textOf,
  trainsFault,
  tunnelFault,
} from "./explain.ts";
import { type Holder, udpPortHolder } from "./port-holder.ts";
import { readText } from "./read-text.ts";

/** What came of trying one thing: null = it works. */
export type Attempt = Fault | null;

export interface UdpPort {
  readonly port: number;
  readonly attempt: Attempt;
  /** Who has it, where it could not be had. */
  readonly holder: Holder | null;
}

export interface Abilities {
  /** As `uname -r` has it. */
  readonly kernel: string;
  readonly nodeVersion: string;
  readonly processors: number;
  /** Of the daemon or of this process; null = unknown. */
  readonly capabilities: Capabilities | null;
  readonly addon: Attempt;
  /** In the order in which they were asked for. */
  readonly udpPorts: readonly UdpPort[];
  /** Receive queue of a UDP socket. */
  readonly receiveBuffer: {
    readonly attempt: Attempt;
    readonly wantedBytes: number;
    readonly grantedBytes: number;
    /** net.core.rmem_max; null where the network namespace shows none. */
    readonly limitBytes: number | null;
  };
  readonly udpSegment: Attempt;
  readonly udpGro: Attempt;
  readonly tap: Attempt;
  readonly classifier: Attempt;
  /** Of the classifier to a device, by tcx. */
  readonly link: Attempt;
  readonly ring: Attempt;
  /** A TAP by which super-frames leave whole. */
  readonly tunnel: Attempt;
  /** A packet socket by which trains leave. */
  readonly trains: Attempt;
}

/** Tries everything; opens nothing that stays. `ports` are the UDP ports to look at; a daemon's capabilities count if one runs. */
export function probeAbilities(ports: readonly number[], daemonPid: number | null): Abilities {
  const addon = attempt(probe.tryAddon, addonFault);
  const withAddon = (work: () => void, fault: (error: unknown) => Fault): Attempt =>
    addon === null ? attempt(work, fault) : untried("the addon", addon);
  const udpPorts = ports.map((port): UdpPort => {
    const tried = withAddon(
      () => probe.tryUdpPort(port),
      (error) => socketFault(error, null, port),
    );
    return { port, attempt: tried, holder: tried === null ? null : udpPortHolder(port) };
  });
  let grantedBytes = 0;
  const buffer = withAddon(() => {
    grantedBytes = probe.grantedBufferBytes(SOCKET_BUFFER_BYTES);
  }, optionFault);
  return {
    kernel: release(),
    nodeVersion: process.versions.node,
    processors: availableParallelism(),
    capabilities: readCapabilities(daemonPid),
    addon,
    udpPorts,
    receiveBuffer: {
      attempt: buffer,
      wantedBytes: SOCKET_BUFFER_BYTES,
      grantedBytes,
      limitBytes: bufferLimitBytes(),
    },
    udpSegment: withAddon(() => probe.trySocket(probe.PROBE_UDP_SEGMENT), optionFault),
    udpGro: withAddon(() => probe.trySocket(probe.PROBE_UDP_GRO), optionFault),
    trains: withAddon(probe.tryTrains, trainsFault),
    ...probeDevices(addon),
  };
}

/**
 * Throws SystemError, in one sentence, unless this process may have what a ring takes on any device. No device is looked
 * at: one that refuses a ring of its own later is another matter (rings.ts).
 */
export function requireRing(): void {
  const { classifier, link, ring } = probeRing(probe.NO_DEVICE);
  const fault = classifier ?? ring ?? link;
  if (fault === null) return;
  throw new SystemError(
    `io: ring is configured, but the ring cannot be had here: ${sentence(fault)}; ` +
      "set io: auto to go without, and see 'vxswitch doctor'",
  );
}

type DeviceAbilities = Pick<Abilities, "tap" | "classifier" | "link" | "ring" | "tunnel">;

/** What is tried on a TAP of our own, as far as there is one. */
function probeDevices(addon: Attempt): DeviceAbilities {
  if (addon !== null) {
    const missing = untried("the addon", addon);
    return { tap: missing, classifier: missing, link: missing, ring: missing, tunnel: missing };
  }
  const name = probe.trialName();
  let tap: probe.TrialTap;
  try {
    tap = probe.openTrialTap(name);
  } catch (error) {
    const fault = tapFault(error, name);
    return { tap: fault, ...probeRing(probe.NO_DEVICE), tunnel: untried("a TAP", fault) };
  }
  try {
    const tunnel = attempt(() => probe.tryTunnel(tap), tunnelFault);
    return { tap: null, ...probeRing(tap.ifindex), tunnel };
  } finally {
    probe.closeTrialTap(tap);
  }
}

function probeRing(ifindex: number): Pick<Abilities, "classifier" | "link" | "ring"> {
  let classifier: probe.Classifier;
  try {
    classifier = new probe.Classifier();
  } catch (error) {
    const fault = ringFault(error);
    const missing = untried("the classifier", fault);
    return { classifier: fault, link: missing, ring: missing };
  }
  try {
    const ring = attempt(probe.tryRing, ringFault);
    const link = attempt(() => probe.tryLink(classifier, ifindex), ringFault);
    return { classifier: null, link, ring };
  } finally {
    classifier.close();
  }
}

function bufferLimitBytes(): number | null {
  const limit = readText("/proc/sys/net/core/rmem_max");
  return limit === "" ? null : Number(limit);
}

function attempt(work: () => void, fault: (error: unknown) => Fault): Attempt {
  try {
    work();
    return null;
  } catch (error) {
    return fault(error);
  }
}

/** Of something that needs another thing, which failed. */
function untried(what: string, { remedy }: Fault): Fault {
  return { why: `not tried, for want of ${what}`, remedy };
}

/** The addon's loader says it all in one. */
function addonFault(error: unknown): Fault {
  return { why: textOf(error), remedy: "npm run build" };
}
