// Mirrors whose frames go to a collector on the network, as VXLAN datagrams or as ERSPAN. The control thread opens the sockets,
// the mirror thread sends by them. What the collector gets are packets as on a wire: super-frames are cut to what the path
// carries, checksums filled in, and a frame that does not fit is refused.
import type { DestinationsMemory } from "../destinations.ts";
import { COPY_DESTINATION, COPY_FRAME, COPY_WORDS, FRAME_LENGTH, FRAME_SHIFT } from "../frames.ts";
import { ERSPAN_WORDS, type ErspanMemory } from "../wire/erspan.ts";
import { type FrameQueueMemory, type FrameQueueReader, RECORD_ORIGINAL_BYTES } from "./frame-queue.ts";
import { RecordOutput } from "./mirror-output.ts";
import { native } from "./native.ts";
import type { UdpSenders } from "./udp-underlay.ts";

/** Holds more than one super-frame cut in segments, headers included (128 KiB). */
const STAGING_BYTES = 1 << 18;

/** The only row of a mirror's table of destinations. */
const COLLECTOR = 0;

/** Opens a raw socket for ERSPAN at an IPv4 address; throws EPERM (CAP_NET_RAW), EADDRNOTAVAIL. */
export function openErspan(local: Int32Array, bufferBytes: number): number {
  return native().erspanOpen(local, bufferBytes);
}

export function closeErspan(fd: number): void {
  native().closeFd(fd);
}

/** By the machinery that the ports use: trains, and source ports by the hash of the inner flow. */
export class VxlanOutput extends RecordOutput {
  private readonly senders: UdpSenders;
  private readonly ipv6: number;
  private readonly destinations: Int32Array;
  private readonly staging = new Uint8Array(STAGING_BYTES);

  /** `destinations` has the collector as its first row. */
  constructor(
    senders: UdpSenders,
    ipv6: boolean,
    destinations: DestinationsMemory,
    queues: readonly FrameQueueMemory[],
    counters: Float64Array,
    mirror: number,
  ) {
    super(queues, counters, mirror);
    this.senders = senders;
    this.ipv6 = Number(ipv6);
    this.destinations = new Int32Array(destinations);
  }

  protected transmit({ bytes, words }: FrameQueueReader, copies: Int32Array, count: number): number {
    const { senders, destinations, staging } = this;
    for (let i = 0; i < count; i++) copies[i * COPY_WORDS + COPY_DESTINATION] = COLLECTOR;
    return native().udpTransmit(
      this.ipv6,
      senders.sockets,
      senders.ports,
      bytes,
      words,
      copies,
      count,
      destinations,
      staging,
    );
  }
}

export class ErspanOutput extends RecordOutput {
  private readonly fd: number;
  private readonly tunnel: Int32Array;
  private readonly staging = new Uint8Array(STAGING_BYTES);

  constructor(
    fd: number,
    memory: ErspanMemory,
    queues: readonly FrameQueueMemory[],
    counters: Float64Array,
    mirror: number,
  ) {
    super(queues, counters, mirror);
    this.fd = fd;
    this.tunnel = new Int32Array(memory, 0, ERSPAN_WORDS);
  }

  /** ERSPAN says of a frame that only its beginning is there. */
  protected transmit({ bytes, words }: FrameQueueReader, copies: Int32Array, count: number): number {
    for (let i = 0; i < count; i++) {
      const at = copies[i * COPY_WORDS + COPY_FRAME] << FRAME_SHIFT;
      const isCut = words[at + FRAME_LENGTH] < words[at + RECORD_ORIGINAL_BYTES];
      copies[i * COPY_WORDS + COPY_DESTINATION] = Number(isCut);
    }
    return native().erspanTransmit(this.fd, this.tunnel, bytes, words, copies, count, this.staging);
  }
}
