// What a switch must offer to be measured. Each peer has a file of its own and is listed in index.ts.

/** What a measure asks of the lab and the switch beyond two ports. */
export interface Layout {
  /** VXLAN ports for so many of the lab's further VTEPs. */
  readonly extraPorts?: number;
  /** Copies every frame received to a device `mirror0` of the middle host. */
  readonly mirror?: boolean;
  /** Room for so many addresses where the room is bounded; left out: what the switch comes with. */
  readonly addressesMax?: number;
  /** Writes what V8's garbage collector does to its output, for `traceOf`. */
  readonly traceGarbage?: boolean;
  /** It will be watched. */
  readonly watched?: boolean;
}

/** What a switch says about its mirror. */
export interface MirrorCount {
  readonly mirrored: number;
  readonly lost: number;
}

/** A switch that runs in the lab's middle host. */
export interface Peer {
  /** The processes that forward; none where the kernel does. CPU time and memory are read of them. */
  readonly pids: readonly number[];
  /** The counters of its mirror; left out where it does not say them at once. */
  mirrorCount?(): Promise<MirrorCount>;
  /** Starts all who may watch it and resolves once they do, with how to end that. Left out where nobody can. */
  watch?(): Promise<() => Promise<void>>;
  /** All it has written to its outputs. Complete once it is stopped. */
  output?(): string;
  /** Ends it, the second time in vain; rejects if it did not end well. The lab is removed afterwards, so devices need not be. */
  stop(): Promise<void>;
}

/** A kind of switch that can be started in a lab that is up. */
export interface PeerKind {
  readonly name: string;
  /** The names of the measures that it is measured by; left out: all. */
  readonly measures?: readonly string[];
  /** Why it cannot run on this machine, with the remedy; undefined if it can. */
  obstacle(): string | undefined;
  /** Which part of a layout it does not offer; left out: none. */
  lacks?(layout: Layout): string | undefined;
  /** Starts it in a lab of that layout and resolves once it forwards. Rejects, with nothing left running, if it does not. */
  start(layout: Layout): Promise<Peer>;
}

/** For switches that show what others are worth: what they are worth themselves is told by these. */
export const BASELINE_MEASURES: readonly string[] = [
  "frames-64-1",
  "frames-64-64",
  "frames-1400-1",
  "frames-1400-64",
  "frames-alternating-64",
  "frames-imix-64",
  "tcp-1",
  "udp-1",
  "round-trip",
  "round-trip-load",
  "cpu",
  "idle",
];

/** For switches that have two ports and nothing else. */
export function lacksAnyLayout(layout: Layout): string | undefined {
  return Object.keys(layout).length > 0 ? "has two ports and nothing else" : undefined;
}
