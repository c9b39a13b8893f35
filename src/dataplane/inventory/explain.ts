// What went wrong with the system: why, and the remedy; in one sentence where it is logged, apart where `vxswitch doctor`
// lists them.
import type { GroupSpec } from "../spec.ts";
import { errorCode } from "../system-error.ts";
import { kernelVxlanDevices, udpPortHolder } from "./port-holder.ts";

/** What stands in the way, and what puts it right; `remedy` is "" where only the operator can know. */
export interface Fault {
  readonly why: string;
  readonly remedy: string;
}

/** Both halves of a fault. */
export function sentence({ why, remedy }: Fault): string {
  return remedy === "" ? why : `${why}: ${remedy}`;
}

/** Why the UDP socket of a VTEP could not be opened. */
export function explainSocket(error: unknown, local: string | null, port: number): string {
  return sentence(socketFault(error, local, port));
}

/** Why a multicast group could not be joined. */
export function explainGroup(error: unknown, { address, dev }: GroupSpec, port: number): string {
  switch (errorCode(error)) {
    case "ENODEV":
    case "ENXIO":
      return `the group ${address} cannot be joined: there is no network device ${dev}; 'ip link' lists them`;
    case "EADDRINUSE":
      return sentence(takenFault(`UDP port ${port} at ${address}`, port));
    default:
      return `the group ${address} cannot be joined on ${dev}: ${textOf(error)}`;
  }
}

/** Why a TAP device could not be made. */
export function explainTap(error: unknown, name: string): string {
  return sentence(tapFault(error, name));
}

/** Why a receive ring could not be opened. */
export function explainRing(error: unknown): string {
  return sentence(ringFault(error));
}

export function socketFault(error: unknown, local: string | null, port: number): Fault {
  const at = local === null ? `UDP port ${port}` : `UDP port ${port} at ${local}`;
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return takenFault(at, port);
    case "EADDRNOTAVAIL":
      return noAddressFault(local);
    case "EACCES":
      return {
        why: `${at} needs CAP_NET_BIND_SERVICE`,
        remedy: "run as root, or set a dstport above 1023",
      };
    default:
      return { why: `${at} cannot be opened: ${textOf(error)}`, remedy: "" };
  }
}

function noAddressFault(local: string | null): Fault {
  return {
    why: `no interface of this host has the address ${local}`,
    remedy: "'ip address' lists them; correct 'local' or leave it out",
  };
}

export function tapFault(error: unknown, name: string): Fault {
  switch (errorCode(error)) {
    case "EACCES":
      return {
        why: `the TAP device ${name} needs /dev/net/tun, which this user may not open`,
        remedy:
          "run as root, or chmod 0666 /dev/net/tun, as udev has it: a capability is needed all the same",
      };
    case "EPERM":
      return {
        why: `the TAP device ${name} needs the capability CAP_NET_ADMIN`,
        remedy: `run as root, or ${inUnit("CAP_NET_ADMIN")}`,
      };
    case "ENOENT":
    case "ENXIO":
    case "ENODEV":
      return {
        why: `the TAP device ${name} needs /dev/net/tun, which is missing`,
        remedy: "modprobe tun (in a container: --device /dev/net/tun)",
      };
    case "EBUSY":
      return {
        why: `a network device named ${name} exists already`,
        remedy: `remove it (ip link del ${name}) or choose another name`,
      };
    default:
      return { why: `the TAP device ${name} cannot be made: ${textOf(error)}`, remedy: "" };
  }
}

/** Of the classifier, a ring's buffer, or its link to a device. */
export function ringFault(error: unknown): Fault {
  switch (errorCode(error)) {
    case "EPERM":
    case "EACCES":
      return {
        why: "it needs the capabilities CAP_NET_ADMIN and CAP_BPF",
        remedy: `run as root of the machine itself, or ${inUnit("CAP_NET_ADMIN CAP_BPF")}`,
      };
    case "EINVAL":
      if (!textOf(error).startsWith("BPF_LINK_CREATE")) return { why: textOf(error), remedy: "" };
      return {
        why: "the kernel is older than 6.6, or built without tcx (CONFIG_NET_XGRESS)",
        remedy: "boot Linux 6.6 or newer, built with it",
      };
    case "ENOSYS":
      return {
        why: "the kernel is built without bpf(2)",
        remedy: "boot one with CONFIG_BPF_SYSCALL",
      };
    default:
      return { why: textOf(error), remedy: "" };
  }
}

/** Of the TAP by which super-frames leave whole; io/tunnel.ts says why. */
export function tunnelFault(error: unknown): Fault {
  switch (errorCode(error)) {
    case "EPERM":
      return {
        why: textOf(error),
        remedy: `run as root of the machine itself, or ${inUnit("CAP_NET_ADMIN CAP_BPF")}`,
      };
    case "EINVAL":
      return { why: textOf(error), remedy: "boot Linux 6.17 or newer, built with tcx (CONFIG_NET_XGRESS)" };
    default:
      return { why: textOf(error), remedy: "" };
  }
}

/** Of the packet socket by which trains leave; io/trains.ts says why. */
export function trainsFault(error: unknown): Fault {
  switch (errorCode(error)) {
    case "EPERM":
      return { why: textOf(error), remedy: `run as root, or ${inUnit("CAP_NET_RAW")}` };
    case "ENOPROTOOPT":
      return { why: textOf(error), remedy: "boot Linux 6.5 or newer" };
    default:
      return { why: textOf(error), remedy: "" };
  }
}

/** Why the sockets by which a mirror's frames go to a collector could not be opened. */
export function explainCollector(error: unknown, local: string | null): string {
  switch (errorCode(error)) {
    case "EPERM":
      return sentence({
        why: "ERSPAN needs the capability CAP_NET_RAW",
        remedy: `run as root, or ${inUnit("CAP_NET_RAW")}`,
      });
    case "EADDRNOTAVAIL":
      return sentence(noAddressFault(local));
    default:
      return `its socket cannot be opened: ${textOf(error)}`;
  }
}

/** Of an option of a UDP socket. */
export function optionFault(error: unknown): Fault {
  const remedy = errorCode(error) === "ENOPROTOOPT" ? "boot Linux 5.0 or newer" : "";
  return { why: textOf(error), remedy };
}

function inUnit(capabilities: string): string {
  return `with 'AmbientCapabilities=${capabilities}' in a systemd unit`;
}

/** Error text without stack. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** By whom a UDP port is taken, and what to do. A socket that no process has open is the kernel's own. */
function takenFault(at: string, port: number): Fault {
  const holder = udpPortHolder(port);
  if (holder !== null) {
    const why = `${at} is taken by ${holder.name} (process ${holder.pid})`;
    return { why, remedy: "stop it, or set another dstport" };
  }
  const device = kernelVxlanDevices()[0];
  if (device === undefined && process.getuid?.() !== 0) {
    return { why: `${at} is taken`, remedy: `as root, 'ss -ulpn sport = ${port}' tells by whom` };
  }
  return {
    why:
      `${at} is taken by a VXLAN device of the kernel in this network namespace ` +
      "('ip -d link show type vxlan' names it)",
    remedy: `remove it (ip link del ${device ?? "DEVICE"}), or give one of the two another port (dstport)`,
  };
}
