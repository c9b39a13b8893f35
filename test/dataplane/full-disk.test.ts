// Capture files on a disk that is full: what cannot be written is told, no file ever ends in half a block, and nothing
// that was captured before is lost for it.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { PcapngFile } from "../../src/dataplane/io/pcapng-file.ts";
import { pcapngHeader } from "../../src/dataplane/wire/pcapng.ts";
import { decodeFile, directory, packetBlock } from "./decoder.ts";
import { frame, pattern } from "./packets.ts";

/** Bytes that the disk still takes; a write beyond is cut short, the next one fails. */
const disk = vi.hoisted(() => ({ freeBytes: Number.POSITIVE_INFINITY }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const writeSync = (fd: number, bytes: Buffer, offset: number, _: undefined, position: number): number => {
    if (disk.freeBytes <= 0)
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    const written = real.writeSync(
      fd,
      bytes,
      offset,
      Math.min(bytes.length - offset, disk.freeBytes),
      position,
    );
    disk.freeBytes -= written;
    return written;
  };
  return { ...real, writeSync };
});

const HEADER = { header: pcapngHeader("vxswitch", "br0/all", 262_144), append: false };
const HEADER_BYTES = HEADER.header.length;

beforeEach(() => {
  disk.freeBytes = Number.POSITIVE_INFINITY;
});

describe("a disk that takes only so many bytes", () => {
  test("leaves files of whole blocks, which are those whose writing succeeded", () => {
    const write = fc.record({ frames: fc.integer({ min: 1, max: 5 }), freeBytes: fc.option(fc.nat(1500)) });
    let number = 0;
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 25, size: "max" }),
        fc.constantFrom(0, 2000, 5000),
        (writes, rotateBytes) => {
          disk.freeBytes = Number.POSITIVE_INFINITY;
          const path = join(directory, `random-${number++}.pcapng`);
          const file = new PcapngFile(path, HEADER, rotateBytes, 100);
          let taken = 0;
          for (const { frames, freeBytes } of writes) {
            disk.freeBytes = freeBytes ?? Number.POSITIVE_INFINITY;
            if (succeeds(() => file.write(blocks(frames)))) taken += frames;
          }
          file.close();
          expect(allBlocks(path)).toBe(taken);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("cannot open a file: the error is told and no descriptor stays open", () => {
    disk.freeBytes = HEADER_BYTES - 1;
    const before = openFiles();
    expect(() => new PcapngFile(join(directory, "no-header.pcapng"), HEADER, 0, 1)).toThrow(/ENOSPC/);
    expect(openFiles()).toBe(before);
  });

  test.each([
    ["more than a file may hold", 2],
    ["less than that", 0.3],
  ])("loses no older capture to rotation but the oldest, when a write is %s", (_, filesAWrite) => {
    const path = join(directory, `older-${filesAWrite}.pcapng`);
    const write = blocks(20);
    const file = new PcapngFile(path, HEADER, Math.ceil(write.length / filesAWrite), 3);
    for (let i = 0; i < 12; i++) file.write(write);
    const [older, oldest] = [`${path}.1`, `${path}.2`].map((name) => countPackets(fs.readFileSync(name)));
    disk.freeBytes = 0;
    for (let i = 0; i < 10; i++) expect(succeeds(() => file.write(write))).toBe(false);
    expect(allBlocks(path)).toBeGreaterThanOrEqual(older + oldest);
    disk.freeBytes = Number.POSITIVE_INFINITY;
    file.write(write);
    file.close();
    expect(decodeFile(path, ["frame.number"]).length).toBeGreaterThan(0);
  });
});

test.runIf(process.getuid?.() === 0)("a full file system leaves a file that tshark reads to its end", () => {
  const mount = join(directory, "full");
  fs.mkdirSync(mount);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]);
  try {
    const path = join(mount, "full.pcapng");
    const file = new PcapngFile(path, HEADER, 0, 1);
    let taken = 0;
    while (succeeds(() => file.write(blocks(7)))) taken += 7;
    file.close();
    expect(taken).toBeGreaterThan(50);
    expect(decodeFile(path, ["frame.number"])).toHaveLength(taken);
  } finally {
    execFileSync("umount", [mount]);
  }
});

function blocks(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => packetBlock(frame({ payload: pattern(200, i) }), i, 0)),
  );
}

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    return false;
  }
}

/** Packets in a file and in those that it rotated to; throws at a block that is not whole. */
function allBlocks(path: string): number {
  const name = path.slice(directory.length + 1);
  const files = fs.readdirSync(directory).filter((file) => file === name || file.startsWith(`${name}.`));
  return files.reduce((count, file) => count + countPackets(fs.readFileSync(join(directory, file))), 0);
}

function countPackets(bytes: Buffer): number {
  const ENHANCED_PACKET = 6;
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    if (at + length > bytes.length || bytes.readUInt32LE(at + length - 4) !== length)
      throw new Error("half a block");
    if (bytes.readUInt32LE(at) === ENHANCED_PACKET) count++;
    at += length;
  }
  return count;
}

function openFiles(): number {
  return fs.readdirSync("/proc/self/fd").length;
}
