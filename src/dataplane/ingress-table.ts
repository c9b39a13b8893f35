// Which port a datagram belongs to: (underlay socket, remote VTEP, VNI) -> port and destination. The socket stands for
// the local address and the UDP port. A datagram often comes from where the last one came, so that row is tried first. A
// port with several VTEPs has a row for each, and one that takes in VTEPs that nobody knows has one for anyone.
import * as layout from "./frames.ts";
import { DESTINATIONS_MAX } from "./limits.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_REMOTE } = layout;

const DEVICE = 0;
const VNI = 1;
const REMOTE = 2;
const PORT = 6;
const DESTINATION = 7;
const ROW_WORDS = 8;
const ROW_SHIFT = 3;

/** Two rows a destination (its own, and one that says the VTEP is known), at most half full. */
const ROWS = 1 << Math.ceil(Math.log2(DESTINATIONS_MAX * 4));
/** In place of a VNI: the row only says that this remote is somebody's. */
const ANY_VNI = -1;
const NONE = -1;

/** In place of a remote, which no sender can be: whoever has no row of its own. */
export const ANYONE = new Int32Array(4);
/** In place of a destination: the datagrams belong nowhere yet. */
export const NOWHERE = -1;

/** One VTEP of a VXLAN port as the table knows it. */
export interface IngressKey {
  readonly port: number;
  readonly destination: number;
  readonly device: number;
  /** Or ANYONE. */
  readonly remote: Int32Array;
  readonly vni: number;
}

export class IngressTable {
  private readonly rows = new Int32Array(ROWS * ROW_WORDS);
  private keys: IngressKey[] = [];
  private last = 0;

  constructor() {
    this.clear();
  }

  /** Adds a VTEP of a port, or tells of it anew. */
  set(key: IngressKey): void {
    this.keys = [...this.keys.filter((other) => !isOf(other, key.port, key.destination)), key];
    this.rebuild();
  }

  /** Deletes one VTEP of a port, or all that it has. */
  delete(port: number, destination: number | null = null): void {
    const kept = this.keys.filter((key) => !isOf(key, port, destination));
    if (kept.length === this.keys.length) return;
    this.keys = kept;
    this.rebuild();
  }

  /** Row of the port that takes a frame row's sender and this VNI at this device, or -1. */
  lookUp(device: number, vni: number, frames: Int32Array, at: number): number {
    if (this.matches(this.last, device, vni, frames, at + FRAME_REMOTE)) return this.last;
    const row = this.find(device, vni, frames, at + FRAME_REMOTE);
    if (row !== NONE) this.last = row;
    return row;
  }

  /** Row of the port that takes in anyone with this VNI at this device, or -1. */
  anyone(device: number, vni: number): number {
    return this.find(device, vni, ANYONE, 0);
  }

  /** Whether any port has this sender as its remote; only asked about frames that are dropped. */
  knowsRemote(device: number, frames: Int32Array, at: number): boolean {
    return this.find(device, ANY_VNI, frames, at + FRAME_REMOTE) !== NONE;
  }

  portAt(row: number): number {
    return this.rows[(row << ROW_SHIFT) + PORT];
  }

  destinationAt(row: number): number {
    return this.rows[(row << ROW_SHIFT) + DESTINATION];
  }

  private find(device: number, vni: number, words: Int32Array, remote: number): number {
    for (let row = home(device, vni, words, remote); ; row = (row + 1) & (ROWS - 1)) {
      if (this.rows[(row << ROW_SHIFT) + DEVICE] === NONE) return NONE;
      if (this.matches(row, device, vni, words, remote)) return row;
    }
  }

  private matches(row: number, device: number, vni: number, words: Int32Array, remote: number): boolean {
    const rows = this.rows;
    const at = row << ROW_SHIFT;
    return (
      rows[at + REMOTE + 3] === words[remote + 3] &&
      rows[at + VNI] === vni &&
      rows[at + DEVICE] === device &&
      rows[at + REMOTE] === words[remote] &&
      rows[at + REMOTE + 1] === words[remote + 1] &&
      rows[at + REMOTE + 2] === words[remote + 2]
    );
  }

  private clear(): void {
    for (let row = 0; row < ROWS; row++) this.rows[(row << ROW_SHIFT) + DEVICE] = NONE;
  }

  private rebuild(): void {
    this.clear();
    this.last = 0;
    for (const key of this.keys) {
      this.insert(key, key.vni);
      if (this.find(key.device, ANY_VNI, key.remote, 0) === NONE) this.insert(key, ANY_VNI);
    }
  }

  private insert(key: IngressKey, vni: number): void {
    let row = home(key.device, vni, key.remote, 0);
    while (this.rows[(row << ROW_SHIFT) + DEVICE] !== NONE) row = (row + 1) & (ROWS - 1);
    const at = row << ROW_SHIFT;
    this.rows[at + DEVICE] = key.device;
    this.rows[at + VNI] = vni;
    this.rows.set(key.remote, at + REMOTE);
    this.rows[at + PORT] = key.port;
    this.rows[at + DESTINATION] = key.destination;
  }
}

function isOf(key: IngressKey, port: number, destination: number | null): boolean {
  return key.port === port && (destination === null || key.destination === destination);
}

function home(device: number, vni: number, words: Int32Array, remote: number): number {
  let hash = Math.imul(
    words[remote + 3] ^ Math.imul(words[remote + 1] ^ words[remote], 0x9e3779b1),
    0x85ebca6b,
  );
  hash = Math.imul(hash ^ vni ^ (device << 24), 0xc2b2ae35);
  return (hash ^ (hash >>> 15)) & (ROWS - 1);
}
