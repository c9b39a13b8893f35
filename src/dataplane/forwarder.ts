// The path of a batch, stage by stage (src/dataplane/stages, one file each):
//   1. decap      datagrams only: VXLAN header, (socket, remote, VNI) -> ingress port
//   2. inspect    check, FDB keys, flow hash, offloads left undone
//      police     where a port has a bound: frames beyond it go
//      impair     where a port's cable is impaired: frames are lost, or held until `release`
//      vlan       where a port is more than a trunk: which VLAN a frame is in
//   3. learn      source address -> where it came from
//      sight      what tells of a host's IP address goes to the control thread
//   4. look up    destination address -> one target, or flood
//      clamp      where a port asks for it: TCP SYNs offer segments that fit the way
//   5. deliver    a copy for each target; mirrors get theirs
//   6. transmit   every device takes its copies in one call; impaired cables take theirs before
//      capture    who watches gets the frames, with what became of each
//      answer     who sent what did not fit its way is told so; who asked for an address that is known, too
// A stage passes over all rows of the frame table before the next begins. A dropped row is marked and passed by: it cost
// one counter. Each frame received is delivered or dropped under a reason, and so is each copy that flooding makes.
// Nothing here allocates, throws or logs for a frame.
//
// Stages are closures and not classes: V8 folds the tables into the code as constants when a function is made once in its
// thread, which halves the cost of a frame (npm run bench:core).
import type { Bridge } from "./bridge.ts";
import type { Impairment } from "./cables/impairment.ts";
import * as counterLayout from "./counters.ts";
import { bridgeCounter } from "./counters.ts";
import * as destinationLayout from "./destinations.ts";
import type { Device } from "./device.ts";
import { Drop } from "./drop-reason.ts";
import type { PacketMemory } from "./frames.ts";
import * as layout from "./frames.ts";
import { Loops } from "./loops.ts";
import * as policy from "./policy.ts";
import type { AnsweringStage } from "./stages/answers.ts";
import { createCapture } from "./stages/capture.ts";
import { createClampMss } from "./stages/clamp-mss.ts";
import { createDecap } from "./stages/decap.ts";
import { createImpair } from "./stages/impair.ts";
import { createInspect } from "./stages/inspect.ts";
import { createLearn } from "./stages/learn.ts";
import { createMirror } from "./stages/mirror.ts";
import { createPolice } from "./stages/police.ts";
import { createSight } from "./stages/sight.ts";
import { createSnoop } from "./stages/snoop.ts";
import { createSuppress } from "./stages/suppress.ts";
import { createTooBig } from "./stages/too-big.ts";
import { createTransmit } from "./stages/transmit.ts";
import { createVlan } from "./stages/vlan.ts";
import { NO_PORT, type Tables } from "./tables.ts";
import { isBroadcast, isMulticast, isReserved } from "./wire/mac.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FLOOD_COPIES } = counterLayout;
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const {
  DROPPED_PORT,
  FLOOD,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE,
  FRAME_TARGET,
  FRAME_TARGET_KEY,
  FRAME_TARGET_LOW,
} = layout;
const {
  POLICY_ISOLATED,
  POLICY_NO_BCAST_FLOOD,
  POLICY_NO_FLOOD,
  POLICY_NO_MCAST_FLOOD,
  POLICY_STORM_CONTROL,
} = policy;

const { bpdu, loop, neigh_suppressed, no_destination, no_listener, storm, vlan_refused } = Drop;

export interface Forwarder {
  /** Forwards the first `count` rows, received at a device, and transmits what became of them. */
  forward(device: number, count: number): void;
  /** Forwards what impaired cables have held until now, a batch in each direction at most; returns how many frames. */
  release(): number;
  /** Microseconds until a cable has something to release, at most `atMostUs`. */
  untilDueUs(atMostUs: number): number;
  /** Once a second, for what is learnt from now on. */
  setTime(nowSeconds: number): void;
  /** In each turn of the loop, by its clock, which wraps. */
  setMicroseconds(nowUs: number): void;
}

/** The forwarder as the engine has it, which tells it of changes between two batches. */
export interface ImpairingForwarder extends Forwarder {
  /** Impairs what a port receives and transmits from now on; null = not. */
  impair(port: number, incoming: Impairment | null, outgoing: Impairment | null): void;
  /** A port goes away, and with it what its cables hold. */
  dropHeld(port: number): void;
}

