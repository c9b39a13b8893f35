// Reads what the kernel shows as text below /proc and /sys, as far as it may be looked at.
import { readFileSync } from "node:fs";

/** A file's text, or "" where it cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
