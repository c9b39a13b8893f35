// What went wrong with the system, as a sentence with the remedy.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errorCode } from "../system-error.ts";

/** Why the UDP socket of a VTEP could not be opened. */
export function explainSocket(error: unknown, local: string | null, port: number): string {
  const at = local === null ? `UDP port ${port}` : `UDP port ${port} at ${local}`;
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return `${at} is taken ${takenBy(port)}`;
    case "EADDRNOTAVAIL":
      return `no interface of this host has the address ${local}: 'ip address' lists them; correct 'local' or leave it out`;
    case "EACCES":
      return `${at} needs CAP_NET_BIND_SERVICE: run as root, or set a dstport above 1023`;
    default:
      return `${at} cannot be opened: ${textOf(error)}`;
  }
}

/** Why a TAP device could not be made. */
export function explainTap(error: unknown, name: string): string {
  switch (errorCode(error)) {
    case "EPERM":
    case "EACCES":
      return (
        `the TAP device ${name} needs the capability CAP_NET_ADMIN: run as root, ` +
        "or with 'AmbientCapabilities=CAP_NET_ADMIN' in a systemd unit"
      );
    case "ENOENT":
    case "ENXIO":
    case "ENODEV":
      return `the TAP device ${name} needs /dev/net/tun, which is missing: modprobe tun (in a container: --device /dev/net/tun)`;
    case "EBUSY":
      return `a network device named ${name} exists already: remove it (ip link del ${name}) or choose another name`;
    default:
      return `the TAP device ${name} cannot be made: ${textOf(error)}`;
  }
}

/** Error text without stack. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** By whom a UDP port is taken, and what to do. A socket that no process has open is the kernel's own. */
function takenBy(port: number): string {
  const holder = holderOf(inodesOf(port));
  if (holder !== null) return `by ${holder}: stop it, or set another dstport`;
  const device = kernelVxlanDevices()[0] ?? "DEVICE";
  return (
    `by a VXLAN device of the kernel in this network namespace ('ip -d link show type vxlan' names it): remove it ` +
    `(ip link del ${device}), or give one of the two another port (dstport)`
  );
}

/** Inodes of the UDP sockets at a port (proc(5), /proc/net/udp). */
function inodesOf(port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/udp", "/proc/net/udp6"].flatMap((table) =>
    readText(table)
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(wanted))
      .map((fields) => fields[9]),
  );
}

/** The process that has one of these sockets open, as far as we may look; null if there is none. */
function holderOf(inodes: readonly string[]): string | null {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const held = readdirSync(`/proc/${pid}/fd`).some((fd) =>
        wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`)),
      );
      if (held) return `${readText(`/proc/${pid}/comm`).trim()} (process ${pid})`;
    } catch {
      // It has ended, or is not ours to look into.
    }
  }
  return null;
}

/** Names of the kernel's VXLAN devices in this network namespace, as far as /sys shows this namespace. */
function kernelVxlanDevices(): string[] {
  try {
    return readdirSync("/sys/class/net").filter((name) =>
      readText(`/sys/class/net/${name}/uevent`).includes("DEVTYPE=vxlan"),
    );
  } catch {
    return [];
  }
}

/** A file's text, or "" where it cannot be read. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
