// Capture files as tshark and capinfos read them: frames, times, lengths, names; and files that rotate.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { PcapngFile } from "../../src/dataplane/io/pcapng-file.ts";
import { packetBlockBytes, pcapngHeader } from "../../src/dataplane/wire/pcapng.ts";
import { capture, decodeFile, directory, packetBlock, tool } from "./decoder.ts";
import { frame, pattern } from "./packets.ts";

const HEADER = { header: pcapngHeader("vxswitch", "br0/all", 262_144), append: false };
const HEADER_BYTES = HEADER.header.length;

test("tshark reads every frame, its time to the nanosecond, its lengths and its interface", () => {
  const path = join(directory, "fields.pcapng");
  const sizes = [14, 15, 16, 17, 60, 1514, 65_549];
  const frames = sizes.map((bytes) => frame({ payload: pattern(bytes - 14) }));
  const times: [number, number][] = sizes.map((_, i) => [
    1_700_000_000 + i * 86_400 * 365,
    i === 0 ? 0 : 10 ** (i + 3) - 1,
  ]);
  const blocks = frames.map((bytes, i) => packetBlock(bytes, ...times[i]));
  writeFileSync(path, Buffer.concat([pcapngHeader("vxswitch", "br0/mirror ü", 262_144), ...blocks]));
  const fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_name", "data.data"];
  const decoded = decodeFile(path, fields);
  expect(decoded.map((record) => [record["frame.cap_len"], record["frame.len"]])).toEqual(
    sizes.map((bytes) => [String(bytes), String(bytes)]),
  );
  expect(decoded.map((record) => record["frame.time_epoch"])).toEqual(
    times.map(([seconds, nanoseconds]) => `${seconds}.${String(nanoseconds).padStart(9, "0")}`),
  );
  for (const record of decoded) expect(record["frame.interface_name"]).toBe("br0/mirror ü");
  expect(decoded[5]["data.data"]).toBe(pattern(1500).toString("hex"));
});

test("a frame that was cut off keeps its own length", () => {
  const path = join(directory, "snaplen.pcapng");
  const block = packetBlock(frame({ payload: pattern(83) }), 1_700_000_000, 0, 1514);
  writeFileSync(path, Buffer.concat([pcapngHeader("vxswitch", "x", 97), block]));
  const [record] = decodeFile(path, ["frame.cap_len", "frame.len"]);
  expect(record).toEqual({ "frame.cap_len": "97", "frame.len": "1514" });
});

test("capinfos finds who wrote the file, what a link it is and how much of a frame is kept", () => {
  const path = join(directory, "infos.pcapng");
  writeFileSync(path, capture([frame()], "br0/all"));
  const infos = tool("capinfos", [path]);
  expect(infos).toMatch(/File type:\s+Wireshark\/\.\.\. - pcapng/);
  expect(infos).toMatch(/File encapsulation:\s+Ethernet/);
  expect(infos).toMatch(/Capture application:\s+vxswitch/);
  expect(infos).toMatch(/Capture length = 262144/);
});

test("a file that goes on has a section of its own behind the old one, and is read as one", () => {
  const path = join(directory, "append.pcapng");
  const first = new PcapngFile(path, HEADER, 0, 1);
  first.write(packetBlock(frame(), 1, 1000));
  first.close();
  const second = new PcapngFile(path, { ...HEADER, append: true }, 0, 1);
  second.write(packetBlock(frame(), 2, 2000));
  second.close();
  const decoded = decodeFile(path, ["frame.time_epoch", "frame.interface_name"]);
  expect(decoded).toEqual([
    { "frame.time_epoch": "1.000001000", "frame.interface_name": "br0/all" },
    { "frame.time_epoch": "2.000002000", "frame.interface_name": "br0/all" },
  ]);
  const third = new PcapngFile(path, HEADER, 0, 1);
  third.close();
  expect(decodeFile(path, ["frame.number"])).toEqual([]);
});

test("a file rotates before it outgrows its size, and the oldest of its files goes", () => {
  const path = join(directory, "rotate.pcapng");
  const block = (i: number): Buffer => packetBlock(frame({ payload: pattern(100, i) }), i, 0);
  const perFile = 4;
  const rotateBytes = HEADER_BYTES + perFile * packetBlockBytes(114);
  const file = new PcapngFile(path, HEADER, rotateBytes, 3);
  for (let i = 0; i < 14; i++) file.write(block(i));
  file.close();
  const files = readdirSync(directory)
    .filter((name) => name.startsWith("rotate.pcapng"))
    .sort();
  expect(files).toEqual(["rotate.pcapng", "rotate.pcapng.1", "rotate.pcapng.2"]);
  const seconds = files.map((name) => times(join(directory, name)));
  expect(seconds).toEqual([
    [12, 13],
    [8, 9, 10, 11],
    [4, 5, 6, 7],
  ]);
  for (const name of files) expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(rotateBytes);
});

test("with one file kept, rotation starts it anew", () => {
  const path = join(directory, "one.pcapng");
  const file = new PcapngFile(path, HEADER, HEADER_BYTES + packetBlockBytes(60), 1);
  for (let i = 0; i < 3; i++) file.write(packetBlock(frame(), i, 0));
  file.close();
  expect(times(path)).toEqual([2]);
  expect(readdirSync(directory).filter((name) => name.startsWith(basename(path)))).toEqual([basename(path)]);
});

test("what alone is larger than a file may be still comes in one piece", () => {
  const path = join(directory, "large.pcapng");
  const file = new PcapngFile(path, HEADER, HEADER_BYTES + 100, 2);
  for (let i = 0; i < 3; i++) file.write(packetBlock(frame({ payload: pattern(1000) }), i, 0));
  file.close();
  expect([times(path), times(`${path}.1`)]).toEqual([[2], [1]]);
});

test("a file that cannot be opened is the system's error, not half a capture", () => {
  const open = (): PcapngFile => new PcapngFile(join(directory, "missing", "x.pcapng"), HEADER, 0, 1);
  expect(open).toThrow(/ENOENT/);
});

test("a captured file may be read while it is written: only whole blocks stand in it", () => {
  const path = join(directory, "growing.pcapng");
  const file = new PcapngFile(path, HEADER, 0, 1);
  for (let i = 0; i < 3; i++) {
    file.write(Buffer.concat([packetBlock(frame(), i, 0), packetBlock(frame(), i, 1)]));
    expect(readFileSync(path).length).toBe(HEADER_BYTES + (i + 1) * 2 * packetBlockBytes(60));
  }
  file.close();
});

function times(path: string): number[] {
  return decodeFile(path, ["frame.time_epoch"]).map((record) => Number(record["frame.time_epoch"]));
}
