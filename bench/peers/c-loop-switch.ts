// A switch whose core is in C, and all else vxswitch's own: its ports, rings, paths, devices and forwarding loop, at the
// same batch sizes. One thread: ten times a second the loop stands aside for what vxswitch's control thread does.
// Arguments: the directory of vxswitch's data plane, the core's addon, the local address, then REMOTE=VNI for each port.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { allocateCounters, bridgeCounter, portCounter, UNDERLAY_PORT } from "../../src/dataplane/counters.ts";
import { allocateDestinations } from "../../src/dataplane/destinations.ts";
import type { Device } from "../../src/dataplane/device.ts";
import type { Forwarder } from "../../src/dataplane/forwarder.ts";
import { COPIES_MAX, COPY_WORDS, FRAME_WORDS, FRAMES_MAX, TransmitList } from "../../src/dataplane/frames.ts";
import { AllCounters } from "../../src/dataplane/inventory/all-counters.ts";
import type * as PortsModule from "../../src/dataplane/inventory/ports.ts";
import type * as ArenaModule from "../../src/dataplane/io/arena.ts";
import type * as NativeModule from "../../src/dataplane/io/native.ts";
import type * as PollerModule from "../../src/dataplane/io/poller.ts";
import type * as RingModule from "../../src/dataplane/io/ring.ts";
import type * as TurnClockModule from "../../src/dataplane/io/turn-clock.ts";
import type * as UdpUnderlayModule from "../../src/dataplane/io/udp-underlay.ts";
import { SOCKET_BUFFER_BYTES } from "../../src/dataplane/limits.ts";
import { allocateListeners, Listeners } from "../../src/dataplane/listeners.ts";
import { PLAIN_OUTER } from "../../src/dataplane/outer-options.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import type * as LoopModule from "../../src/dataplane/threads/loop.ts";
import { tuneV8 } from "../../src/dataplane/threads/v8-tuning.ts";
import type { ForwardingCommand } from "../../src/dataplane/threads/workers.ts";
import { allocateVteps } from "../../src/dataplane/vteps.ts";
import { CORE_PORT_WORDS, loadCore } from "../c-loop/core.ts";

const VXLAN_PORT = 4789;
const BRIDGE = 0;
/** As vxswitch has it (src/dataplane/dataplane.ts). */
const SPIN_US = 10;
const MAINTAIN_EVERY_MS = 1000;
const STAND_ASIDE_US = 100_000;

type AddPort = Extract<ForwardingCommand, { op: "add-port" }>;

const [dataplane, addon, local, ...words] = process.argv.slice(2);

tuneV8();
// What calls the addon of vxswitch finds it from its own place alone.
const { Ports } = await load<typeof PortsModule>("inventory/ports.js");
const { mapArena } = await load<typeof ArenaModule>("io/arena.js");
const { native } = await load<typeof NativeModule>("io/native.js");
const { WakeUp } = await load<typeof PollerModule>("io/poller.js");
const { RingReceiver } = await load<typeof RingModule>("io/ring.js");
const { TurnClock } = await load<typeof TurnClockModule>("io/turn-clock.js");
const { UdpUnderlay } = await load<typeof UdpUnderlayModule>("io/udp-underlay.js");
const { Loop } = await load<typeof LoopModule>("threads/loop.js");

const arena = mapArena();
const frames = new Int32Array(FRAMES_MAX * FRAME_WORDS);
const counters = allocateCounters();
const destinations = new Int32Array(allocateDestinations());
const vteps = new Int32Array(allocateVteps());
const devices: (Device | null)[] = [];
const addedPorts = new Map<number, AddPort>();
let devicesChanged = false;
let underlay: Device | null = null;

const ports = new Ports({
  workers: 1,
  counters: new AllCounters([counters]),
  destinations,
  vteps,
  isFast: true,
  bufferBytes: SOCKET_BUFFER_BYTES,
  listeners: new Listeners(allocateListeners()),
  send: async (commands) => commands.forEach(carryOut),
  onEvent: ({ message }) => process.stderr.write(`${message}\n`),
});
for (const [index, word] of words.entries()) {
  const [remote, vni] = word.split("=");
  const name = `client${index + 1}`;
  await ports.add(BRIDGE, {
    type: "vxlan",
    bridge: "br0",
    name,
    vni: Number(vni),
    remotes: [remote],
    group: null,
    any: null,
    hub: null,
    local,
    dstport: VXLAN_PORT,
    outer: PLAIN_OUTER,
    policy: OPEN_POLICY,
    impairIn: null,
    impairOut: null,
    fdb: [],
  });
}
await ports.updateRings();

