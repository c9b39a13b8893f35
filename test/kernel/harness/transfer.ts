// Transfers between two peers whose every byte is compared. None asserts how long it took.
import { expect } from "vitest";
import { compilePeer } from "./compile.ts";
import type { Peer } from "./peer.ts";

const PORT = 5001;
/** Some 400 super-frames of 64 KB, and thousands of frames where they are cut. */
const TCP_BYTES = 24 * 1024 * 1024;
const UDP_IDLE_MS = 3000;

/** Sends known bytes over TCP to `address` on `to` and expects exactly those to arrive. */
export async function expectTcp(from: Peer, to: Peer, address: string, bytes = TCP_BYTES): Promise<void> {
  const receiver = await to.script("tcp.mjs", "receive", address, PORT).ready();
  const sent = await from.script("tcp.mjs", "send", address, PORT, bytes).result<{ bytes: number }>();
  expect(sent.bytes).toBe(bytes);
  expect(await receiver.result()).toEqual(sent);
}

/** Sends numbered datagrams and expects each to arrive with its own contents. */
export async function expectUdp(
  from: Peer,
  to: Peer,
  address: string,
  datagrams: { bytes: number; count: number; intervalMs: number },
): Promise<void> {
  const { bytes, count, intervalMs } = datagrams;
  const receiver = await to.script("udp.mjs", "receive", address, PORT, count, UDP_IDLE_MS).ready();
  await from.script("udp.mjs", "send", address, PORT, bytes, count, intervalMs).result();
  expect(await receiver.result()).toEqual({ intact: count, corrupt: 0 });
}

/**
 * Compiles the sender of super-datagrams into `directory`, since no script can set that socket option; its path.
 */
export function compileUdpGso(directory: string): string {
  return compilePeer("udp-gso", directory);
}

/** Sends one super-datagram with `program` (compileUdpGso) and expects its segments to arrive as datagrams. */
export async function expectUdpSegments(
  program: string,
  from: Peer,
  to: Peer,
  address: string,
  { bytes, count }: { bytes: number; count: number },
): Promise<void> {
  const receiver = await to.script("udp.mjs", "receive", address, PORT, count, UDP_IDLE_MS).ready();
  await from.run(program, address, String(PORT), String(bytes), String(count));
  expect(await receiver.result()).toEqual({ intact: count, corrupt: 0 });
}
