// A device moves batches between the arena and the world: the two edges of the switch, and all that the forwarding core
// knows of I/O. src/dataplane/io has the makes (UDP underlay, TAP); tests have one in memory.
import type { TransmitList } from "./frames.ts";

export interface Device {
  /** Descriptor that becomes readable when `receive` has something; -1 = never. */
  readonly fd: number;
  /** True where frames come as VXLAN datagrams, false where they are bare Ethernet. */
  readonly encapsulated: boolean;
  /** Fills the frame table with what is waiting, a batch at most; returns the rows, or -errno. Never blocks. */
  receive(): number;
  /** Transmits the copies and writes each one's result; returns how many failed. Never blocks. */
  transmit(list: TransmitList): number;
}
