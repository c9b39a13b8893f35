// Trials of what the kernel lets this process have, for `vxswitch doctor` and for a start that insists on the ring. Nothing
// is tried on a device of the host: either on a TAP of this file's own, which is never used for anything else and goes
// with its descriptor, or on a device that does not exist. Every trial throws the addon's error, and cleans up.
import { randomBytes } from "node:crypto";
import { wildcard } from "../address.ts";
import { errorCode } from "../system-error.ts";
import { RING_BYTES } from "./arena.ts";
import { native } from "./native.ts";
import { type Classifier, DeviceRings } from "./ring.ts";
import { closeTap, openTap } from "./tap.ts";
import { closeTrains, openTrains } from "./trains.ts";
import { closeTunnel, openTunnel } from "./tunnel.ts";

export { Classifier } from "./ring.ts";

/** native/probe.c keeps the same numbers. */
export const PROBE_UDP_SEGMENT = 0;
export const PROBE_UDP_GRO = 1;

/** An interface index that no device has: indices are counted up from 1. */
export const NO_DEVICE = 0x7fff_ffff;

export interface TrialTap {
  readonly fd: number;
  readonly ifindex: number;
}

export function tryAddon(): void {
  native();
}

/** A name that no other TAP has. */
export function trialName(): string {
  return `vxdoc${randomBytes(4).toString("hex")}`;
}

/** A TAP, down and without address. */
export function openTrialTap(name: string): TrialTap {
  const fd = openTap(name);
  try {
    return { fd, ifindex: native().linkIndex(name) };
  } catch (error) {
    closeTap(fd);
    throw error;
  }
}

export function closeTrialTap({ fd }: TrialTap): void {
  closeTap(fd);
}

/** Makes the buffer of a receive ring and gives it back. */
export function tryRing(): void {
  native().closeFd(native().ringOpen(RING_BYTES));
}

/** Links a receive ring to a device and unlinks it again. */
export function tryLink(classifier: Classifier, ifindex: number): void {
  try {
    new DeviceRings(classifier, 1, ifindex, 0).close();
  } catch (error) {
    // If the kernel misses nothing but the device, then it grants all the rest: it looks for the device last.
    if (ifindex !== NO_DEVICE || errorCode(error) !== "ENODEV") throw error;
  }
}

/** Opens a packet socket as trains leave by and closes it again; of no device, for it looks for that last. */
export function tryTrains(): void {
  try {
    closeTrains(openTrains(NO_DEVICE));
  } catch (error) {
    if (errorCode(error) !== "ENODEV") throw error;
  }
}

/** Opens a second TAP with tunnel offloads, redirects it to the first one and closes it again. */
export function tryTunnel(to: TrialTap): void {
  closeTunnel(openTunnel(trialName(), to.ifindex));
}

/** Sets an option of a PROBE_ kind on a UDP socket. */
export function trySocket(kind: number): void {
  native().socketProbe(kind);
}

/** Binds a UDP port for IPv4 on all addresses, as a socket that takes nothing in, and closes it again. */
export function tryUdpPort(port: number): void {
  native().closeFd(native().udpOpen(0, wildcard(false).words, port, 0, 0, 0, 0));
}

/** Bytes that a UDP socket is granted for its receive queue if it asks for so many. */
export function grantedBufferBytes(wantedBytes: number): number {
  const fd = native().udpOpen(0, wildcard(false).words, 0, 1, wantedBytes, 0, 0);
  try {
    return native().socketBufferBytes(fd);
  } finally {
    native().closeFd(fd);
  }
}
