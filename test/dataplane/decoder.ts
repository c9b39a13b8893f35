// The independent decoder: tshark reads what the project's own pcapng writer wrote. Without it the tests fail; a byte
// format that only its own author has read proves nothing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { packetBlockBytes, pcapngHeader, writePacket } from "../../src/dataplane/wire/pcapng.ts";

const SNAPLEN_BYTES = 262_144;
/** Checksums are verified only if asked for; segments are looked at one by one. */
const PREFERENCES = [
  "ip.check_checksum:TRUE",
  "tcp.check_checksum:TRUE",
  "udp.check_checksum:TRUE",
  "tcp.desegment_tcp_streams:FALSE",
  "tcp.relative_sequence_numbers:FALSE",
].flatMap((preference) => ["-o", preference]);

export const directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** One record a frame: field name → value, "" where a frame has none. */
export type Decoded = Record<string, string>;

/** Has tshark decode frames; one record for each, in order. */
export function decode(frames: readonly Buffer[], fields: readonly string[]): Decoded[] {
  const path = join(directory, "decode.pcapng");
  writeFileSync(path, capture(frames));
  return decodeFile(path, fields);
}

export function decodeFile(path: string, fields: readonly string[]): Decoded[] {
  const wanted = fields.flatMap((field) => ["-e", field]);
  const text = tool("tshark", [
    "-n",
    "-r",
    path,
    ...PREFERENCES,
    "-T",
    "fields",
    "-E",
    "separator=/t",
    ...wanted,
  ]);
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => {
    const values = line.split("\t");
    return Object.fromEntries(fields.map((field, i) => [field, values[i] ?? ""]));
  });
}

/** A pcapng file of these frames, one microsecond apart. */
export function capture(frames: readonly Buffer[], interfaceName = "test"): Buffer {
  const blocks = frames.map((frame, i) => packetBlock(frame, 1_700_000_000, i * 1000));
  return Buffer.concat([pcapngHeader("vxswitch", interfaceName, SNAPLEN_BYTES), ...blocks]);
}

export function packetBlock(
  frame: Buffer,
  seconds: number,
  nanoseconds: number,
  originalBytes?: number,
): Buffer {
  const block = Buffer.alloc(packetBlockBytes(frame.length));
  frame.copy(block, writePacket(block, 0, seconds, nanoseconds, frame.length, originalBytes ?? frame.length));
  return block;
}

/** Runs a tool of the test set-up; one that is missing is an error that says how to get it. */
export function tool(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error(`${program} is not installed: scripts/setup installs what the tests need`);
  }
}
