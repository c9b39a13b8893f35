// The network devices of TAP ports: made with their MTU and addresses, or not at all.
import { parsePrefix } from "../address.ts";
import { addAddress, bringUp, closeTap, openTap, removeAddress } from "../io/tap.ts";
import type { TapPortSpec } from "../spec.ts";
import { explainTap, textOf } from "./explain.ts";

/** Returns the descriptor of a device that is up and has its addresses; throws with the reason. */
export function makeTap(spec: TapPortSpec, mtuBytes: number): number {
  let fd: number;
  try {
    fd = openTap(spec.name);
  } catch (error) {
    throw new Error(explainTap(error, spec.name));
  }
  try {
    bringUp(spec.name, mtuBytes);
    for (const text of spec.addresses) add(spec.name, text);
  } catch (error) {
    closeTap(fd);
    throw new Error(`the TAP device ${spec.name} cannot be configured: ${textOf(error)}`);
  }
  return fd;
}

/** Removes and adds what differs. */
export function changeAddresses(before: TapPortSpec, after: TapPortSpec): void {
  for (const text of before.addresses) {
    if (after.addresses.includes(text)) continue;
    const { address, prefixLength } = parsePrefix(text);
    removeAddress(after.name, address, prefixLength);
  }
  for (const text of after.addresses) if (!before.addresses.includes(text)) add(after.name, text);
}

function add(device: string, text: string): void {
  const { address, prefixLength } = parsePrefix(text);
  addAddress(device, address, prefixLength);
}
