// What the forwarding threads share, copied at one moment: the state on which a frame is traced. It is copied once more for the
// engine that the frame is given to, so that what was before can be compared with what came of it.
import { allocateCounters, type CountersMemory } from "../counters.ts";
import { copyFdb } from "../fdb/fdb-copy.ts";
import type { FdbMemory } from "../fdb/fdb-memory.ts";
import { BRIDGES_MAX } from "../limits.ts";
import { LISTENERS_BRIDGE_BYTES } from "../listeners.ts";
import { NEIGHBOURS_BRIDGE_BYTES } from "../neighbours.ts";
import type { CommonMemory } from "../tables.ts";

/** Memory that each bridge has a part of, and it is large: only that of bridges in question is copied. */
const BRIDGE_BYTES: Partial<Record<keyof ImageMemory, number>> = {
  neighbours: NEIGHBOURS_BRIDGE_BYTES,
  listeners: LISTENERS_BRIDGE_BYTES,
};

/** What is copied: not what a forwarding thread tells the control thread alone, but for the counters. */
type ImageMemory = CommonMemory & { readonly counters: CountersMemory };

export interface Image {
  /** The counters are at zero. */
  readonly memory: ImageMemory;
  /** By the index of the bridge; those of other bridges are not looked at. */
  readonly fdbs: ReadonlyMap<number, FdbMemory>;
}

/** Copies the state of running threads, for the bridges of these FDBs; nothing of it is written to. */
export function takeImage(running: CommonMemory, fdbs: Iterable<FdbMemory>): Image {
  const rows = new Int32Array(running.destinations);
  const copies = Array.from(fdbs, (fdb): [number, FdbMemory] => [fdb.bridge, copyFdb(fdb, rows)]);
  return copyImage({ memory: { ...running, counters: allocateCounters() }, fdbs: new Map(copies) });
}

/** The same once more. */
export function copyImage(image: Image): Image {
  const { memory, fdbs } = image;
  const same = ({ byteLength }: SharedArrayBuffer): SharedArrayBuffer => new SharedArrayBuffer(byteLength);
  const copies = Object.entries(memory).map(([name, shared]) => [name, same(shared)]);
  const copy = {
    memory: Object.fromEntries(copies) as ImageMemory,
    fdbs: new Map(Array.from(fdbs, ([bridge, fdb]) => [bridge, { ...fdb, shared: same(fdb.shared) }])),
  };
  pourImage(image, copy);
  return copy;
}

/** Writes the state of one image into the memory of another one, its copy. */
export function pourImage(from: Image, into: Image): void {
  for (const name of Object.keys(from.memory) as (keyof ImageMemory)[]) {
    const partBytes = BRIDGE_BYTES[name];
    const [source, target] = [from.memory[name], into.memory[name]];
    if (partBytes === undefined) pour(source, target);
    else for (const bridge of from.fdbs.keys()) pour(source, target, bridge * partBytes, partBytes);
    // What no bridge has.
    if (partBytes !== undefined) pour(source, target, BRIDGES_MAX * partBytes);
  }
  for (const [bridge, fdb] of from.fdbs) pour(fdb.shared, (into.fdbs.get(bridge) as FdbMemory).shared);
}

function pour(
  source: SharedArrayBuffer,
  target: SharedArrayBuffer,
  at = 0,
  bytes = source.byteLength - at,
): void {
  new Uint8Array(target, at, bytes).set(new Uint8Array(source, at, bytes));
}
