// TAP devices: the switch's own leg, and the output of a mirror. Frames keep their offload metadata in both directions.
import { writeFileSync } from "node:fs";
import type { Address } from "../address.ts";
import type { Device } from "../device.ts";
import { SLOT_COUNT, type TransmitList } from "../frames.ts";
import { type Arena, SLOT_BYTES } from "./arena.ts";
import { linkIndex } from "./link.ts";
import { native, type View } from "./native.ts";

/** Opens a TAP device, down and without address; throws the addon's error. It lives as long as the descriptor. */
export function openTap(name: string): number {
  return native().tapOpen(name);
}

export function closeTap(fd: number): void {
  native().closeFd(fd);
}

/** The index of the network device that has this name; 0 = there is none. */
export function tapIndex(name: string): number {
  try {
    return linkIndex(name);
  } catch {
    return 0;
  }
}

/** Brings a TAP up with this MTU; throws SystemError. */
export function bringUp(name: string, mtuBytes: number): void {
  native().linkSet(name, mtuBytes, 1, 0);
}

/**
 * Brings a mirror's TAP up so that the host only watches: what arrives there is somebody else's traffic, which the host
 * must neither answer (ARP) nor take to heart (router advertisements).
 */
export function bringUpPassive(name: string, mtuBytes: number): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
  } catch {
    // No IPv6 on this machine, or /proc/sys is read-only: the device works all the same.
  }
  native().linkSet(name, mtuBytes, 1, 1);
}

export function addAddress(name: string, address: Address, prefixLength: number): void {
  native().linkAddress(name, Number(address.ipv6), address.words, prefixLength, 1);
}

/** Removes an address; that it is gone already is fine. */
export function removeAddress(name: string, address: Address, prefixLength: number): void {
  try {
    native().linkAddress(name, Number(address.ipv6), address.words, prefixLength, 0);
  } catch {
    // What matters is that it is not there.
  }
}

/** A forwarding thread's side of a TAP port; several may transmit by one descriptor. */
export class Tap implements Device {
  readonly encapsulated = false;
  readonly tellsOffloads = true;
  readonly spins = false;
  readonly fd: number;
  private readonly tapFd: number;
  /** Written by the control plane when the operator changes it; sizes the segments of super-frames to the host. */
  mtuBytes: number;
  private readonly slotBase: number;
  private readonly arena: View<Uint8Array>;
  private readonly frames: View<Int32Array>;
  private readonly native = native();

  constructor(tapFd: number, receives: boolean, mtuBytes: number, arena: Arena, frames: Int32Array) {
    this.fd = receives ? tapFd : -1;
    this.tapFd = tapFd;
    this.mtuBytes = mtuBytes;
    this.slotBase = arena.slotBase;
    this.arena = this.native.view(arena.bytes);
    this.frames = this.native.view(frames);
  }

  receive(): number {
    return this.native.tapReceive(this.tapFd, this.arena, this.frames, this.slotBase, SLOT_BYTES, SLOT_COUNT);
  }

  transmit(list: TransmitList): number {
    return this.native.tapTransmit(
      this.tapFd,
      this.arena,
      this.frames,
      list.copies,
      list.count,
      this.mtuBytes,
    );
  }
}
