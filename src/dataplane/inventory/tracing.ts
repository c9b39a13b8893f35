// A question about the running switch, put to a replica of it: which device the frame comes in at, as what bytes, and what the
// engine's numbers are called.
import { type Address, formatAddress, parseAddress } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import {
  DESTINATION_MTU,
  DESTINATION_OVERHEAD,
  DESTINATION_PATH,
  DESTINATION_SHIFT,
} from "../destinations.ts";
import { Drop } from "../drop-reason.ts";
import type { FdbMemory } from "../fdb/fdb.ts";
import { checkBare, checkDatagram } from "../io/transmit-check.ts";
import type { VxlanPortSpec } from "../spec.ts";
import type { CommonMemory } from "../tables.ts";
import type { DeviceMake, WorkerCommand } from "../threads/forwarding-worker.ts";
import type { TraceAnswer, TraceQuestion } from "../trace/answer.ts";
import { checkFrame, TraceRefusal } from "../trace/answer.ts";
import { takeImage } from "../trace/image.ts";
import type { TraceNames } from "../trace/names.ts";
import { type DownPort, SPARE_DEVICE, withPortUp } from "../trace/port-up.ts";
import type { TracedDevice } from "../trace/replica.ts";
import type { TracedDatagram } from "../trace/scene.ts";
import { trace } from "../trace/trace.ts";
import { VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } from "../wire/vxlan.ts";
import type { Mirrors } from "./mirrors.ts";
import { deviceOf, type End, isHub, type Port } from "./port.ts";
import type { Ports } from "./ports.ts";
import type { Underlay } from "./underlays.ts";

const ETHERNET_HEADER_BYTES = 14;

/** How the first worker makes a device; null = a port that is down, as if it were up. */
type Make = DeviceMake | null;

export interface RunningState {
  readonly ports: Ports;
  readonly mirrors: Mirrors;
  readonly memory: CommonMemory;
  /** How many forwarding threads there are. */
  readonly workers: number;
  /** Of the first worker, by bridge. */
  readonly fdbs: readonly FdbMemory[];
  /** What the first worker would be told if it began anew. */
  readonly commands: readonly WorkerCommand[];
}

interface Place {
  readonly device: number;
  readonly remote: Address | null;
  readonly datagram: TracedDatagram | null;
  /** Indices of the bridges that the frame may come to. */
  readonly bridges: readonly number[];
  /** To be taken for up. */
  readonly down: DownPort | null;
}

/** What the running switch would do; throws a TraceRefusal if the question makes no sense. */
export function traceRunning(state: RunningState, question: TraceQuestion): TraceAnswer {
  checkFrame(question.frame);
  const { frame } = question;
  const { device, remote, datagram, bridges, down } =
    question.port === null ? placeOfDatagram(state, question) : placeOfPort(state, question);
  const nowMs = monotonicMs();
  const fdbs = state.fdbs.filter(({ bridge }) => bridges.includes(bridge));
  const image = takeImage(state.memory, fdbs);
  return trace<Make>({
    image,
    commands:
      down === null ? state.commands : withPortUp<Make, unknown, unknown>(state.commands, image, down, null),
    traced: (make) => tracedDevice(state, make),
    names: namesOf(state),
    frame,
    datagram,
    arrival: {
      device,
      remote: remote?.words ?? null,
      bytes: datagram === null ? frame : withHeader(datagram.vni, frame),
    },
    nowSeconds: Math.floor(nowMs / 1000),
    nowUs: Math.floor(nowMs * 1000) | 0,
  });
}

type PortQuestion = Extract<TraceQuestion, { readonly port: string }>;
type DatagramQuestion = Extract<TraceQuestion, { readonly port: null }>;

function placeOfPort({ ports }: RunningState, { bridge, port: name, remote }: PortQuestion): Place {
  const port = ports.find(bridge, name);
  if (port === undefined) throw new TraceRefusal(`${bridge} has no port ${name}`);
  const bridges = [port.bridge];
  if (isHub(port))
    throw new TraceRefusal(
      `${name} is a hub: name the port of a VTEP, or say from which VTEP with from ADDRESS vni N`,
    );
  const bare = { remote: null, datagram: null, bridges };
  if (port.spec.type === "tap" && remote !== null)
    throw new TraceRefusal(`${name} is a TAP: no VTEP sends there`);
  if (port.opened === null) return { ...bare, device: SPARE_DEVICE, down: downPort(port, remote) };
  if (port.spec.type === "tap") return { ...bare, device: deviceOf(port), down: null };
  const from = senderOf(port, remote);
  const { vni, dstport } = port.spec;
  const datagram = { remote: formatAddress(from.words), vni, dstport };
  return { device: deviceOf(port), remote: from, datagram, bridges, down: null };
}

/** Its first VTEP, or its group, stands for whoever sends unless it is said. */
function downPort(port: Port, remote: string | null): DownPort {
  const { index, ends } = port;
  const from = remote === null ? null : senderOf(port, remote);
  const isFrom = ({ remote: address }: End) => from !== null && address !== null && isSame(address, from);
  const { destination: source } = ends.find(isFrom) ?? ends[0];
  return { index, source, destinations: ends.map(({ destination }) => destination) };
}

