// The receive side of the `ring` underlay: an AF_PACKET ring on a network device, in memory that is a part of the arena,
// and the classifier that decides which datagrams it takes from the host's own stack.
import type { Address } from "../address.ts";
import type { Device } from "../device.ts";
import { RING_BATCH_FRAMES, SLOT_COUNT, type TransmitList } from "../frames.ts";
import { RINGS_MAX } from "../limits.ts";
import { type Arena, RING_BYTES, SLOT_BYTES } from "./arena.ts";
import { native, type View } from "./native.ts";

/** Blocks are what the kernel allocates in one piece. */
const BLOCK_BYTES = 1 << 20;
const BLOCKS = RING_BYTES / BLOCK_BYTES;
/** What stands before the Ethernet header in a slot, and the outer headers that an MTU does not count. */
const SLOT_OVERHEAD_BYTES = 128;
const SLOT_BYTES_MIN = 2048;
/** Beside the size of a page, so that the headers of all slots do not fall into the same sets of the cache. */
const SLOT_STAGGER_BYTES = 64;

/** Words of a ring, read and written by the addon (native/ring.c keeps the same numbers). */
const RING_FD = 0;
const RING_BASE = 1;
const RING_SLOT_BYTES = 2;
const RING_BLOCK_BYTES = 3;
const RING_BLOCKS = 4;
const RING_WORDS = 7;

/** The classifier of one data plane, held by its descriptors. */
export class Classifier {
  readonly filter: number;
  private readonly map: number;
  private readonly drop: number;

  /** Throws the addon's error where the kernel or the privileges do not allow it. */
  constructor() {
    const fds = new Int32Array(3);
    native().classifierOpen(fds);
    [this.map, this.filter, this.drop] = fds as unknown as [number, number, number];
  }

  /** From now on the ring of the device takes (or no longer takes) what is sent to this address and UDP port. */
  set(address: Address, ifindex: number, port: number, taken: boolean): void {
    native().classifierSet(this.map, address.words, ifindex, port, Number(taken));
  }

  /** Keeps what the rings take from the host's stack on this device, until the descriptor is closed. */
  link(ifindex: number): number {
    return native().classifierLink(this.drop, ifindex);
  }

  close(): void {
    for (const fd of [this.map, this.filter, this.drop]) native().closeFd(fd);
  }
}

/** A ring as the control thread opened it. */
export interface RingSocket {
  readonly fd: number;
  readonly slotBytes: number;
  /** Which of the arena's rooms it is laid over. */
  readonly room: number;
  /** The ring's words: how far it has been read outlives a crash of the thread that reads. */
  readonly words: SharedArrayBuffer;
}

/**
 * Opens the rings of a device with this MTU, one for each worker: the kernel shares the device's outer flows among them.
 * They take nothing before the classifier says so. `bufferBytes` bounds the super-frames that wait beside their slots.
 * Throws the addon's error.
 */
export function openRings(
  workers: number,
  ifindex: number,
  mtuBytes: number,
  room: number,
  bufferBytes: number,
  filter: number,
): RingSocket[] {
  const slotBytes = slotBytesFor(mtuBytes);
  const fanout = workers > 1 ? fanoutGroup(room) : 0;
  const rings: RingSocket[] = [];
  try {
    for (let worker = 0; worker < workers; worker++) {
      const fd = native().ringOpen(ifindex, slotBytes, BLOCK_BYTES, BLOCKS, bufferBytes, filter, fanout);
      const words = new SharedArrayBuffer(RING_WORDS * Int32Array.BYTES_PER_ELEMENT);
      rings.push({ fd, slotBytes, room, words });
    }
    return rings;
  } catch (error) {
    closeRings(rings);
    throw error;
  }
}

/** Frames that found the rings full since the last call. */
export function ringDrops(rings: readonly RingSocket[]): number {
  return rings.reduce((sum, { fd }) => sum + native().ringDrops(fd), 0);
}

/** Whether they still receive from that device; not if it was removed, even if another one has its index by now. */
export function ringsReceiveFrom(rings: readonly RingSocket[], ifindex: number): boolean {
  return rings.every(({ fd }) => native().ringDevice(fd) === ifindex);
}

/** Whether the slots hold the frames of a device with this MTU; else each larger one would have to be fetched. */
export function ringsFit(rings: readonly RingSocket[], mtuBytes: number): boolean {
  return rings.every(({ slotBytes }) => slotBytes >= slotBytesFor(mtuBytes));
}

export function closeRings(rings: readonly RingSocket[]): void {
  for (const { fd } of rings) native().closeFd(fd);
}

/** A number that no other group of this namespace is likely to have (packet(7), PACKET_FANOUT). */
function fanoutGroup(room: number): number {
  return ((process.pid * RINGS_MAX + room) % 0xffff) + 1;
}

/** The host's stack receives again what the classifier kept from it. */
export function unlink(link: number): void {
  native().closeFd(link);
}

/** A whole frame of the device fits, unless that would leave too few slots: then it is fetched like a super-frame. */
function slotBytesFor(mtuBytes: number): number {
  const wanted = Math.min(16_384, mtuBytes + SLOT_OVERHEAD_BYTES);
  return Math.max(SLOT_BYTES_MIN, Math.ceil(wanted / 64) * 64) + SLOT_STAGGER_BYTES;
}

/** The forwarding thread's side: receives only; what it received leaves by the UDP underlay of its VTEP. */
export class RingReceiver implements Device {
  readonly encapsulated = true;
  readonly tellsOffloads = true;
  readonly spins = true;
  readonly fd: number;
  private readonly ring: Int32Array;
  private readonly arena: Arena;
  private readonly ringView: View<Int32Array>;
  private readonly arenaView: View<Uint8Array>;
  private readonly framesView: View<Int32Array>;
  private readonly vtepsView: View<Int32Array>;
  private readonly native = native();

  /** Lays the ring over its room of the arena; throws the addon's error. */
  constructor(socket: RingSocket, arena: Arena, frames: Int32Array, vteps: Int32Array) {
    this.fd = socket.fd;
    this.ring = new Int32Array(socket.words);
    this.ring[RING_FD] = socket.fd;
    this.ring[RING_BASE] = arena.ringBase + socket.room * RING_BYTES;
    this.ring[RING_SLOT_BYTES] = socket.slotBytes;
    this.ring[RING_BLOCK_BYTES] = BLOCK_BYTES;
    this.ring[RING_BLOCKS] = BLOCKS;
    this.arena = arena;
    this.ringView = this.native.view(this.ring);
    this.arenaView = this.native.view(arena.bytes);
    this.framesView = this.native.view(frames);
    this.vtepsView = this.native.view(vteps);
    this.native.ringMap(this.ring, arena.bytes);
  }

  receive(): number {
    return this.native.ringReceive(
      this.ringView,
      this.arenaView,
      this.framesView,
      this.vtepsView,
      this.arena.slotBase,
      SLOT_BYTES,
      SLOT_COUNT,
      RING_BATCH_FRAMES,
    );
  }

  transmit(list: TransmitList): number {
    throw new Error(`${list.count} frames for a ring, which only receives`);
  }

  /** The device went down. If it comes back, the ring goes on by itself; if not, the control thread closes it. */
  clearError(): void {
    this.native.socketError(this.fd);
  }

  detach(): void {
    this.native.ringUnmap(this.ring, this.arena.bytes);
  }
}
