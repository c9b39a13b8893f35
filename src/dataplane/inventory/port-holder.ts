// Who has a UDP port: a process, by what /proc shows, or a VXLAN device of the kernel.
import { readdirSync, readlinkSync } from "node:fs";
import { readText } from "./read-text.ts";

/** A program that has a socket open. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
}

/** The process that has a socket at a UDP port open, as far as we may look; null if there is none. */
export function udpPortHolder(port: number): Holder | null {
  return holderOf(inodesOf(port));
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
function holderOf(inodes: readonly string[]): Holder | null {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const held = readdirSync(`/proc/${pid}/fd`).some((fd) =>
        wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`)),
      );
      if (held) return { pid: Number(pid), name: readText(`/proc/${pid}/comm`).trim() };
    } catch {
      // It has ended, or is not ours to look into.
    }
  }
  return null;
}

/** Names of the kernel's VXLAN devices in this network namespace, as far as /sys shows this namespace. */
export function kernelVxlanDevices(): string[] {
  try {
    return readdirSync("/sys/class/net").filter((name) =>
      readText(`/sys/class/net/${name}/uevent`).includes("DEVTYPE=vxlan"),
    );
  } catch {
    return [];
  }
}
