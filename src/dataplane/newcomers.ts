// VTEPs that a port takes in without knowing them beforehand (a multicast group, `remote: any`): noted by the forwarding thread
// that received their first datagram, and told to the control thread once a second, which makes them known.

/** Told in a second at most, by each thread; what else comes from strangers meanwhile waits for the next. */
export const NEWCOMERS_MAX = 64;

const PORT = 0;
const REMOTE = 1;
const ROW_WORDS = 5;

export interface Newcomer {
  /** Index of the port that takes it in. */
  readonly port: number;
  /** Four words, wire order. */
  readonly remote: Int32Array;
}

export class Newcomers {
  private readonly rows = new Int32Array(NEWCOMERS_MAX * ROW_WORDS);
  private noted = 0;
  private told = 0;

  /** Whether any is noted that was not taken. */
  get hasNews(): boolean {
    return this.told < this.noted;
  }

  /** A datagram came for a port from the VTEP whose address stands in `words`. */
  note(port: number, words: Int32Array, remote: number): void {
    for (let row = 0; row < this.noted; row++) if (this.is(row * ROW_WORDS, port, words, remote)) return;
    if (this.noted === NEWCOMERS_MAX) return;
    const at = this.noted++ * ROW_WORDS;
    this.rows[at + PORT] = port;
    for (let word = 0; word < 4; word++) this.rows[at + REMOTE + word] = words[remote + word];
  }

  /** Those that were not taken yet. */
  take(): Newcomer[] {
    const taken: Newcomer[] = [];
    for (; this.told < this.noted; this.told++) {
      const at = this.told * ROW_WORDS;
      taken.push({ port: this.rows[at + PORT], remote: this.rows.slice(at + REMOTE, at + ROW_WORDS) });
    }
    return taken;
  }

  /** Once a second: who is still unknown is told again. */
  forget(): void {
    this.noted = 0;
    this.told = 0;
  }

  private is(at: number, port: number, words: Int32Array, remote: number): boolean {
    const { rows } = this;
    return (
      rows[at + PORT] === port &&
      rows[at + REMOTE + 3] === words[remote + 3] &&
      rows[at + REMOTE + 2] === words[remote + 2] &&
      rows[at + REMOTE + 1] === words[remote + 1] &&
      rows[at + REMOTE] === words[remote]
    );
  }
}
