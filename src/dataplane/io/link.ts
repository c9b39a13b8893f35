// Network devices of this namespace, by name.
import { native } from "./native.ts";

/** Throws the addon's error where there is none (ENODEV). */
export function linkIndex(name: string): number {
  return native().linkIndex(name);
}

/** Throws the addon's error where there is none (ENODEV). */
export function linkMtuBytes(name: string): number {
  return native().linkMtu(name);
}
