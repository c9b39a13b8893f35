// What the program of a receive ring (ring-program.c) and its reader (ring.c) have in common.
#ifndef VXSWITCH_RING_RECORD_H
#define VXSWITCH_RING_RECORD_H

// A record of the BPF ring buffer: the kernel's own header of 8 bytes (include/uapi/linux/bpf.h, BPF_RINGBUF_), then ours.
// With 6 bytes of it, an inner frame behind IPv4 headers begins a cache line.
//
//   header 8 | length, flag 4 | gso_size 2 | Ethernet 14 | IP 20/40 | UDP 8 | VXLAN 8 | inner frame
//   0          8                12           14            28         48      56        64 (IPv4)
enum {
  RECORD_HEADER = 8,
  RECORD_LENGTH = 8,
  RECORD_GSO_SIZE = 12,
  RECORD_FRAME = 14,
  RECORD_BYTES_MAX = 65600,  // the largest IP packet fits
};

// Beside the length: the device has checked the checksum of the outer UDP header.
#define RECORD_CHECKED 0x80000000u

// The state of one worker, shared by the program and the switch.
enum {
  STATE_SLEEPS = 0,  // 1: the next frame wakes the reader and clears this
  STATE_DROPS = 4,   // frames that found the ring full, modulo 2^32
  STATE_BYTES = 8,
};

#endif
