// Stage 6, transmit: every device takes its copies in one call; what became of each becomes a counter. Copies wait in the
// device's list meanwhile, which is emptied early when it is full.

import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import type { Device } from "../device.ts";
import { Drop } from "../drop-reason.ts";
import type { TransmitList } from "../frames.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { TX_BYTES, TX_PACKETS } = counterLayout;
const { DESTINATION_DEVICE, DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { COPIES_MAX, COPY_DESTINATION, COPY_FRAME, COPY_RESULT, COPY_SHIFT, FRAME_LENGTH, FRAME_SHIFT } =
  layout;

const { port_down, too_big } = Drop;

export interface TransmitStage {
  /** Queues a copy of a frame (its row's number) for a destination; if that is down, it is dropped: false. */
  enqueue(frame: number, destination: number): boolean;
  /** Transmits all that waits, through the cables of impaired ports. */
  flush(): void;
  /** Transmits all that waits and comes out of such a cable. */
  flushReleased(): void;
}

/** `impair` takes out of a list what does not leave now; `noteTooBig` hears of each copy that did not fit its way. */
export function createTransmit(
  tables: Tables,
  impair: (list: TransmitList) => void,
  noteTooBig: (frame: number, destination: number) => void,
): TransmitStage {
  const { frames, counters, drops, journal, destinations, devices, lists } = tables;
  /** Devices with copies waiting: the first `waitingCount` of `waiting`. */
  const waiting = new Int32Array(devices.length);
  let waitingCount = 0;

  function enqueue(frame: number, destination: number): boolean {
    const at = destination << DESTINATION_SHIFT;
    const device = destinations[at + DESTINATION_DEVICE];
    const list = device < 0 ? null : lists[device];
    if (list === null) {
      drops.dropCopy(frame << FRAME_SHIFT, portOf(destination), port_down);
      return false;
    }
    if (list.count === 0) waiting[waitingCount++] = device;
    else if (list.count === COPIES_MAX) impairAndTransmit(device, list);
    list.push(frame, destination);
    return true;
  }

  function flush(): void {
    for (let i = 0; i < waitingCount; i++) impairAndTransmit(waiting[i], lists[waiting[i]] as TransmitList);
    waitingCount = 0;
  }

  /** A batch of these fits any list. */
  function flushReleased(): void {
    for (let i = 0; i < waitingCount; i++) transmit(waiting[i], lists[waiting[i]] as TransmitList);
    waitingCount = 0;
  }

  function impairAndTransmit(device: number, list: TransmitList): void {
    if (tables.hasImpairedPort) impair(list);
    if (list.count > 0) transmit(device, list);
  }

  function transmit(device: number, list: TransmitList): void {
    (devices[device] as Device).transmit(list);
    const { copies, count } = list;
    const isWatched = journal.isOpen;
    let run = -1;
    let packets = 0;
    let bytes = 0;
    for (let at = 0; at < count << COPY_SHIFT; at += 1 << COPY_SHIFT) {
      const destination = copies[at + COPY_DESTINATION];
      if (destination !== run) {
        countSent(run, packets, bytes);
        run = destination;
        packets = 0;
        bytes = 0;
      }
      const result = copies[at + COPY_RESULT];
      if (result === 0) {
        packets++;
        bytes += frames[(copies[at + COPY_FRAME] << FRAME_SHIFT) + FRAME_LENGTH];
        if (isWatched) journal.sent(copies[at + COPY_FRAME], destination);
      } else {
        drops.dropCopy(copies[at + COPY_FRAME] << FRAME_SHIFT, portOf(destination), -result);
        if (result === -too_big) noteTooBig(copies[at + COPY_FRAME], destination);
      }
    }
    countSent(run, packets, bytes);
    list.count = 0;
  }

  /** Neighbours mostly go to one destination: they are summed up before they are counted. */
  function countSent(destination: number, packets: number, bytes: number): void {
    if (packets === 0) return;
    const counter = portCounter(portOf(destination));
    counters[counter + TX_PACKETS] += packets;
    counters[counter + TX_BYTES] += bytes;
  }

  function portOf(destination: number): number {
    return destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  return { enqueue, flush, flushReleased };
}
