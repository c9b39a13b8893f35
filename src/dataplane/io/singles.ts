// The way out for single frames: an AF_XDP transmit ring in copy mode, without an XDP program. It lives in the addon, known
// by its number; the first forwarding thread alone uses it.
import { errorCode, SystemError } from "../system-error.ts";
import { native } from "./native.ts";

/** Opens a ring on the device with this index and returns its number; throws SystemError with the reason. */
export function openSingles(ifindex: number): number {
  try {
    return native().singlesOpen(ifindex);
  } catch (error) {
    switch (errorCode(error)) {
      case "EPERM":
        throw new SystemError("it needs the capabilities CAP_NET_RAW and CAP_NET_ADMIN");
      case "EAFNOSUPPORT":
        throw new SystemError("the kernel is built without AF_XDP (CONFIG_XDP_SOCKETS)");
      case "EBUSY":
        throw new SystemError("another program transmits by AF_XDP there");
      default:
        throw error;
    }
  }
}

/** Frames wait in a queueing discipline of the device: those that pass it by would overtake them. */
export function isQueued(ifindex: number): boolean {
  return native().linkIsQueued(ifindex) !== 0;
}

/** The errno that ended a ring's use; 0 while it works. */
export function singlesError(ring: number): number {
  return native().singlesError(ring);
}

/** No forwarding thread may be using it. */
export function closeSingles(ring: number): void {
  native().singlesClose(ring);
}
