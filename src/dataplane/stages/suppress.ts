// ARP and ND suppression, where a port asks for it (neigh_suppress, as bridge(8) has it): questions are not flooded to that port
// while the switch knows who is asked for; and if that station is behind such a port, the switch answers in its name, after
// the batch is transmitted. What it knows it has learnt from the answers that passed (neighbours.ts), and believes only as
// long as the FDB knows the station's hardware address.

import type { Bridge } from "../bridge.ts";
import * as counterLayout from "../counters.ts";
import { bridgeCounter, portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import { fdbKey } from "../fdb/fdb.ts";
import type { PacketMemory } from "../frames.ts";
import * as layout from "../frames.ts";
import * as neighbourLayout from "../neighbours.ts";
import * as policy from "../policy.ts";
import type { Tables } from "../tables.ts";
import { ARP, createNeighbourReader, NO_MESSAGE, writeAdvertisement, writeArpReply } from "../wire/arp-nd.ts";
import { isMulticast } from "../wire/mac.ts";
import type { AnsweringStage } from "./answers.ts";
import { createInnerReader, ETHERNET_HEADER_BYTES } from "./inner.ts";

const { NEIGH_EVICTED, NEIGH_REPLIES } = counterLayout;
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { NOBODY } = neighbourLayout;
const { POLICY_ISOLATED, POLICY_NEIGH_SUPPRESS } = policy;
const {
  DROPPED_PORT,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE_KEY,
  FRAME_TARGET_KEY,
  GSO_NONE,
  NEIGH_ANSWER_BYTES,
  NEIGH_ANSWERS_MAX,
} = layout;

const TAG_BYTES = 4;
const IPV4_MAPPED = 0xffff;
const NEVER = -0x8000_0000;

export interface SuppressStage extends AnsweringStage {
  /** Learns from the messages among the first `count` rows. */
  learn(count: number, nowSeconds: number): void;
  /** The bit of ports that a frame which is about to be flooded is kept from, or 0; notes it if it is to be answered. */
  bar(frame: number, port: number, bridge: Bridge): number;
}

export function createSuppress(tables: Tables, { view, neighAnswersAt }: PacketMemory): SuppressStage {
  const { frames, counters, destinations, bridges, portBridge, portPolicy, neighbours } = tables;
  const { ethernetHeader } = createInnerReader(tables, view);
  const { message, read } = createNeighbourReader(view);
  const ip = new Int32Array(4);
  const notedFrames = new Int32Array(NEIGH_ANSWERS_MAX);
  const notedOwners = new Int32Array(NEIGH_ANSWERS_MAX);
  const notedHigh = new Int32Array(NEIGH_ANSWERS_MAX);
  const notedLow = new Int32Array(NEIGH_ANSWERS_MAX);
  const notedRouters = new Uint8Array(NEIGH_ANSWERS_MAX);
  let count = 0;
  let now = 0;

  function learn(rows: number, nowSeconds: number): void {
    now = nowSeconds;
    for (let at = 0; at < rows << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT || readRow(at) === NO_MESSAGE || message.ownedAt === 0) continue;
      const bridge = bridges[portBridge[port]] as Bridge;
      const frame = frames[at + FRAME_OFFSET];
      const [high, low] = [view.getUint16(frame + 6), view.getInt32(frame + 8)];
      takeAddress(message.ownedAt);
      if (!message.tellsAll) neighbours.confirm(bridge.index, ip, vlanOf(at), high, low, now);
      else if (
        neighbours.learn(bridge.index, ip, vlanOf(at), high, low, message.isRouter, now, seenBefore(bridge))
      )
        counters[bridgeCounter(bridge.index) + NEIGH_EVICTED]++;
    }
  }

  function bar(frame: number, port: number, bridge: Bridge): number {
    const at = frame << FRAME_SHIFT;
    // To one station alone: it is there, or will not answer.
    if (!isMulticast(frames[at + FRAME_TARGET_KEY])) return 0;
    if (readRow(at) === NO_MESSAGE || message.askedAt === 0) return 0;
    takeAddress(message.askedAt);
    const place = neighbours.lookUp(bridge.index, ip, vlanOf(at), seenBefore(bridge));
    if (place === NOBODY) return 0;
    const [high, low] = [neighbours.macHighAt(place), neighbours.macLowAt(place)];
    const isRouter = neighbours.isRouterAt(place);
    // Another thread may have given the place to somebody else meanwhile.
    if (neighbours.lookUp(bridge.index, ip, vlanOf(at), seenBefore(bridge)) !== place) return 0;
    const owner = bridge.fdb.lookUp(fdbKey(vlanOf(at), high), low);
    // Behind the port that the question came from, it was heard.
    if (owner < 0 || portOf(owner) === port) return 0;
    const ownerPolicy = portPolicy[portOf(owner)];
    if ((ownerPolicy & portPolicy[port] & POLICY_ISOLATED) !== 0) return 0;
    return (ownerPolicy & POLICY_NEIGH_SUPPRESS) === 0 || note(frame, owner, high, low, isRouter)
      ? POLICY_NEIGH_SUPPRESS
      : 0;
  }

  /** False if the batch has as many answers as there is room for: then whom it is about may answer. */
  function note(frame: number, owner: number, high: number, low: number, isRouter: boolean): boolean {
    if (count === NEIGH_ANSWERS_MAX) return false;
    notedFrames[count] = frame;
    notedOwners[count] = owner;
    notedHigh[count] = high;
    notedLow[count] = low;
    notedRouters[count++] = Number(isRouter);
    return true;
  }

  function answer(i: number): number {
    const at = notedFrames[i] << FRAME_SHIFT;
    const to = neighAnswersAt + i * NEIGH_ANSWER_BYTES;
    frames[at + FRAME_LENGTH] = write(at, i, to);
    frames[at + FRAME_OFFSET] = to;
    frames[at + FRAME_FLAGS] = 0;
    frames[at + FRAME_GSO_TYPE] = GSO_NONE;
    counters[portCounter(frames[at + FRAME_PORT]) + NEIGH_REPLIES]++;
    return notedFrames[i];
  }

  /** Writes the answer to the question in a row, from the owner to who asks; returns its length. */
  function write(at: number, i: number, to: number): number {
    const frame = frames[at + FRAME_OFFSET];
    const headerBytes = ethernetHeader(frame, frames[at + FRAME_LENGTH]) & 0xffff;
    for (let byte = 0; byte < 6; byte++) view.setUint8(to + byte, view.getUint8(frame + 6 + byte));
    view.setUint16(to + 6, notedHigh[i]);
    view.setInt32(to + 8, notedLow[i]);
    for (let byte = 12; byte < headerBytes; byte++) view.setUint8(to + byte, view.getUint8(frame + byte));
    const [question, packet] = [frame + headerBytes, to + headerBytes];
    if (readRow(at) === ARP) return headerBytes + writeArpReply(view, question, to + 6, packet);
    return headerBytes + writeAdvertisement(view, question, to + 6, notedRouters[i] !== 0, packet);
  }

  /** Reads the message of a row; with two tags it is none, for the FDB does not tell such stations apart by both. */
  function readRow(at: number): number {
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    const headerBytes = ethernetHeader(offset, length) & 0xffff;
    if (headerBytes > ETHERNET_HEADER_BYTES + TAG_BYTES) return NO_MESSAGE;
    return read(offset, length, headerBytes);
  }

  /** Reads an address of the message into `ip`. */
  function takeAddress(from: number): void {
    if (message.kind === ARP) {
      ip.fill(0);
      ip[2] = IPV4_MAPPED;
      ip[3] = view.getInt32(from);
    } else for (let word = 0; word < 4; word++) ip[word] = view.getInt32(from + word * 4);
  }

  /** What was not seen since then is too old. */
  function seenBefore({ options }: Bridge): number {
    return options.ageingSeconds === 0 ? NEVER : now - options.ageingSeconds;
  }

  function vlanOf(at: number): number {
    return (frames[at + FRAME_SOURCE_KEY] >>> 16) & 0xfff;
  }

  function portOf(destination: number): number {
    return destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  return {
    learn,
    bar,
    noted: () => count,
    answer,
    speaker: (i) => notedOwners[i],
    clear() {
      count = 0;
    },
  };
}
