// A copy of an FDB that another thread may be writing to. Bytes copied under its hands may contradict each other, and a list
// that leads nowhere would hold up whoever follows it: so a copy is looked through before anybody believes it.
import { DESTINATION_PORT, DESTINATION_SHIFT } from "../destinations.ts";
import { allocateFdb, Fdb, fdbKey } from "./fdb.ts";
import { NONE } from "./fdb-lists.ts";
import {
  type FdbMemory,
  HEADER_ENTRIES,
  HEADER_VERSION,
  SLOT_DESTINATION,
  SLOT_KEY,
  SLOT_SEEN,
  SLOT_SHIFT,
  STATIC_SEEN,
  viewsOf,
} from "./fdb-memory.ts";

const ATTEMPTS_MAX = 4;

type Views = ReturnType<typeof viewsOf>;

/** The same table in memory of its own. One that changes faster than it can be copied is put together anew, entry by entry. */
export function copyFdb(memory: FdbMemory, destinations: Int32Array): FdbMemory {
  const { header } = viewsOf(memory);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const version = Atomics.load(header, HEADER_VERSION);
    const copy = { ...memory, shared: memory.shared.slice(0) };
    if (Atomics.load(header, HEADER_VERSION) === version && isWhole(viewsOf(copy), destinations)) return copy;
  }
  const uncounted = new Float64Array(0);
  const copy = allocateFdb(memory.bridge, memory.addressesMax);
  adoptEntries(new Fdb(copy, destinations, uncounted), new Fdb(memory, destinations, uncounted));
  return copy;
}

/** Takes over the entries of a table of another size; the oldest stay behind if there is no room. */
export function adoptEntries(into: Fdb, from: Fdb): void {
  const entries = from.entries().sort((a, b) => a.lastSeenSeconds - b.lastSeenSeconds);
  for (const { vlan, macHigh, macLow, destination, lastSeenSeconds, stamp, ...entry } of entries) {
    const key = fdbKey(vlan, macHigh);
    if (entry.static) into.addStatic(key, macLow, destination);
    else into.hear(key, macLow, destination, lastSeenSeconds, stamp);
  }
}

/** Whether each learnt entry stands in the list of its port, once, and nothing else does. */
export function isWhole({ header, slots, stamps, lists }: Views, destinations: Int32Array): boolean {
  let [taken, learnt, linked] = [0, 0, 0];
  for (let slot = 0; slot < stamps.length; slot++) {
    const at = slot << SLOT_SHIFT;
    if (slots[at + SLOT_KEY] === 0) continue;
    taken++;
    if (slots[at + SLOT_SEEN] !== STATIC_SEEN) learnt++;
  }
  const isOf = (slot: number, port: number): boolean => {
    const at = slot << SLOT_SHIFT;
    const destination = slots[at + SLOT_DESTINATION];
    const isLearnt = slots[at + SLOT_KEY] !== 0 && slots[at + SLOT_SEEN] !== STATIC_SEEN;
    return isLearnt && destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT] === port;
  };
  for (let port = 0; port < lists.perPort.length; port++) {
    let [before, count] = [NONE, 0];
    for (let slot = lists.oldest[port]; slot !== NONE; slot = lists.newer[slot]) {
      if (++linked > learnt || lists.older[slot] !== before || !isOf(slot, port)) return false;
      before = slot;
      count++;
    }
    if (lists.newest[port] !== before || lists.perPort[port] !== count) return false;
  }
  return linked === learnt && header[HEADER_ENTRIES] === taken;
}
