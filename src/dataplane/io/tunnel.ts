// The way out for super-frames: a TAP with tunnel offloads (Linux >= 6.17) and a BPF link that has all it receives leave by
// a network device. Both live as long as their descriptors, so a crash leaves nothing behind.
import { errorCode, SystemError } from "../system-error.ts";
import { native } from "./native.ts";
import { bringUpPassive, closeTap } from "./tap.ts";

/** Above any super-frame with its outer headers. */
const TUNNEL_MTU_BYTES = 65_521;

export interface Tunnel {
  readonly fd: number;
  readonly link: number;
}

/** Opens the TAP and redirects it to the device with this index; throws SystemError with the reason. */
export function openTunnel(name: string, ifindex: number): Tunnel {
  const fd = attempt(() => native().tunnelTapOpen(name), "the kernel is older than 6.17");
  try {
    bringUpPassive(name, TUNNEL_MTU_BYTES);
    const link = attempt(() => native().tunnelRedirect(name, ifindex), "the kernel has no tcx links");
    return { fd, link };
  } catch (error) {
    closeTap(fd);
    throw error;
  }
}

export function closeTunnel({ fd, link }: Tunnel): void {
  native().closeFd(link);
  closeTap(fd);
}

/** `unknown` is what it means that the kernel does not understand the call. */
function attempt(call: () => number, unknown: string): number {
  try {
    return call();
  } catch (error) {
    const code = errorCode(error);
    if (code === "EINVAL") throw new SystemError(unknown, code);
    if (code === "EPERM") throw new SystemError("it needs the capabilities CAP_NET_ADMIN and CAP_BPF", code);
    throw error;
  }
}
