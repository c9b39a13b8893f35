// What a switch must offer to be measured. Each peer has a file of its own and is listed in index.ts.

/** A switch that runs in the lab's middle host. */
export interface Peer {
  /** The processes that forward; none where the kernel does. CPU time and memory are read of them. */
  readonly pids: readonly number[];
  /** Ends it, rejects if it did not end well. The lab is removed afterwards, so devices need not be. */
  stop(): Promise<void>;
}

/** A kind of switch that can be started in a lab that is up. */
export interface PeerKind {
  readonly name: string;
  /** Why it cannot run on this machine, with the remedy; undefined if it can. */
  obstacle(): string | undefined;
  /** Starts it and resolves once it forwards. Rejects, with nothing left running, if it does not. */
  start(): Promise<Peer>;
}
