// The way out for trains: a packet socket on the device that leads to the remotes. All forwarding threads send by it.
import { errorCode, SystemError } from "../system-error.ts";
import { native } from "./native.ts";

/** What may wait in the kernel, in a queueing discipline of the device for instance. */
const BUFFER_BYTES = 32 << 20;

/** Opens a socket on the device with this index; throws SystemError with the reason. */
export function openTrains(ifindex: number): number {
  try {
    return native().packetOpen(ifindex, BUFFER_BYTES);
  } catch (error) {
    const code = errorCode(error);
    if (code === "EPERM") throw new SystemError("it needs the capability CAP_NET_RAW", code);
    if (code === "ENOPROTOOPT") throw new SystemError("the kernel is older than 6.5", code);
    throw error;
  }
}

/** Whether a socket still sends by that device; not if it was removed, even if another one has its index by now. */
export function trainsLeaveBy(fd: number, ifindex: number): boolean {
  return native().packetDevice(fd) === ifindex;
}

export function closeTrains(fd: number): void {
  native().closeFd(fd);
}
