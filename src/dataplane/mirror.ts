// Mirrors: which frames they select. Where selected frames go is a sink's business (src/dataplane/io/mirror-queue.ts).
// A port holds one bit for each mirror that watches what it receives or transmits; a frame gathers the bits on its way
// and is offered to each mirror once, whatever matched.

/** Takes the frames that a mirror selects. */
export interface MirrorSink {
  /** Takes the frame of a row (`at` = its first word) that entered at `port`; counts it if there is no room. */
  offer(frames: Int32Array, at: number, port: number): void;
  /** The batch is over: everything offered must be copied now, before its slots are used again. */
  publish(): void;
}

export class Mirror {
  readonly sink: MirrorSink;
  /** One byte a VLAN ID, 0 being untagged; null = all. */
  private readonly vlans: Uint8Array | null;

  constructor(sink: MirrorSink, vlans: readonly number[]) {
    this.sink = sink;
    this.vlans = vlans.length === 0 ? null : new Uint8Array(4096);
    for (const vlan of vlans) (this.vlans as Uint8Array)[vlan] = 1;
  }

  selects(vlan: number): boolean {
    return this.vlans === null || this.vlans[vlan] === 1;
  }
}
