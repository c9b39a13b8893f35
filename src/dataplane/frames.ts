// The tables of one batch: a row for each received frame, a row for each copy to transmit. Plain Int32Arrays, so that
// the addon reads and writes them in place (native/layout.h keeps the same numbers). Bytes stay in the arena.

/** Words of a frame row. Offsets are bytes in the arena, checksum offsets bytes in the frame. */
export const FRAME_OFFSET = 0;
export const FRAME_LENGTH = 1;
export const FRAME_FLAGS = 2;
/** VIRTIO_NET_HDR_GSO_*; 0 = not a super-frame. */
export const FRAME_GSO_TYPE = 3;
/** Payload bytes a segment; 0 = not known. */
export const FRAME_GSO_SIZE = 4;
export const FRAME_CSUM_START = 5;
export const FRAME_CSUM_OFFSET = 6;
/** Hash of the inner flow: the source port of the outer datagram follows it (RFC 7348 section 5). */
export const FRAME_FLOW = 7;
/** Four words: the sender's IPv6 or IPv4-mapped address, in wire order. */
export const FRAME_REMOTE = 8;
/** Device index of the UDP socket that holds the address the datagram was sent to. */
export const FRAME_VTEP = 12;
/** Ingress port; 0 = dropped, the later stages pass it by. */
export const FRAME_PORT = 13;
/** Destination index of where the frame came from: what is learnt, and where it never returns to. */
export const FRAME_SOURCE = 14;
/** Destination index of where the frame goes, or FLOOD. */
export const FRAME_TARGET = 15;
export const FRAME_WORDS = 16;
export const FRAME_SHIFT = 4;

/** Once the port is known, the sender's address is no longer needed: its words hold the two FDB keys. */
export const FRAME_SOURCE_KEY = 8;
export const FRAME_SOURCE_LOW = 9;
export const FRAME_TARGET_KEY = 10;
export const FRAME_TARGET_LOW = 11;

export const DROPPED_PORT = 0;
export const FLOOD = -1;

/** The transport checksum holds only the pseudo-header sum; it is filled where the way out cannot. */
export const FLAG_NEEDS_CSUM = 1;
/** The datagram was larger than its slot. */
export const FLAG_TRUNCATED = 2;
/** The device's metadata does not fit the frame. */
export const FLAG_BAD_OFFLOAD = 4;
/** Lengths or checksum of the outer headers are wrong. */
export const FLAG_BAD_OUTER = 8;
/** Two bits: the ECN of the inner IP header (RFC 3168 section 5), which the outer one gets as well. */
export const FLAG_ECN_SHIFT = 4;
/** It came with a group policy to a port that has them: A and D of the VXLAN header are bits 0 and 3 of four, … */
export const FLAG_GBP = 512;
export const FLAG_GBP_BITS_SHIFT = 8;
/** … the policy is the upper half of the word. */
export const FLAG_GBP_POLICY_SHIFT = 16;
/** Over IPv6 without a UDP checksum: only some ports take that. */
export const FLAG_ZERO_CSUM6 = 128;
/** The outer header tells of congestion, the inner one of a sender that would not hear. */
export const FLAG_BAD_ECN = 64;

export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;

/** Words of a copy row; the result is 0 when sent, else a negated drop reason. */
export const COPY_FRAME = 0;
export const COPY_DESTINATION = 1;
export const COPY_RESULT = 2;
export const COPY_WORDS = 4;
export const COPY_SHIFT = 2;

/** Copies that one transmit call takes (native/udp-transmit.c COPIES_MAX). */
export const COPIES_MAX = 1024;

/** Receive slots of a batch: one recvmmsg (native/udp-receive.c MESSAGES_MAX). Twice 64 makes longer trains of mixed flows. */
export const SLOT_COUNT = 128;

/** Slots of a receive ring that one batch takes at most: under load, the longer the batch, the longer its trains. */
export const RING_BATCH_FRAMES = 256;

/** Rows of a batch: what the slots hold, each up to 128 datagrams that are one to the kernel (native/datagram.h). */
export const FRAMES_MAX = SLOT_COUNT * 128;

/** Answers of the switch's own that one batch may cause, and the room for each (wire/icmp.ts and Ethernet with two tags). */
export const ANSWERS_MAX = 16;
export const ANSWER_BYTES = 1344;

/** Rows behind those of a batch, and room in the arena, for frames that leave with another VLAN tag (stages/vlan.ts). */
export const FORM_ROWS = 512;
export const FORMS_BYTES = 1 << 19;

/** What impaired cables may hold, of one forwarding thread: bytes (cables/held-memory.ts) and frames. */
export const HELD_BYTES = 64 << 20;
export const HELD_FRAMES_MAX = 1 << 17;
/** Held frames that go on in one batch. */
export const RELEASED_MAX = 256;

/** Answers to ARP and ND questions of one batch, and the room for each (wire/arp-nd.ts). */
export const NEIGH_ANSWERS_MAX = 64;
export const NEIGH_ANSWER_BYTES = 128;

/** Room for the TCP SYNs of one batch that are clamped; one without data takes 128 bytes. */
export const CLAMPED_BYTES = FRAMES_MAX * 128;

/** Where the bytes of frames are: rows hold offsets in it. */
export interface PacketMemory {
  readonly bytes: Uint8Array;
  /** Of the same memory. */
  readonly view: DataView;
  /** Offset of the room for SYNs that are clamped. */
  readonly clampedAt: number;
  /** Offset of the room for answers. */
  readonly answersAt: number;
  /** Offset of the room for other forms of frames. */
  readonly formsAt: number;
  /** Offset of the room for held frames. */
  readonly heldAt: number;
  /** Offset of the room for answers to ARP and ND questions. */
  readonly neighAnswersAt: number;
}

/** Copies waiting for one device, in the order the frames came. */
export class TransmitList {
  readonly copies = new Int32Array(COPIES_MAX * COPY_WORDS);
  count = 0;

  /** The caller has seen to it that there is room (`count < COPIES_MAX`). */
  push(frame: number, destination: number): void {
    const at = this.count++ << COPY_SHIFT;
    this.copies[at + COPY_FRAME] = frame;
    this.copies[at + COPY_DESTINATION] = destination;
  }
}
