// All that the steps of a trace are told from: the evidence, the state before, the names, and how the places and times in
// it are put in words.
import type { Impairment } from "../cables/impairment.ts";
import { impairmentText, impairmentWords } from "../cables/impairment-words.ts";
import { DESTINATION_PORT, DESTINATION_SHIFT } from "../destinations.ts";
import type { FdbEntry } from "../fdb/fdb.ts";
import { FRAME_WORDS } from "../frames.ts";
import { Meters } from "../meters.ts";
import { REFUSED } from "../port-vlans.ts";
import { createInnerReader } from "../stages/inner.ts";
import type { Tables } from "../tables.ts";
import { createNeighbourReader, NO_MESSAGE } from "../wire/arp-nd.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import type { Image } from "./image.ts";
import type { TraceNames } from "./names.ts";
import type { Replica } from "./replica.ts";

/** The outer headers that the frame came with. */
export interface TracedDatagram {
  readonly remote: string;
  readonly vni: number;
  readonly dstport: number;
}

export interface SceneOptions {
  readonly image: Image;
  readonly names: TraceNames;
  readonly frame: Uint8Array;
  /** null where the frame came bare. */
  readonly datagram: TracedDatagram | null;
  readonly nowSeconds: number;
}

export class Scene {
  readonly evidence: Evidence;
  readonly names: TraceNames;
  readonly frame: Uint8Array;
  readonly datagram: TracedDatagram | null;
  readonly tables: Tables;
  /** The row of the frame; what answers have written over is not read. */
  readonly row: Int32Array;
  readonly metersBefore: Meters;
  private readonly nowSeconds: number;

  constructor(replica: Replica<never>, { image, names, frame, datagram, nowSeconds }: SceneOptions) {
    this.evidence = readEvidence(replica, image);
    this.names = names;
    this.frame = frame;
    this.datagram = datagram;
    this.tables = replica.engine.tables;
    this.row = this.evidence.copies[0]?.row ?? this.tables.frames.slice(0, FRAME_WORDS);
    this.metersBefore = new Meters(image.memory.meters);
    this.nowSeconds = nowSeconds;
  }

  /** Bits of the port that the frame came in at. */
  get policy(): number {
    return this.tables.portPolicy[this.evidence.port as number];
  }

  get vlansAreUsed(): boolean {
    return this.tables.vlans.isUsed;
  }

  /** The VLAN that the FDB has the addresses of the frame in. */
  get vlan(): number {
    return (this.evidence.keys.source >>> 16) & 0xfff;
  }

  /** Its port does not carry the VLAN that it came with. */
  get isRefusedOnTheWayIn(): boolean {
    const { vlans } = this.tables;
    const view = new DataView(this.frame.buffer, this.frame.byteOffset, this.frame.length);
    const { ethernetHeader } = createInnerReader(this.tables, view);
    const vid = ethernetHeader(0, this.frame.length) >>> 16;
    return this.vlansAreUsed && vlans.classify(this.evidence.port as number, vid) === REFUSED;
  }

  /** It asks for somebody's hardware address (ARP, ND). */
  get isQuestion(): boolean {
    const view = new DataView(this.frame.buffer, this.frame.byteOffset, this.frame.length);
    const { length } = this.frame;
    const headerBytes = createInnerReader(this.tables, view).ethernetHeader(0, length) & 0xffff;
    const { message, read } = createNeighbourReader(view);
    return read(0, length, headerBytes) !== NO_MESSAGE && message.askedAt !== 0;
  }

  portOf(destination: number): number {
    return this.tables.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  /** `client1`, or `client1 (10.122.0.22)`. */
  placeText(destination: number): string {
    const { remote } = this.names.end(destination);
    const { name } = this.names.port(this.portOf(destination));
    return remote === null ? name : `${name} (${remote})`;
  }

  ageText({ static: isStatic, lastSeenSeconds }: FdbEntry): string {
    if (isStatic) return "static";
    return `seen ${Math.max(0, this.nowSeconds - lastSeenSeconds)} s ago`;
  }

  cableText(impairment: Impairment): string {
    return `its cable has ${impairmentText(impairmentWords(impairment))}`;
  }
}
