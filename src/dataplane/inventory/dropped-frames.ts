// The last frames that were dropped, with the names of their ports.
import { DROP_REASONS } from "../drop-reason.ts";
import { type DropRecordsMemory, readDropRecords } from "../drop-records.ts";
import type { DroppedFrame } from "../spec.ts";
import type { PerWorker } from "../threads/workers.ts";
import type { FramePlaces } from "./frame-places.ts";
import { senderText } from "./sender.ts";

/** Of all workers, those of each reason together, the oldest first. */
export function droppedFrames(memories: PerWorker<DropRecordsMemory>, places: FramePlaces): DroppedFrame[] {
  return readDropRecords(memories).map(({ reason, port, from, source, sender, ...frame }) => {
    const where = { at: places.ofPort(port), from: places.ofSource(from, source) };
    return { ...frame, ...where, reason: DROP_REASONS[reason]!.name, sender: senderText(port, sender) };
  });
}