/** The forwarder over these tables, made once a thread; the rows point into `packets`. */
export function createForwarder(tables: Tables, packets: PacketMemory): ImpairingForwarder {
  const { view } = packets;
  const { frames, counters, drops, journal, destinations, bridges, portBridge, portPolicy, meters, vlans } =
    tables;
  const { receiveMirrors, transmitMirrors, devices, devicePort, devicePortDestination } = tables;
  const decap = createDecap(tables, view);
  const sight = createSight(tables, view);
  const inspect = createInspect(tables, view, sight.note);
  const police = createPolice(tables);
  const loops = new Loops(tables.loops, view);
  const { touch, learn, lookUp } = createLearn(tables);
  const clampMss = createClampMss(tables, packets);
  const mirror = createMirror(tables);
  const capture = createCapture(tables);
  const suppress = createSuppress(tables, packets);
  const snoop = createSnoop(tables, view);
  const tooBig = createTooBig(tables, packets);
  const impair = createImpair(tables, packets);
  const { enqueue, flush, flushReleased } = createTransmit(tables, impair.transmitted, tooBig.note);
  const vlan = createVlan(tables, packets, makeRoom);
  let nowSeconds = 0;
  /** Whether ports of the batch in hand may want frames in another form. */
  let byVlan = false;
  /** Mirrors that were offered a copy of the frame in hand, one bit each. */
  let offered = 0;

  function forward(device: number, count: number): void {
    const { encapsulated, tellsOffloads } = devices[device] as Device;
    if (journal.isOpen) journal.begin(count);
    if (encapsulated) decap(count);
    else enter(device, count);
    if (journal.isOpen) journal.arrive(count);
    inspect(count, !tellsOffloads);
    if (tables.hasPolicedPort) police(count);
    if (tables.hasImpairedPort) impair.received(count);
    pass(count);
  }

  /** From the cable of the port on. */
  function pass(count: number): void {
    byVlan = vlans.isUsed;
    if (byVlan) vlan.classify(count);
    if (tables.mirrorCount > 0) mirror.received(count);
    if (tables.hasLargeFdb) touch(count);
    learn(count, nowSeconds);
    if (sight.noted() > 0) sight.tell();
    lookUp(count);
    if (tables.hasSuppressedPort) suppress.learn(count, nowSeconds);
    if (tables.hasClampedPort) clampMss(count);
    deliver(count);
    flush();
    if (tables.mirrorCount > 0) mirror.publish();
    if (journal.isOpen) capture.finish(count);
    if (tooBig.noted() > 0) answerAll(tooBig);
    if (suppress.noted() > 0) answerAll(suppress);
  }

  /** Transmits all that waits, so that no other form is in use any more; who sent what did not fit hears nothing then. */
  function makeRoom(): void {
    flush();
    tooBig.clear();
    mirror.publish();
  }

  function release(): number {
    const copies = impair.releaseTransmitted();
    if (copies > 0) transmitReleased(copies);
    const received = impair.releaseReceived();
    if (received > 0) {
      if (journal.isOpen) watch(received);
      sight.noteHeld(received);
      pass(received);
      impair.forget();
    }
    return copies + received;
  }

  /** Of frames that have been at their ports already. */
  function watch(count: number): void {
    journal.begin(count);
    journal.arrive(count);
  }

  /** Copies have their form already; only answers to their senders may want another. */
  function transmitReleased(count: number): void {
    byVlan = vlans.isUsed;
    if (byVlan) vlan.begin();
    // What became of them has been told: they were held.
    if (journal.isOpen) watch(count);
    for (let frame = 0; frame < count; frame++) enqueue(frame, frames[(frame << FRAME_SHIFT) + FRAME_TARGET]);
    flushReleased();
    if (tooBig.noted() > 0) answerAll(tooBig);
    impair.forget();
  }

  /** As if the answers had come from where the station is that is spoken for: that port's mirrors see them received. */
  function answerAll(stage: AnsweringStage): void {
    for (let i = 0; i < stage.noted(); i++) {
      const frame = stage.answer(i);
      if (frame < 0) continue;
      const at = frame << FRAME_SHIFT;
      const from = portOf(stage.speaker(i));
      frames[at + FRAME_PORT] = from;
      if (journal.isOpen) capture.answered(frame);
      mirror.offer(at, receiveMirrors[from]);
      deliverOne(frame, from, frames[at + FRAME_SOURCE]);
    }
    flush();
    if (journal.isOpen) capture.finishAnswers();
    stage.clear();
    // An answer that is itself too big is dropped, and that is all.
    tooBig.clear();
    if (tables.mirrorCount > 0) mirror.publish();
  }

  /** In place of decap, where a device is a port of its own and frames come bare. */
  function enter(device: number, count: number): void {
    const port = devicePort[device];
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      frames[at + FRAME_PORT] = port === NO_PORT ? DROPPED_PORT : port;
      frames[at + FRAME_SOURCE] = devicePortDestination[device];
    }
  }

  function deliver(count: number): void {
    // No port wants another form of a frame, and no mirror watches: what mostly is so costs the least.
    const isPlain = !byVlan && tables.mirrorCount === 0;
    for (let frame = 0; frame < count; frame++) {
      const at = frame << FRAME_SHIFT;
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      const target = frames[at + FRAME_TARGET];
      if (target === FLOOD) flood(frame, at, port, bridges[portBridge[port]] as Bridge);
      else if (isPlain) enqueue(frame, target);
      else deliverOne(frame, port, target);
    }
  }

  /** To one destination. */
  function deliverOne(frame: number, port: number, destination: number): void {
    offered = 0;
    const row = byVlan ? vlan.rowFor(frame, portOf(destination)) : frame;
    if (row >= 0) deliverTo(row, destination);
    else drops.dropCopy(frame << FRAME_SHIFT, port, vlan_refused);
  }

  /** Mirrors that watch what the destination's port transmits see it, each once a frame; a port that is down transmits nothing. */
  function deliverTo(row: number, destination: number): void {
    if (!enqueue(row, destination)) return;
    const selected = transmitMirrors[portOf(destination)] & ~offered;
    if (selected === 0) return;
    offered |= selected;
    mirror.transmitted(row << FRAME_SHIFT, selected);
  }

  function portOf(destination: number): number {
    return destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  /** The bit of a port that takes no copy of a frame like this one. */
  function floodBar(at: number): number {
    const key = frames[at + FRAME_TARGET_KEY];
    if (!isMulticast(key)) return POLICY_NO_FLOOD;
    return isBroadcast(key, frames[at + FRAME_TARGET_LOW]) ? POLICY_NO_BCAST_FLOOD : POLICY_NO_MCAST_FLOOD;
  }

  /** Whether a frame may be flooded; if not, it is dropped. */
  function mayFlood(at: number, port: number, bridge: Bridge): boolean {
    if (
      !bridge.options.forwardsBpdu &&
      isReserved(frames[at + FRAME_TARGET_KEY], frames[at + FRAME_TARGET_LOW])
    ) {
      drops.dropCopy(at, port, bpdu);
      return false;
    }
    if (
      bridge.options.guardsLoops &&
      loops.cameBack(port, frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH])
    ) {
      drops.dropCopy(at, port, loop);
      return false;
    }
    if ((portPolicy[port] & POLICY_STORM_CONTROL) === 0) return true;
    meters.refill(port);
    if (meters.takeFlood(port)) return true;
    drops.dropCopy(at, port, storm);
    return false;
  }

  /** Never back to the port it came in at, whichever of its VTEPs sent it. Nor to ports whose policy bars it. */
  function flood(frame: number, at: number, port: number, bridge: Bridge): void {
    if (!mayFlood(at, port, bridge)) return;
    offered = 0;
    const answered = tables.hasSuppressedPort ? suppress.bar(frame, port, bridge) : 0;
    // Whoever listens hears, be it at a port that otherwise takes no multicasts.
    const isNarrow = bridge.options.snoopsMulticast && snoop.isNarrow(at, port, bridge);
    const barred = (isNarrow ? 0 : floodBar(at)) | (portPolicy[port] & POLICY_ISOLATED) | answered;
    let copies = 0;
    for (let i = 0; i < bridge.floodCount; i++) {
      const destination = bridge.flood[i];
      const to = portOf(destination);
      if (to === port || (portPolicy[to] & barred) !== 0) continue;
      if (isNarrow && !snoop.isFor(to)) continue;
      const row = byVlan ? vlan.rowFor(frame, to) : frame;
      if (row < 0) continue;
      deliverTo(row, destination);
      copies++;
    }
    if (copies > 0) counters[bridgeCounter(bridge.index) + FLOOD_COPIES] += copies - 1;
    else if (isNarrow) drops.dropCopy(at, port, no_listener);
    else drops.dropCopy(at, port, answered ? neigh_suppressed : no_destination);
  }

  return {
    forward,
    release,
    untilDueUs: impair.untilDueUs,
    impair: impair.configure,
    dropHeld: impair.dropPort,
    setTime(seconds) {
      nowSeconds = seconds;
      snoop.setTime(seconds);
      tooBig.tick();
      impair.tick();
    },
    setMicroseconds(nowUs) {
      meters.setTime(nowUs);
      drops.setTime(nowUs);
      loops.setTime(nowUs);
      impair.setMicroseconds(nowUs);
    },
  };
}
