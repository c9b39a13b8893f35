// Which of the capabilities that forwarding uses a process holds, by what /proc shows of it (capabilities(7), proc(5)).
import { readText } from "./read-text.ts";

export type Capability = "CAP_NET_ADMIN" | "CAP_NET_RAW" | "CAP_BPF";

export interface Capabilities {
  /** Whose they are. */
  readonly pid: number;
  /** Effectively. */
  readonly held: readonly Capability[];
}

/** Numbers of the bits by which each is had; CAP_SYS_ADMIN counts for CAP_BPF, which Linux 5.8 split off. */
const BITS: Readonly<Record<Capability, readonly number[]>> = {
  CAP_NET_ADMIN: [12],
  CAP_NET_RAW: [13],
  CAP_BPF: [39, 21],
};

export const CAPABILITIES = Object.keys(BITS) as Capability[];

/** Those of the daemon, if there is one that may be looked at, or else of this process; null without /proc. */
export function readCapabilities(daemonPid: number | null): Capabilities | null {
  return (daemonPid !== null && isDaemon(daemonPid) ? ofProcess(daemonPid) : null) ?? ofProcess(process.pid);
}

/** A daemon in a PID namespace of its own (a container) goes by a number that is another process's here. */
function isDaemon(pid: number): boolean {
  return readText(`/proc/${pid}/cmdline`).split("\0").includes("run");
}

function ofProcess(pid: number): Capabilities | null {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText(`/proc/${pid}/status`)) ?? [];
  return effective === undefined ? null : { pid, held: capabilitiesIn(effective) };
}

/** Of a mask in hexadecimal. */
export function capabilitiesIn(mask: string): Capability[] {
  const bits = BigInt(`0x${mask}`);
  return CAPABILITIES.filter((name) => BITS[name].some((bit) => (bits >> BigInt(bit)) & 1n));
}
