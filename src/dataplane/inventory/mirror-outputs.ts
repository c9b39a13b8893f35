// Opening where a mirror's frames go, with the privileges of the control thread. What comes of it is handed to the mirror
// thread, is looked after once a second, and is closed with the mirror.
import { parseAddress, wildcard } from "../address.ts";
import {
  allocateOneDestination,
  DESTINATION_ADDRESS,
  DESTINATION_MTU,
  DESTINATION_UDP_PORT,
  DESTINATION_VNI,
} from "../destinations.ts";
import { closeErspan, openErspan } from "../io/collector.ts";
import { bringUpPassive, closeTap, openTap, tapIndex } from "../io/tap.ts";
import { closeUdpSenders, openUdpSenders, udpPathMtu } from "../io/udp-underlay.ts";
import type { ErspanOutputSpec, MirrorOutputSpec, TapOutputSpec, VxlanOutputSpec } from "../spec.ts";
import { SystemError } from "../system-error.ts";
import type { OutputMake } from "../threads/mirror-worker.ts";
import { allocateErspan, ERSPAN_ADDRESS, ERSPAN_INDEX, ERSPAN_MTU, ERSPAN_SESSION } from "../wire/erspan.ts";
import { explainCollector, explainTap, textOf } from "./explain.ts";

/** Sizes the segments that a watching host takes a super-frame for; the frame itself is mirrored whole. */
const TAP_MTU_BYTES = 1500;
/** Of a collector's path, until the kernel knows better. */
const PATH_MTU_BYTES = 1500;
/** As much as the queue before it holds. */
const SOCKET_BUFFER_BYTES = 4 << 20;
/** To ask for a path's MTU; nothing is sent. */
const ANY_PORT = 4789;

export interface OpenOutput {
  /** What the mirror thread makes its end from. */
  readonly make: OutputMake;
  /** Once a second: follows what the kernel learns of the way to the collector. Returns why the output is lost, "" = it is not. */
  refresh(): string;
  close(): void;
}

/** Throws an error that says why in a sentence, with the remedy. */
export function openOutput(spec: MirrorOutputSpec): OpenOutput {
  switch (spec.type) {
    case "tap":
      return openTapOutput(spec);
    case "vxlan":
      return openVxlanOutput(spec);
    case "erspan":
      return openErspanOutput(spec);
    case "pcapng":
      // A file is opened by the thread that writes it.
      return { make: spec, refresh: () => "", close: () => undefined };
  }
}

function openTapOutput({ device }: TapOutputSpec): OpenOutput {
  let fd: number;
  try {
    fd = openTap(device);
  } catch (error) {
    throw new SystemError(explainTap(error, device));
  }
  try {
    bringUpPassive(device, TAP_MTU_BYTES);
  } catch (error) {
    closeTap(fd);
    throw new SystemError(`the TAP device ${device} cannot be brought up: ${textOf(error)}`);
  }
  const make = { type: "tap", fd, mtuBytes: TAP_MTU_BYTES } as const;
  const ifindex = tapIndex(device);
  const refresh = (): string =>
    tapIndex(device) === ifindex ? "" : `the TAP device ${device} was removed or renamed`;
  return { make, refresh, close: () => closeTap(fd) };
}

function openVxlanOutput({ remote, vni, dstport, local }: VxlanOutputSpec): OpenOutput {
  const to = parseAddress(remote);
  const from = local === null ? wildcard(to.ipv6) : parseAddress(local);
  const memory = allocateOneDestination();
  const row = new Int32Array(memory);
  row.set(to.words, DESTINATION_ADDRESS);
  row[DESTINATION_UDP_PORT] = dstport;
  row[DESTINATION_VNI] = vni;
  row[DESTINATION_MTU] = PATH_MTU_BYTES;
  const senders = explained(local, () => openUdpSenders(to.ipv6, from.words, SOCKET_BUFFER_BYTES));
  const refresh = (): string => {
    row[DESTINATION_MTU] = udpPathMtu(to.ipv6, from.words, to.words, dstport) || row[DESTINATION_MTU];
    return "";
  };
  refresh();
  const make = { type: "vxlan", ipv6: to.ipv6, senders, destinations: memory } as const;
  return { make, refresh, close: () => closeUdpSenders(senders) };
}

function openErspanOutput({ remote, session, index, local }: ErspanOutputSpec): OpenOutput {
  const to = parseAddress(remote);
  const from = local === null ? wildcard(false) : parseAddress(local);
  const tunnel = allocateErspan();
  const row = new Int32Array(tunnel);
  row.set(to.words, ERSPAN_ADDRESS);
  row[ERSPAN_SESSION] = session;
  row[ERSPAN_INDEX] = index;
  row[ERSPAN_MTU] = PATH_MTU_BYTES;
  const fd = explained(local, () => openErspan(from.words, SOCKET_BUFFER_BYTES));
  const refresh = (): string => {
    row[ERSPAN_MTU] = udpPathMtu(false, from.words, to.words, ANY_PORT) || row[ERSPAN_MTU];
    return "";
  };
  refresh();
  return { make: { type: "erspan", fd, tunnel }, refresh, close: () => closeErspan(fd) };
}

function explained<T>(local: string | null, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new SystemError(explainCollector(error, local));
  }
}
