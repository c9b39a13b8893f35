// The path of a frame, for a batch at a time. For each row of the frame table:
//   1. decap     validate the VXLAN header; (socket, remote, VNI) -> port          [datagrams only]
//   2. inspect   VLAN, flow hash, offloads left undone
//   3. learn     source address -> where it came from
//   4. look up   destination address -> one destination, or flood
//   5. mirror    offer the frame to each mirror that selected it
// and at the end of the batch
//   6. transmit  every device takes its copies in one call; results become counters
// Nothing here allocates, throws or logs. A frame that goes nowhere costs one counter: each frame received is delivered
// or dropped under a reason, and so is each copy that flooding makes.
import {
  BREATHS,
  bridgeCounter,
  DROPS,
  FLOOD_COPIES,
  OVERRUNS,
  portCounter,
  RX_BYTES,
  RX_PACKETS,
  TX_BYTES,
  TX_PACKETS,
  UNDERLAY_PORT,
} from "./counters.ts";
import { DESTINATION_DEVICE, DESTINATION_PORT, DESTINATION_SHIFT } from "./destinations.ts";
import { Drop } from "./drop-reason.ts";
import { fdbKey } from "./fdb.ts";
import {
  COPIES_MAX,
  COPY_DESTINATION,
  COPY_FRAME,
  COPY_RESULT,
  COPY_SHIFT,
  FLAG_BAD_OFFLOAD,
  FLAG_TRUNCATED,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_OVERRUNS,
  FRAME_SHIFT,
  type TransmitList,
} from "./frames.ts";
import { ETHERNET_HEADER_BYTES, ethernetHeader, inspectInner } from "./inner.ts";
import { isMulticast } from "./mac.ts";
import { NO_PORT, type Tables } from "./tables.ts";
import { VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } from "./vxlan.ts";

const {
  vxlan_short: VXLAN_SHORT,
  vxlan_flags: VXLAN_FLAGS,
  vtep_unknown: VTEP_UNKNOWN,
  vni_unknown: VNI_UNKNOWN,
  datagram_truncated: DATAGRAM_TRUNCATED,
  source_mac_invalid: SOURCE_MAC_INVALID,
  inner_malformed: INNER_MALFORMED,
  offload_invalid: OFFLOAD_INVALID,
  static_moved: STATIC_MOVED,
  split_horizon: SPLIT_HORIZON,
  no_destination: NO_DESTINATION,
  port_down: PORT_DOWN,
} = Drop;

export class Forwarder {
  /** Set by the loop before each batch. */
  nowSeconds = 0;
  private readonly tables: Tables;
  private readonly frames: Int32Array;
  private readonly view: DataView;
  private readonly counters: Float64Array;
  private readonly destinations: Int32Array;
  /** Mirrors that were offered a frame of this batch, one bit each. */
  private mirrorsTouched = 0;
  /** Devices with copies waiting: the first `waitingCount` of `waiting`. */
  private readonly waiting: Int32Array;
  private waitingCount = 0;

  /** `view` is over the arena that the rows point into. */
  constructor(tables: Tables, view: DataView) {
    this.tables = tables;
    this.frames = tables.frames;
    this.view = view;
    this.counters = tables.counters;
    this.destinations = tables.destinations;
    this.waiting = new Int32Array(tables.devices.length);
  }

  /** Forwards the first `count` rows, received at a device, and transmits what became of them. */
  forward(device: number, count: number): void {
    this.counters[BREATHS]++;
    if ((this.tables.devices[device] as { encapsulated: boolean }).encapsulated)
      this.datagrams(device, count);
    else this.bareFrames(device, count);
    this.transmitAll();
    if (this.mirrorsTouched !== 0) this.publishMirrors();
  }

  private datagrams(device: number, count: number): void {
    const underlay = portCounter(UNDERLAY_PORT);
    const ingress = this.tables.ingress;
    this.counters[underlay + RX_PACKETS] += count;
    for (let frame = 0; frame < count; frame++) {
      const at = frame << FRAME_SHIFT;
      this.counters[underlay + RX_BYTES] += this.frames[at + FRAME_LENGTH];
      const row = this.decap(device, at);
      if (row >= 0) this.frame(frame, at, ingress.portAt(row), ingress.destinationAt(row), true);
    }
    this.counters[OVERRUNS] = this.frames[((count - 1) << FRAME_SHIFT) + FRAME_OVERRUNS] >>> 0;
  }

