// Between police and mirror for what ports receive, and before the device for what they transmit: the cables of impaired
// ports lose, double and hold frames, as a queueing discipline at either end of them would (tc-netem(8)). So mirrors see
// what came out of the cable to the switch, and what goes into the one from it. What is held comes back by `release…`.
import { CABLE_IN, CABLE_OUT, Cables, cableOf } from "../cables/cables.ts";
import { HeldFrames } from "../cables/held-frames.ts";
import type { Impairment } from "../cables/impairment.ts";
import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import { Drop } from "../drop-reason.ts";
import type { PacketMemory, TransmitList } from "../frames.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { DROPS, IMPAIR_DUPLICATES } = counterLayout;
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { COPY_DESTINATION, COPY_FRAME, COPY_SHIFT, DROPPED_PORT, FRAME_LENGTH, FRAME_PORT, FRAME_SHIFT } =
  layout;

const { impair_limit, impair_loss, port_down } = Drop;
const NO_DESTINATION = -1;

export interface ImpairStage {
  /** Impairs the cables of a port, or no longer (null). What is held leaves at its time all the same. */
  configure(port: number, incoming: Impairment | null, outgoing: Impairment | null): void;
  /** The frames of a batch have come by their cables: rows of what is lost or held are marked as dropped. */
  received(count: number): void;
  /** Copies for a device go into their cables: what is left in the list is to be transmitted now. */
  transmitted(list: TransmitList): void;
  /** Writes rows of received frames that have been held long enough; returns how many. Then `forget`. */
  releaseReceived(): number;
  /** The same for copies to transmit, whose destinations are the rows' targets. */
  releaseTransmitted(): number;
  forget(): void;
  /** Microseconds until something held is due, at most `atMostUs`. */
  untilDueUs(atMostUs: number): number;
  /** Drops what the cables of a port hold, for it goes away. */
  dropPort(port: number): void;
  setMicroseconds(nowUs: number): void;
  /** Once a second. */
  tick(): void;
}

export function createImpair(tables: Tables, packets: PacketMemory): ImpairStage {
  const { frames, counters, drops, journal, destinations, meters } = tables;
  const cables = new Cables(counters, meters, tables.learning?.worker ?? 0);
  /** Made with the first impairment. */
  let held: HeldFrames | null = null;
  let nowUs = 0;

  function configure(port: number, incoming: Impairment | null, outgoing: Impairment | null): void {
    cables.configure(cableOf(port, CABLE_IN), incoming);
    cables.configure(cableOf(port, CABLE_OUT), outgoing);
    tables.hasImpairedPort = cables.areImpaired;
    if (cables.areImpaired) held ??= new HeldFrames(packets, cables);
  }

  function received(count: number): void {
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      if (!passes(cableOf(port, CABLE_IN), at, NO_DESTINATION)) frames[at + FRAME_PORT] = DROPPED_PORT;
    }
  }

  function transmitted(list: TransmitList): void {
    const { copies, count } = list;
    list.count = 0;
    for (let i = 0; i < count; i++) {
      const frame = copies[(i << COPY_SHIFT) + COPY_FRAME];
      const destination = copies[(i << COPY_SHIFT) + COPY_DESTINATION];
      const port = destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
      // The list is written over from its front, where it has been read.
      if (passes(cableOf(port, CABLE_OUT), frame << FRAME_SHIFT, destination)) list.push(frame, destination);
    }
  }

  /** Whether a frame passes its cable at once; if not, it is lost or held. A duplicate is held, if only for a moment. */
  function passes(cable: number, at: number, destination: number): boolean {
    if (!cables.isImpaired(cable)) return true;
    if (cables.loses(cable)) {
      drops.dropCopy(at, cable >> 1, impair_loss);
      return false;
    }
    const isTwice = cables.duplicates(cable);
    const takesUs = cables.takesUs(cable, frames[at + FRAME_LENGTH]);
    // What is due already is not to be overtaken.
    const isNow = takesUs === 0 && !(held as HeldFrames).isDue(cable & 1, nowUs);
    if (!isNow) hold(cable, at, destination, takesUs);
    if (isTwice) {
      counters[portCounter(cable >> 1) + IMPAIR_DUPLICATES]++;
      hold(cable, at, destination, cables.takesUs(cable, frames[at + FRAME_LENGTH]));
    }
    return isNow;
  }

  /** Holds a frame for as long as it takes, or drops it for lack of room. */
  function hold(cable: number, at: number, destination: number, takesUs: number): void {
    const dueUs = (nowUs + takesUs) | 0;
    const hasRoom = takesUs >= 0 && cables.hasRoom(cable);
    if (!hasRoom || !(held as HeldFrames).hold(cable, frames, at, destination, dueUs))
      drops.dropCopy(at, cable >> 1, impair_limit);
    else if (journal.isOpen) journal.held(at >> FRAME_SHIFT, cable >> 1);
  }

  function dropPort(port: number): void {
    const [incoming, outgoing] = held?.dropPort(port) ?? [0, 0];
    counters[portCounter(port) + DROPS + port_down] += incoming + outgoing;
  }

  return {
    configure,
    received,
    transmitted,
    releaseReceived: () => held?.release(CABLE_IN, frames, nowUs) ?? 0,
    releaseTransmitted: () => held?.release(CABLE_OUT, frames, nowUs) ?? 0,
    forget: () => held?.forget(),
    untilDueUs: (atMostUs) => held?.untilDueUs(nowUs, atMostUs) ?? atMostUs,
    dropPort,
    setMicroseconds(us) {
      nowUs = us;
    },
    tick: () => cables.tick(),
  };
}
