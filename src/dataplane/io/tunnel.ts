// The way out for super-frames: a TAP with tunnel offloads (Linux >= 6.17) whose traffic tc redirects to a network device,
// and the next hop that their outer headers need. All of it goes with the descriptor.
import { execFileSync } from "node:child_process";
import type { Address } from "../address.ts";
import { errorCode, SystemError } from "../system-error.ts";
import { native } from "./native.ts";
import { bringUpPassive, closeTap } from "./tap.ts";

/** Above any super-frame with its outer headers. */
const TUNNEL_MTU_BYTES = 65_521;
const TC_TIMEOUT_MS = 5000;

/** Where the kernel would send a datagram. */
export interface NextHop {
  readonly ifindex: number;
  readonly device: string;
  /** IPv4, wire order. */
  readonly source: number;
  /** Two words each, the six bytes in front. */
  readonly remoteMac: Int32Array;
  readonly localMac: Int32Array;
}

/** Asks the kernel; null while it has no route or has not resolved the neighbour. IPv4. */
export function nextHop(local: Address, remote: Address): NextHop | null {
  const words = new Int32Array(10);
  if (native().nextHop(local.words, remote.words, words) < 0) return null;
  const device = Buffer.from(words.buffer, 6 * 4, 16)
    .toString("latin1")
    .replace(/\0.*$/s, "");
  return {
    ifindex: words[0],
    device,
    source: words[1],
    remoteMac: words.slice(2, 4),
    localMac: words.slice(4, 6),
  };
}

/** Opens the TAP and redirects it to `device`; throws SystemError with the reason. */
export function openTunnel(name: string, device: string): number {
  let fd: number;
  try {
    fd = native().tunnelTapOpen(name);
  } catch (error) {
    if (errorCode(error) === "EINVAL") throw new SystemError("the kernel is older than 6.17");
    throw error;
  }
  try {
    bringUpPassive(name, TUNNEL_MTU_BYTES);
    tc("qdisc", "add", "dev", name, "clsact");
    const everything = ["u32", "match", "u32", "0", "0"];
    const redirect = ["action", "mirred", "egress", "redirect", "dev", device];
    tc("filter", "add", "dev", name, "ingress", "protocol", "ip", ...everything, ...redirect);
    return fd;
  } catch (error) {
    closeTap(fd);
    throw error;
  }
}

function tc(...words: string[]): void {
  try {
    execFileSync("tc", words, { stdio: ["ignore", "ignore", "pipe"], timeout: TC_TIMEOUT_MS });
  } catch (error) {
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim().split("\n")[0];
    throw new SystemError(`'tc ${words.join(" ")}' failed: ${said || (error as Error).message}`);
  }
}
