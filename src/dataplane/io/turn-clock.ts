// The clock of the forwarding loop, read once a turn. Whole numbers alone: a double would be allocated each time.
import type { BatchClock } from "../clock.ts";
import { native } from "./native.ts";

export class TurnClock implements BatchClock {
  /** Wall-clock time of the last reading. */
  seconds = 0;
  nanoseconds = 0;
  private readonly wall = new Int32Array(2);
  private readonly wallView = native().view(this.wall);
  private readonly native = native();

  /** Returns the microseconds of the monotonic clock, modulo 2^32, as a signed number. */
  read(): number {
    const nowUs = this.native.readClock(this.wallView);
    this.seconds = this.wall[0];
    this.nanoseconds = this.wall[1];
    return nowUs;
  }
}