/** Which of the VTEPs of a port sends. */
function senderOf(port: Port, remote: string | null): Address {
  const { ends, spec } = port;
  const known = ends.flatMap(({ remote: address, isGroup }) =>
    address === null || isGroup ? [] : [address],
  );
  if (remote === null) {
    if (known.length > 0) return known[0];
    throw new TraceRefusal(
      `${spec.name} knows no VTEP of its group yet: say which one sends, with from ADDRESS`,
    );
  }
  const from = parseAddress(remote);
  const isKnown = known.some((address) => isSame(address, from));
  if (isKnown || (spec as VxlanPortSpec).group !== null) return from;
  const others = known.map(({ words }) => formatAddress(words)).join(", ");
  throw new TraceRefusal(
    `${remote} is no VTEP of ${spec.name}, whose are ${others}: leave in ${spec.name} out to ask what happens`,
  );
}

/** The socket that has a port for the datagram comes first, for the address that it is sent to is not asked. */
function placeOfDatagram({ ports }: RunningState, { remote, vni, dstport }: DatagramQuestion): Place {
  const from = parseAddress(remote);
  const openPorts = Array.from(ports.all()).filter(({ opened }) => opened?.type === "vxlan");
  const underlayOf = ({ opened }: Port): Underlay => (opened as { underlay: Underlay }).underlay;
  const fitting = openPorts.filter(
    (port) => underlayOf(port).port === dstport && underlayOf(port).ipv6 === from.ipv6,
  );
  if (fitting.length === 0) {
    const listening = Array.from(new Set(openPorts.map((port) => underlayOf(port).port)));
    const family = from.ipv6 ? "IPv6" : "IPv4";
    const where =
      listening.length === 0 ? "no VXLAN port is up" : `its VXLAN ports use ${listening.join(", ")}`;
    throw new TraceRefusal(`the switch does not listen on UDP port ${dstport} over ${family}: ${where}`);
  }
  const isOf = (port: Port): boolean => port.spec.type === "vxlan" && port.spec.vni === vni;
  const isFrom = (port: Port): boolean =>
    port.ends.some(({ remote }) => remote !== null && isSame(remote, from));
  const best =
    fitting.find((port) => isOf(port) && isFrom(port)) ??
    fitting.find(isOf) ??
    fitting.find(isFrom) ??
    fitting[0];
  const bridges = fitting.filter(isOf).map((port) => port.bridge);
  const datagram = { remote: formatAddress(from.words), vni, dstport };
  return { device: deviceOf(best), remote: from, datagram, bridges, down: null };
}

function isSame(one: Address, other: Address): boolean {
  return one.words.every((word, i) => word === other.words[i]);
}

function withHeader(vni: number, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(VXLAN_HEADER_BYTES + frame.length);
  bytes[0] = VXLAN_FLAG_VNI;
  new DataView(bytes.buffer).setUint32(4, vni * 256);
  bytes.set(frame, VXLAN_HEADER_BYTES);
  return bytes;
}

function tracedDevice({ ports, memory }: RunningState, make: Make): TracedDevice {
  const destinations = new Int32Array(memory.destinations);
  if (make === null) return { encapsulated: false, tellsOffloads: false, refuses: () => 0 };
  if (make.type === "tap") {
    const frameMaxBytes = make.mtuBytes + ETHERNET_HEADER_BYTES;
    const refuses = (row: Int32Array, bytes: Uint8Array): number => checkBare(row, bytes, frameMaxBytes);
    return { encapsulated: false, tellsOffloads: true, refuses };
  }
  return {
    encapsulated: true,
    tellsOffloads: false,
    refuses: (row, bytes, destination) => {
      const at = destination << DESTINATION_SHIFT;
      const overheadBytes = destinations[at + DESTINATION_OVERHEAD] - ETHERNET_HEADER_BYTES;
      const reason = checkDatagram(row, bytes, destinations[at + DESTINATION_MTU] - overheadBytes);
      const isLost = destinations[at + DESTINATION_PATH] === 0 && ports.ends.isUnreachable(destination);
      return reason === 0 && isLost ? Drop.unreachable : reason;
    },
  };
}

function namesOf({ ports, mirrors, memory, workers, commands }: RunningState): TraceNames {
  const destinations = new Int32Array(memory.destinations);
  const byIndex = new Map(Array.from(ports.all(), (port) => [port.index, port]));
  const mirrorsByIndex = new Map(Array.from(mirrors.all(), (mirror) => [mirror.index, mirror.spec]));
  const sockets = new Map(
    commands.flatMap((command) =>
      command.op === "add-device" && command.make.type === "udp"
        ? [[command.device, command.make.sockets.ports]]
        : [],
    ),
  );
  return {
    port: (index) => {
      const { spec, reason } = byIndex.get(index) as Port;
      const { bridge, name, impairIn, impairOut } = spec;
      return { index, bridge, name, reason, impairIn, impairOut };
    },
    end: (destination) => {
      const port = ports.ends.portOf(destination);
      const end = port?.ends.find((end) => end.destination === destination);
      const lent = port && sockets.get(deviceOf(port));
      return {
        remote: end?.remote ? formatAddress(end.remote.words) : null,
        vni: port?.spec.type === "vxlan" ? port.spec.vni : null,
        mtuBytes: destinations[(destination << DESTINATION_SHIFT) + DESTINATION_MTU],
        // Each thread has source ports of its own, and which one receives a frame the kernel decides.
        sourcePort: (flow) => (lent && workers === 1 ? lent[(flow >>> 0) % lent.length] : null),
      };
    },
    mirror: (index) => mirrorsByIndex.get(index) as { name: string; sampleEvery: number },
  };
}
