// Counting frames in a file that is still being written.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { countFrames } from "../../src/control/lab/pcapng.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const ENHANCED_PACKET = 6;

const directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("packets are counted, other blocks and half a block at the end are not", () => {
  const path = join(directory, "some.pcapng");
  const whole = [block(SECTION_HEADER, 16), block(ENHANCED_PACKET, 100), block(ENHANCED_PACKET, 64)];
  writeFileSync(path, Buffer.concat([...whole, block(ENHANCED_PACKET, 60).subarray(0, 50)]));
  expect(countFrames(path)).toBe(2);
});

test("a file that is not there, empty or nonsense holds no packets", () => {
  expect(countFrames(join(directory, "missing.pcapng"))).toBe(0);
  writeFileSync(join(directory, "nonsense.pcapng"), Buffer.alloc(64));
  expect(countFrames(join(directory, "nonsense.pcapng"))).toBe(0);
});

function block(type: number, bodyBytes: number): Buffer {
  const buffer = Buffer.alloc(12 + bodyBytes);
  buffer.writeUInt32LE(type, 0);
  buffer.writeUInt32LE(buffer.length, 4);
  buffer.writeUInt32LE(buffer.length, buffer.length - 4);
  return buffer;
}
