// One port as the control thread knows it.
import type { Address } from "../address.ts";
import type { PortSpec } from "../spec.ts";
import type { Activity } from "./activity.ts";
import type { Group } from "./groups.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Retry } from "./retry.ts";
import type { Underlay } from "./underlays.ts";

/** A port while it is open. */
export type Opened =
  | { readonly type: "vxlan"; readonly underlay: Underlay; readonly group: Group | null }
  | { readonly type: "tap"; readonly device: number; readonly fd: number; mtuBytes: number };

/** Where frames go: a row of the table of destinations. */
export interface End {
  readonly destination: number;
  /** A VTEP or a multicast group; null for a TAP, or a hub, to which nothing goes. */
  remote: Address | null;
  isGroup: boolean;
}

export interface Port {
  readonly index: number;
  readonly bridge: number;
  /** The first is there as long as the port. */
  readonly ends: End[];
  spec: PortSpec;
  opened: Opened | null;
  /** Why it is down; "" while up. */
  reason: string;
  readonly retry: Retry;
  readonly activity: Activity;
  readonly quarantine: Quarantine;
}

export const NO_DEVICE = -1;

/** Index of the device by which it is reached; -1 while it is down. */
export function deviceOf({ opened }: Port): number {
  if (opened === null) return NO_DEVICE;
  return opened.type === "tap" ? opened.device : opened.underlay.device;
}

export function isHub({ spec }: Port): boolean {
  return spec.type === "vxlan" && spec.any !== null;
}
