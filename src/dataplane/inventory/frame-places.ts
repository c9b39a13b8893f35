// Ports, VTEPs and mirrors by the indices that the forwarding threads write beside frames (captures, dropped frames).
import { formatAddress } from "../address.ts";
import { DROP_REASONS } from "../drop-reason.ts";
import { HELD, MIRRORED, SENT } from "../journal.ts";
import type { FrameFate, FramePlace } from "../spec.ts";
import type { Mirrors } from "./mirrors.ts";
import type { Port } from "./port.ts";
import type { Ports } from "./ports.ts";

/** For as long as no port or mirror comes or goes: what has which index is looked up at the first question. */
export class FramePlaces {
  private readonly ports: Ports;
  private readonly mirrors: Mirrors;
  private portsByIndex: ReadonlyMap<number, Port> | null = null;
  private mirrorNames: ReadonlyMap<number, string> | null = null;
  /** Thousands of frames have few places, and an address in text takes longer than the rest of a frame. */
  private readonly destinations = new Map<number, FramePlace | null>();

  constructor(ports: Ports, mirrors: Mirrors) {
    this.ports = ports;
    this.mirrors = mirrors;
  }

  /** A port by its index, with its VTEP if it has only one. */
  ofPort(index: number): FramePlace | null {
    this.portsByIndex ??= new Map(Array.from(this.ports.all(), (port) => [port.index, port]));
    const port = this.portsByIndex.get(index);
    return port === undefined ? null : place(port, this.onlyRemote(port));
  }

  ofDestination(destination: number): FramePlace | null {
    const known = this.destinations.get(destination);
    if (known !== undefined) return known;
    const port = this.ports.ends.portOf(destination);
    const found = port === undefined ? null : place(port, this.remoteOf(destination));
    this.destinations.set(destination, found);
    return found;
  }

  /** Where a frame came in: at a port, from one of its VTEPs. */
  ofSource(index: number, destination: number): FramePlace | null {
    const port = this.ports.ends.portOf(destination);
    return port?.index === index ? this.ofDestination(destination) : this.ofPort(index);
  }

  fate(kind: number, at: number): FrameFate {
    switch (kind) {
      case SENT:
        return { kind: "sent", place: this.ofDestination(at) };
      case HELD:
        return { kind: "held", place: this.ofPort(at) };
      case MIRRORED:
        return { kind: "mirrored", mirror: this.mirrorName(at) };
      default:
        return { kind: "dropped", place: this.ofPort(at), reason: DROP_REASONS[kind]!.name };
    }
  }

  private onlyRemote({ ends }: Port): string | null {
    return ends.length === 1 ? this.remoteOf(ends[0]!.destination) : null;
  }

  private remoteOf(destination: number): string | null {
    const remote = this.ports.ends.remoteOf(destination);
    return remote && formatAddress(remote.words);
  }

  private mirrorName(index: number): string {
    this.mirrorNames ??= new Map(Array.from(this.mirrors.all(), ({ index, spec }) => [index, spec.name]));
    return this.mirrorNames.get(index) ?? "?";
  }
}

function place({ spec }: Port, remote: string | null): FramePlace {
  return { bridge: spec.bridge, port: spec.name, remote, vni: spec.type === "vxlan" ? spec.vni : null };
}
