// What forwarding workers tell each other. Each has an FDB of its own and receives only some of the frames, so whatever a
// frame writes into one FDB (an address learnt, moved, or seen for the first time in this second) goes to the others as
// an event, by a ring for each ordered pair of workers. So all tables come to hold the same, and an address that one
// worker keeps seeing does not age in another. Where a ring is full the event is lost and counted; an address that is
// still in use is told again a second later.
//
// A stamp orders the changes of one address: it is higher than that of every event that its worker had heard, and no two
// are equal (Lamport's clock, with the worker's number in its lowest digit). A worker hears before each batch, so what it
// learns wins over all that was told before; if two see an address at two places within the same microseconds, all
// tables agree on one of them.
import * as counterLayout from "../counters.ts";
import { WORKERS_MAX } from "../limits.ts";
import {
  allocateLearningRing,
  EVENT_BRIDGE,
  EVENT_DESTINATION,
  EVENT_KEY,
  EVENT_LOW,
  EVENT_SEEN_SECONDS,
  EVENT_STAMP,
  EVENTS_MAX,
  LearningReader,
  type LearningRingMemory,
  LearningWriter,
} from "./learning-ring.ts";

const { LEARNING_DROPS } = counterLayout;

/** Waiting events at which a reader is woken even if none is new: refreshes alone must not fill its ring while it sleeps. */
const WAITING_MAX = EVENTS_MAX / 2;

/** The rings and clocks of all workers. */
export interface LearningMemory {
  /** `rings[from][to]`; a worker's ring to itself stays empty. */
  readonly rings: readonly (readonly LearningRingMemory[])[];
  /** One double a worker. */
  readonly clocks: SharedArrayBuffer;
}

/** Where an address is, as another worker saw it. */
export type Hear = (
  bridge: number,
  key: number,
  low: number,
  destination: number,
  seenSeconds: number,
  stamp: number,
) => void;

export function allocateLearning(workers: number): LearningMemory {
  const row = () => Array.from({ length: workers }, allocateLearningRing);
  return {
    rings: Array.from({ length: workers }, row),
    clocks: new SharedArrayBuffer(workers * Float64Array.BYTES_PER_ELEMENT),
  };
}

interface Outbox {
  readonly to: number;
  readonly writer: LearningWriter;
  /** The other worker, should it sleep, has a reason to wake. */
  isUrgent: boolean;
}

/** One worker's ends of the rings. */
export class Learning {
  readonly worker: number;
  private readonly counters: Float64Array;
  private readonly wake: (worker: number) => void;
  private readonly outboxes: readonly Outbox[];
  private readonly inboxes: readonly LearningReader[];
  /** The highest that this worker gave or heard; shared, so that a worker that crashed does not start anew. */
  private readonly clock: Float64Array;

  /** `wake` makes another worker look at its inboxes, should it be waiting for frames. */
  constructor(
    memory: LearningMemory,
    worker: number,
    counters: Float64Array,
    wake: (worker: number) => void,
  ) {
    const others = memory.rings.map((_, other) => other).filter((other) => other !== worker);
    this.worker = worker;
    this.counters = counters;
    this.wake = wake;
    this.outboxes = others.map((to) => {
      return { to, writer: new LearningWriter(memory.rings[worker][to]), isUrgent: false };
    });
    this.inboxes = others.map((from) => new LearningReader(memory.rings[from][worker]));
    this.clock = new Float64Array(memory.clocks, worker * Float64Array.BYTES_PER_ELEMENT, 1);
  }

  /** Tells all others; returns the stamp. `isNew`: learnt or moved, not only seen again. */
  tell(
    bridge: number,
    key: number,
    low: number,
    destination: number,
    seenSeconds: number,
    isNew: boolean,
  ): number {
    const stamp = ++this.clock[0] * WORKERS_MAX + this.worker;
    for (const outbox of this.outboxes) {
      const { writer } = outbox;
      if (!writer.push(stamp, bridge, key, low, destination, seenSeconds)) this.counters[LEARNING_DROPS]++;
      if (isNew || writer.waiting > WAITING_MAX) outbox.isUrgent = true;
    }
    return stamp;
  }

  /** Hands over what the others have told. */
  hear(take: Hear): void {
    for (const inbox of this.inboxes) {
      let at = inbox.next();
      if (at < 0) continue;
      for (; at >= 0; at = inbox.next()) this.hearOne(inbox.events, at, take);
      inbox.release();
    }
  }

  /** The batch is over: wakes the others if what was told in it should not wait until they look by themselves. */
  wakeOthers(): void {
    for (const outbox of this.outboxes) {
      if (!outbox.isUrgent) continue;
      outbox.isUrgent = false;
      this.wake(outbox.to);
    }
  }

  private hearOne(events: Float64Array, at: number, take: Hear): void {
    const stamp = events[at + EVENT_STAMP];
    this.clock[0] = Math.max(this.clock[0], Math.floor(stamp / WORKERS_MAX));
    take(
      events[at + EVENT_BRIDGE] | 0,
      events[at + EVENT_KEY] | 0,
      events[at + EVENT_LOW] | 0,
      events[at + EVENT_DESTINATION] | 0,
      events[at + EVENT_SEEN_SECONDS] | 0,
      stamp,
    );
  }
}
