// An engine made for one question: it is told what a forwarding thread is told, has a copy of the state that those share, and
// is given one frame. Its devices transmit nothing and its mirrors keep nothing: both note what they were handed. So the code
// that forwards is asked itself, and nothing that it does to its state is anybody's.
//
// It lives in the control thread. A second forwarder in a forwarding thread would cost that thread half of its speed, for V8
// folds tables into code that is made once (forwarder.ts).
import { UNIMPAIRED } from "../cables/impairment.ts";
import type { Device } from "../device.ts";
import { allocateDropRecords } from "../drop-records.ts";
import { type Command, Engine, type MirrorCommand } from "../engine.ts";
import { allocateFdb, type FdbMemory } from "../fdb/fdb.ts";
import {
  COPY_DESTINATION,
  COPY_FRAME,
  COPY_RESULT,
  COPY_SHIFT,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_REMOTE,
  FRAME_SHIFT,
  FRAME_VTEP,
  FRAME_WORDS,
  type TransmitList,
} from "../frames.ts";
import { allocateHostNews } from "../host-news.ts";
import { ARENA_BYTES, type Arena, arenaOver } from "../io/arena.ts";
import type { SharedMemory, Tables } from "../tables.ts";
import { copyImage, type Image, pourImage } from "./image.ts";

/** What a device would do, as far as a frame tells. */
export interface TracedDevice {
  readonly encapsulated: boolean;
  readonly tellsOffloads: boolean;
  /** The reason for which a copy to a destination would be dropped, 0 = it would leave. */
  refuses(row: Int32Array, bytes: Uint8Array, destination: number): number;
}

/** A frame at a device: bare, or from the VXLAN header on with who has sent it. */
export interface Arrival {
  readonly device: number;
  /** Four words, wire order. */
  readonly remote: Int32Array | null;
  readonly bytes: Uint8Array;
}

/** What a device was to transmit. */
export interface TracedCopy {
  readonly destination: number;
  /** Its row, with words as the forwarder left them. */
  readonly row: Int32Array;
  readonly bytes: Uint8Array;
  /** A drop reason, 0 = it would have left. */
  readonly refusal: number;
}

export interface ReplicaOptions<Make> {
  readonly image: Image;
  readonly commands: readonly Command<Make, unknown, FdbMemory, unknown>[];
  readonly traced: (make: Make) => TracedDevice;
  readonly nowSeconds: number;
  /** Of the loop's clock, which wraps. */
  readonly nowUs: number;
}

/** What a forwarding thread tells the control thread: here nobody listens. */
function unheard(): Pick<SharedMemory, "dropRecords" | "hostNews"> {
  return { dropRecords: allocateDropRecords(), hostNews: allocateHostNews() };
}

export class Replica<Make> {
  readonly engine: Engine<Make, unknown, unknown>;
  readonly copies: TracedCopy[] = [];
  /** Mirrors that were offered the frame or an answer to it, with the port that it counts as received at. */
  readonly offers: { readonly mirror: number; readonly port: number }[] = [];
  readonly arena: Arena = arenaOver(new ArrayBuffer(ARENA_BYTES));

  constructor({ image, commands, traced, nowSeconds, nowUs }: ReplicaOptions<Make>) {
    const own = copyImage(image);
    this.engine = new Engine<Make, unknown, unknown>({ ...own.memory, ...unheard() }, this.arena, {
      clock: { seconds: 0, nanoseconds: 0 },
      captureSink: () => {
        throw new Error("a trace is not captured");
      },
      device: (_, make, tables) => this.device(traced(make), tables),
      sink: (_, mirror) => ({
        offer: (_frames, _at, port) => void this.offers.push({ mirror, port }),
        publish: () => {},
      }),
    });
    for (const command of commands) this.engine.apply(forReplica(command, own));
    // A new thread forgets what others have to learn anew, and binds addresses that somebody may have deleted since.
    pourImage(image, own);
    this.engine.forwarder.setTime(nowSeconds);
    this.engine.forwarder.setMicroseconds(nowUs);
  }

  /** The frame comes in; to be called once. */
  receive({ device, remote, bytes }: Arrival): void {
    const { frames } = this.engine.tables;
    this.arena.bytes.set(bytes, this.arena.slotBase);
    frames[FRAME_OFFSET] = this.arena.slotBase;
    frames[FRAME_LENGTH] = bytes.length;
    frames[FRAME_VTEP] = device;
    if (remote !== null) frames.set(remote, FRAME_REMOTE);
    this.engine.forwarder.forward(device, 1);
  }

  private device({ encapsulated, tellsOffloads, refuses }: TracedDevice, { frames }: Tables): Device {
    const transmit = (list: TransmitList): number => {
      let failed = 0;
      for (let at = 0; at < list.count << COPY_SHIFT; at += 1 << COPY_SHIFT) {
        const from = list.copies[at + COPY_FRAME] << FRAME_SHIFT;
        const destination = list.copies[at + COPY_DESTINATION];
        const row = frames.slice(from, from + FRAME_WORDS);
        const bytes = this.arena.bytes.slice(row[FRAME_OFFSET], row[FRAME_OFFSET] + row[FRAME_LENGTH]);
        const refusal = refuses(row, bytes, destination);
        list.copies[at + COPY_RESULT] = -refusal;
        if (refusal !== 0) failed++;
        this.copies.push({ destination, row, bytes, refusal });
      }
      return failed;
    };
    return { fd: -1, encapsulated, tellsOffloads, spins: false, receive: () => 0, transmit };
  }
}

/**
 * The same command without what no single frame can tell: whether a cable loses it or a mirror's sample has it is decided by
 * numbers that only the forwarding threads hold, and that a question must not move on.
 */
function forReplica<Make>(
  command: Command<Make, unknown, FdbMemory, unknown>,
  { fdbs }: Image,
): Command<Make, unknown, FdbMemory, unknown> {
  switch (command.op) {
    case "set-bridge":
      return { ...command, memory: fdbs.get(command.memory.bridge) ?? emptyFdb(command.memory) };
    case "impair-port":
      return { ...command, incoming: certain(command.incoming), outgoing: certain(command.outgoing) };
    case "set-mirrors": {
      const everyFrame = (mirror: MirrorCommand<unknown>) => ({ ...mirror, sampleEvery: 1 });
      return { ...command, mirrors: command.mirrors.map(everyFrame) };
    }
    default:
      return command;
  }
}

/** Of a bridge that the frame does not come to. */
function emptyFdb({ bridge }: FdbMemory): FdbMemory {
  return allocateFdb(bridge, 1);
}

type Impairing = Extract<Command<unknown, unknown>, { op: "impair-port" }>["incoming"];

/** A cable that loses everything does so for certain. */
function certain(impairment: Impairing): Impairing {
  return impairment?.lossPercent === 100 ? { ...UNIMPAIRED, lossPercent: 100 } : null;
}
