// The receive side of the `ring` underlay: a BPF ring buffer for each worker, which a program on a network device fills, in
// memory that is a part of the arena; and the classifier that says what that program takes from the host's own stack.
import type { Address } from "../address.ts";
import type { Device } from "../device.ts";
import { FRAME_WORDS, FRAMES_MAX, RING_BATCH_FRAMES, SLOT_COUNT, type TransmitList } from "../frames.ts";
import { type Arena, RING_BYTES, RING_ROOM_BYTES, SLOT_BYTES } from "./arena.ts";
import { native, type View } from "./native.ts";

/** Words of a ring, read and written by the addon (native/ring.c keeps the same numbers). */
const RING_BUFFER = 0;
const RING_STATE = 1;
const RING_WORKER = 2;
const RING_BASE = 3;
const RING_SIZE = 4;
const RING_WORDS = 6;

/** The classifier of one data plane, held by its descriptor. */
export class Classifier {
  readonly map: number;

  /** Throws the addon's error where the kernel or the privileges do not allow it. */
  constructor() {
    this.map = native().classifierOpen();
  }

  /** From now on the ring of the device takes (or no longer takes) what is sent to this address and UDP port. */
  set(address: Address, ifindex: number, port: number, taken: boolean): void {
    native().classifierSet(this.map, address.words, ifindex, port, Number(taken));
  }

  close(): void {
    native().closeFd(this.map);
  }
}

/** A ring as a forwarding thread gets it. */
export interface RingSocket {
  /** Descriptor of the buffer. */
  readonly fd: number;
  /** Descriptor of the states of all workers. */
  readonly state: number;
  readonly worker: number;
  /** Which of the arena's rooms it is laid over. */
  readonly room: number;
  /** The ring's words: how far it has been read outlives a crash of the thread that reads. */
  readonly words: SharedArrayBuffer;
}

/** The rings of one device, one for each worker: the device's outer flows are shared among them. */
export class DeviceRings {
  readonly sockets: readonly RingSocket[];
  private readonly state: number;
  /** -1 once it is closed. */
  private link = -1;

  /** Links them to the device; they take nothing before the classifier says so. Throws the addon's error. */
  constructor(classifier: Classifier, workers: number, ifindex: number, room: number) {
    const sockets: RingSocket[] = [];
    this.sockets = sockets;
    this.state = native().ringStateOpen();
    try {
      for (let worker = 0; worker < workers; worker++) {
        const words = new SharedArrayBuffer(RING_WORDS * Int32Array.BYTES_PER_ELEMENT);
        sockets.push({ fd: native().ringOpen(RING_BYTES), state: this.state, worker, room, words });
      }
      const buffers = Int32Array.from(sockets, ({ fd }) => fd);
      this.link = native().ringLink(classifier.map, this.state, buffers, ifindex);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Frames that found a ring full. */
  get drops(): number {
    return native().ringDrops(this.state) >>> 0;
  }

  /** Whether they still receive from that device; not if it was removed, even if another one has its index by now. */
  receiveFrom(ifindex: number): boolean {
    return native().ringDevice(this.link) === ifindex;
  }

  /** The host's stack receives again what the rings took; what they hold already can still be read. */
  unlink(): void {
    if (this.link >= 0) native().closeFd(this.link);
    this.link = -1;
  }

  close(): void {
    this.unlink();
    for (const { fd } of this.sockets) native().closeFd(fd);
    native().closeFd(this.state);
  }
}

/** The forwarding thread's side: receives only; what it received leaves by the UDP underlay of its VTEP. */
export class RingReceiver implements Device {
  readonly encapsulated = true;
  readonly tellsOffloads = false;
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
    this.ring[RING_BUFFER] = socket.fd;
    this.ring[RING_STATE] = socket.state;
    this.ring[RING_WORKER] = socket.worker;
    this.ring[RING_BASE] = arena.ringBase + socket.room * RING_ROOM_BYTES;
    this.ring[RING_SIZE] = RING_BYTES;
    this.arena = arena;
    this.ringView = this.native.view(this.ring);
    this.arenaView = this.native.view(arena.bytes);
    // The rows behind are not for frames that are received.
    this.framesView = this.native.view(frames.subarray(0, FRAMES_MAX * FRAME_WORDS));
    this.vtepsView = this.native.view(vteps);
    this.native.ringMap(this.ring, arena.bytes);
  }

  /** While a batch of a ring is forwarded the slots are free: copies stand there. */
  receive(): number {
    return this.native.ringReceive(
      this.ringView,
      this.arenaView,
      this.framesView,
      this.vtepsView,
      RING_BATCH_FRAMES,
      this.arena.slotBase,
      SLOT_BYTES * SLOT_COUNT,
    );
  }

  transmit(list: TransmitList): number {
    throw new Error(`${list.count} frames for a ring, which only receives`);
  }

  sleep(): void {
    this.native.ringSleep(this.ringView, this.arenaView);
  }

  detach(): void {
    this.native.ringUnmap(this.ring, this.arena.bytes);
  }
}
