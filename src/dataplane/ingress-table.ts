// Which port a datagram belongs to: (underlay socket, remote VTEP, VNI) -> port and destination. The socket stands for
// the local address and the UDP port. A datagram often comes from where the last one came, so that row is tried first.
import * as layout from "./frames.ts";
import { PORTS_MAX } from "./limits.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_REMOTE } = layout;

const DEVICE = 0;
const VNI = 1;
const REMOTE = 2;
const PORT = 6;
const DESTINATION = 7;
const ROW_WORDS = 8;
const ROW_SHIFT = 3;

/** Two rows a port (its own, and one that says the VTEP is known), at most half full. */
const ROWS = 1 << Math.ceil(Math.log2(PORTS_MAX * 4));
/** In place of a VNI: the row only says that this remote is somebody's. */
const ANY_VNI = -1;
const NONE = -1;

/** One VXLAN port as the table knows it. */
export interface IngressKey {
  readonly port: number;
  readonly destination: number;
  readonly device: number;
  readonly remote: Int32Array;
  readonly vni: number;
}

export class IngressTable {
  private readonly rows = new Int32Array(ROWS * ROW_WORDS);
  private readonly ports = new Map<number, IngressKey>();
  private last = 0;

  constructor() {
    this.clear();
  }

  set(key: IngressKey): void {
    this.ports.set(key.port, key);
    this.rebuild();
  }

  delete(port: number): void {
    if (this.ports.delete(port)) this.rebuild();
  }

  /** Row of the port that takes a frame row's sender and this VNI at this device, or -1. */
  lookUp(device: number, vni: number, frames: Int32Array, at: number): number {
    if (this.matches(this.last, device, vni, frames, at + FRAME_REMOTE)) return this.last;
    const row = this.find(device, vni, frames, at + FRAME_REMOTE);
    if (row !== NONE) this.last = row;
    return row;
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
    for (const key of this.ports.values()) {
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

function home(device: number, vni: number, words: Int32Array, remote: number): number {
  let hash = Math.imul(
    words[remote + 3] ^ Math.imul(words[remote + 1] ^ words[remote], 0x9e3779b1),
    0x85ebca6b,
  );
  hash = Math.imul(hash ^ vni ^ (device << 24), 0xc2b2ae35);
  return (hash ^ (hash >>> 15)) & (ROWS - 1);
}
