// A device moves batches between the arena and the world: the two edges of the switch, and all that the forwarding core
// knows of I/O. src/dataplane/io has the makes (UDP underlay, TAP); tests have one in memory.
import type { TransmitList } from "./frames.ts";

export interface Device {
  /** Descriptor that becomes readable when `receive` has something; -1 = never. */
  readonly fd: number;
  /** True where frames come as VXLAN datagrams, false where they are bare Ethernet. */
  readonly encapsulated: boolean;
  /** True where each frame comes with what its sender left undone; elsewhere its headers must tell. */
  readonly tellsOffloads: boolean;
  /** True where looking for frames costs no call into the kernel, so that the loop may look as often as it likes. */
  readonly spins: boolean;
  /** Fills the frame table with what is waiting, a batch at most; returns the rows, or -errno. Never blocks. */
  receive(): number;
  /** Nobody will look again until `fd` is readable: from now on the next frame makes it so. Without this, any does. */
  sleep?(): void;
  /** poll(2) reports an error: takes it. Without this, `receive` returns it. */
  clearError?(): void;
  /** The device leaves the engine: gives back what it holds of this thread's memory, not its descriptors. */
  detach?(): void;
  /** Transmits the copies and writes each one's result; returns how many failed. Never blocks. */
  transmit(list: TransmitList): number;
}
