// What went wrong with the system, as a sentence with the remedy.
import { readdirSync, readFileSync } from "node:fs";
import { errorCode } from "./system-error.ts";

/** Why the UDP socket of a VTEP could not be opened. */
export function explainSocket(error: unknown, local: string | null, port: number): string {
  const at = local === null ? `UDP port ${port}` : `UDP port ${port} at ${local}`;
  switch (errorCode(error)) {
    case "EADDRINUSE": {
      const taken = kernelVxlanDevices();
      if (taken.length > 0) {
        return (
          `${at} is taken, most likely by the kernel's VXLAN device ${taken.join(", ")} in this network namespace: ` +
          `remove it (ip link del ${taken[0]}), or give one of the two another port (dstport)`
        );
      }
      return `${at} is taken by another program: 'ss -ulpn sport = ${port}' names it; stop it or set another dstport`;
    }
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

/** Names of the kernel's VXLAN devices in this network namespace. */
function kernelVxlanDevices(): string[] {
  try {
    return readdirSync("/sys/class/net").filter((name) => {
      try {
        return readFileSync(`/sys/class/net/${name}/uevent`, "utf8").includes("DEVTYPE=vxlan");
      } catch {
        return false;
      }
    });
  } catch {
    return [];
  }
}