const clock = new TurnClock();
const wakeUp = new WakeUp();
let stopping = false;
let stoodAside = 0;
const forwarder = createForwarder();
const loop = new Loop(forwarder, wakeUp, clock, SPIN_US, {
  answer: () => false,
  hear: () => {
    const now = (Math.imul(clock.seconds, 10) + clock.nanoseconds / (1000 * STAND_ASIDE_US)) | 0;
    if (now === stoodAside) return;
    stoodAside = now;
    wakeUp.signal();
  },
  batchDone: () => undefined,
  tick: (nowSeconds) => forwarder.setTime(nowSeconds),
  failed: (device, errno) => {
    throw new Error(`device ${device} has failed (errno ${errno})`);
  },
});

process.on("SIGTERM", () => {
  stopping = true;
});
const maintenance = setInterval(() => void ports.maintain(), MAINTAIN_EVERY_MS);
process.stdout.write("ready\n");
while (!stopping) {
  if (devicesChanged) loop.setDevices(devices);
  devicesChanged = false;
  loop.run();
  await setImmediate();
}
clearInterval(maintenance);
ports.closeAll();

async function load<T>(module: string): Promise<T> {
  return (await import(join(dataplane, module))) as T;
}

/** Only what comes of two VXLAN ports that stay, and of rings that come and go. */
function carryOut(command: ForwardingCommand): undefined {
  switch (command.op) {
    case "add-port":
      addedPorts.set(command.port, command);
      return;
    case "add-device":
      devices[command.device] = makeDevice(command);
      break;
    case "del-device":
      devices[command.device]?.detach?.();
      devices[command.device] = null;
      break;
    default:
      throw new Error(`this switch does not ${command.op}`);
  }
  devicesChanged = true;
}

function makeDevice({ device, make: [make] }: Extract<ForwardingCommand, { op: "add-device" }>): Device {
  if (make.type === "ring") return new RingReceiver(make.socket, arena, frames, vteps);
  if (make.type === "tap") throw new Error("this switch has no TAP");
  underlay = new UdpUnderlay(device, make.sockets, arena, frames, destinations);
  return underlay;
}

/** In place of createForwarder of src/dataplane/forwarder.ts. */
function createForwarder(): Forwarder {
  const core = loadCore(addon);
  const [underlayAt, bridgeAt] = [portCounter(UNDERLAY_PORT), bridgeCounter(BRIDGE)];
  const state = core.open(portRows(), destinations, new Uint8Array(counters), underlayAt, bridgeAt);
  const copies = new Int32Array(FRAMES_MAX * addedPorts.size * COPY_WORDS);
  // The list cut into what one call transmits.
  const lists = Array.from({ length: (FRAMES_MAX * addedPorts.size) / COPIES_MAX }, (_, index) => {
    const at = index * COPIES_MAX * COPY_WORDS;
    return Object.assign(new TransmitList(), { copies: copies.subarray(at, at + COPIES_MAX * COPY_WORDS) });
  });
  const { view } = native();
  const [framesView, arenaView, copiesView] = [view(frames), view(arena.bytes), view(copies)];
  let nowSeconds = 0;

  function forward(device: number, count: number): void {
    const infer = (devices[device] as Device).tellsOffloads ? 0 : 1;
    const copyCount = core.forward(framesView, count, arenaView, copiesView, state, nowSeconds, infer);
    for (let list = 0, left = copyCount; left > 0; list++, left -= COPIES_MAX) {
      lists[list].count = Math.min(left, COPIES_MAX);
      (underlay as Device).transmit(lists[list]);
    }
    core.account(framesView, copiesView, copyCount, state);
  }

  return {
    forward,
    release: () => 0,
    untilDueUs: (atMostUs) => atMostUs,
    setMicroseconds: () => undefined,
    setTime(seconds) {
      nowSeconds = seconds;
    },
  };
}

/** As core.c reads them. */
function portRows(): Int32Array {
  const rows = new Int32Array(addedPorts.size * CORE_PORT_WORDS);
  for (const [index, { port, device, destination, ingress }] of [...addedPorts.values()].entries()) {
    if (ingress === null) throw new Error("a VXLAN port could not be opened");
    rows.set(
      [device, ingress.vni, ...ingress.remote, destination, portCounter(port)],
      index * CORE_PORT_WORDS,
    );
  }
  return rows;
}