  private bareFrames(device: number, count: number): void {
    const port = this.tables.devicePort[device];
    if (port === NO_PORT) return;
    const destination = this.tables.devicePortDestination[device];
    for (let frame = 0; frame < count; frame++) {
      const at = frame << FRAME_SHIFT;
      if (this.frames[at + FRAME_LENGTH] < ETHERNET_HEADER_BYTES)
        this.receiveAndDrop(port, at, INNER_MALFORMED);
      else this.frame(frame, at, port, destination, false);
    }
  }

  // ---- 1. decap

  /** Moves the row behind its VXLAN header and returns its row of the ingress table, or -1 after counting the drop. */
  private decap(device: number, at: number): number {
    const offset = this.frames[at + FRAME_OFFSET];
    const length = this.frames[at + FRAME_LENGTH];
    if (this.frames[at + FRAME_FLAGS] & FLAG_TRUNCATED) return this.drop(UNDERLAY_PORT, DATAGRAM_TRUNCATED);
    if (length < VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES) return this.drop(UNDERLAY_PORT, VXLAN_SHORT);
    // All other flags and the reserved bits are ignored on receipt (RFC 7348 section 5).
    if ((this.view.getUint8(offset) & VXLAN_FLAG_VNI) === 0) return this.drop(UNDERLAY_PORT, VXLAN_FLAGS);
    const vni = this.view.getInt32(offset + 4) >>> 8;
    const tables = this.tables;
    let row = tables.ingress.lookUp(device, vni, this.frames, at);
    if (row < 0) row = tables.ingress.lookUp(tables.deviceFallback[device], vni, this.frames, at);
    if (row < 0) return this.drop(UNDERLAY_PORT, this.knowsRemote(device, at) ? VNI_UNKNOWN : VTEP_UNKNOWN);
    this.frames[at + FRAME_OFFSET] = offset + VXLAN_HEADER_BYTES;
    this.frames[at + FRAME_LENGTH] = length - VXLAN_HEADER_BYTES;
    return row;
  }

  private knowsRemote(device: number, at: number): boolean {
    const { ingress, deviceFallback } = this.tables;
    return (
      ingress.knowsRemote(device, this.frames, at) ||
      ingress.knowsRemote(deviceFallback[device], this.frames, at)
    );
  }

  // ---- 2. inspect, 3. learn, 4. look up

  /** One inner frame that entered at `port`, from the remote that `source` names. */
  private frame(frame: number, at: number, port: number, source: number, infer: boolean): void {
    const { frames, view, tables } = this;
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    const counter = portCounter(port);
    this.counters[counter + RX_PACKETS]++;
    this.counters[counter + RX_BYTES] += length;
    const header = ethernetHeader(view, offset, length);
    const vlan = header >>> 16;
    if (!inspectInner(view, frames, at, header & 0xffff, infer)) {
      this.drop(port, INNER_MALFORMED);
      return;
    }
    if (frames[at + FRAME_FLAGS] & FLAG_BAD_OFFLOAD) {
      this.drop(port, OFFLOAD_INVALID);
      return;
    }
    const sourceHigh = view.getUint16(offset + 6);
    const sourceLow = view.getInt32(offset + 8);
    if (isMulticast(sourceHigh) || (sourceHigh | sourceLow) === 0) {
      this.drop(port, SOURCE_MAC_INVALID);
      return;
    }
    const bridge = tables.bridges[tables.portBridge[port]] as NonNullable<(typeof tables.bridges)[number]>;
    let mirrors = tables.receiveMirrors[port];
    if (!bridge.fdb.learn(fdbKey(vlan, sourceHigh), sourceLow, source, this.nowSeconds)) {
      this.drop(port, STATIC_MOVED);
    } else {
      const high = view.getUint16(offset);
      const found = isMulticast(high) ? -1 : bridge.fdb.lookUp(fdbKey(vlan, high), view.getInt32(offset + 2));
      if (found === source) this.drop(port, SPLIT_HORIZON);
      else if (found >= 0) mirrors |= this.enqueue(frame, found);
      else mirrors |= this.flood(frame, port, source, bridge.flood, bridge.floodCount, bridge.index);
    }
    if (mirrors !== 0) this.mirror(at, port, vlan, mirrors);
  }

  /** Never back to the VTEP it came from: split horizon is per destination. Returns the mirrors of the ports reached. */
  private flood(
    frame: number,
    port: number,
    source: number,
    destinations: Int32Array,
    count: number,
    bridge: number,
  ): number {
    let mirrors = 0;
    let copies = 0;
    for (let i = 0; i < count; i++) {
      if (destinations[i] === source) continue;
      mirrors |= this.enqueue(frame, destinations[i]);
      copies++;
    }
    if (copies === 0) this.drop(port, NO_DESTINATION);
    else this.counters[bridgeCounter(bridge) + FLOOD_COPIES] += copies - 1;
    return mirrors;
  }

  /** Queues a copy at the destination's device; returns the mirrors that watch what the port transmits. */
  private enqueue(frame: number, destination: number): number {
    const at = destination << DESTINATION_SHIFT;
    const device = this.destinations[at + DESTINATION_DEVICE];
    const port = this.destinations[at + DESTINATION_PORT];
    const list = device < 0 ? null : this.tables.lists[device];
    if (list === null) {
      this.drop(port, PORT_DOWN);
      return 0;
    }
    if (list.count === 0) this.waiting[this.waitingCount++] = device;
    else if (list.count === COPIES_MAX) this.transmit(device, list);
    list.push(frame, destination);
    return this.tables.transmitMirrors[port];
  }

  // ---- 5. mirror

  private mirror(at: number, port: number, vlan: number, selected: number): void {
    for (let rest = selected; rest !== 0; rest &= rest - 1) {
      const index = 31 - Math.clz32(rest & -rest);
      const mirror = this.tables.mirrors[index];
      if (mirror === null || !mirror.selects(vlan)) continue;
      mirror.sink.offer(this.frames, at, port);
      this.mirrorsTouched |= 1 << index;
    }
  }

  private publishMirrors(): void {
    for (let rest = this.mirrorsTouched; rest !== 0; rest &= rest - 1) {
      this.tables.mirrors[31 - Math.clz32(rest & -rest)]?.sink.publish();
    }
    this.mirrorsTouched = 0;
  }

  // ---- 6. transmit

  private transmitAll(): void {
    for (let i = 0; i < this.waitingCount; i++) {
      const device = this.waiting[i];
      this.transmit(device, this.tables.lists[device] as TransmitList);
    }
    this.waitingCount = 0;
  }

  private transmit(device: number, list: TransmitList): void {
    (this.tables.devices[device] as { transmit(list: TransmitList): number }).transmit(list);
    const { copies, count } = list;
    for (let i = 0; i < count; i++) {
      const at = i << COPY_SHIFT;
      const destination = copies[at + COPY_DESTINATION] << DESTINATION_SHIFT;
      const counter = portCounter(this.destinations[destination + DESTINATION_PORT]);
      const result = copies[at + COPY_RESULT];
      if (result === 0) {
        this.counters[counter + TX_PACKETS]++;
        this.counters[counter + TX_BYTES] +=
          this.frames[(copies[at + COPY_FRAME] << FRAME_SHIFT) + FRAME_LENGTH];
      } else {
        this.counters[counter + DROPS - result]++;
      }
    }
    list.count = 0;
  }

  private receiveAndDrop(port: number, at: number, reason: number): void {
    const counter = portCounter(port);
    this.counters[counter + RX_PACKETS]++;
    this.counters[counter + RX_BYTES] += this.frames[at + FRAME_LENGTH];
    this.drop(port, reason);
  }

  /** Counts; returns -1 for the caller to return. */
  private drop(port: number, reason: number): number {
    this.counters[portCounter(port) + DROPS + reason]++;
    return -1;
  }
}
