// What happens in the data plane, as typed events with the sentence that the log gets as well: each kind is worded here and
// nowhere else.

/** Kinds of events of the data plane. */
export const DATAPLANE_EVENT_TYPES = [
  ...(["learnt", "moved", "forgotten", "address", "address_conflict", "events_lost"] as const),
  ...(["port_up", "port_down", "quarantined", "released", "mirror_up", "mirror_down"] as const),
  ...(["vtep_up", "vtep_down", "vtep_admitted", "vtep_refused", "vtep_removed"] as const),
  ...(["underlay", "worker_restart", "trouble"] as const),
] as const;

export interface DataplaneEvent {
  readonly type: (typeof DATAPLANE_EVENT_TYPES)[number];
  /** `debug`: too many for a log, unless it wants all. */
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly bridge?: string;
  readonly port?: string;
  readonly mirror?: string;
  readonly vlan?: number;
  readonly mac?: string;
  /** An IP address. */
  readonly address?: string;
  /** Where a host was before; of a conflict, the other's MAC address. */
  readonly from?: string;
  /** A VTEP's address. */
  readonly vtep?: string;
  readonly count?: number;
}

/** A thing of a bridge, as specifications name it. */
interface Named {
  readonly bridge: string;
  readonly name: string;
}

export const portDown = ({ bridge, name }: Named, reason: string): DataplaneEvent => ({
  ...{ type: "port_down", level: "warn", bridge, port: name },
  message: `port ${bridge}/${name} is down: ${reason}`,
});

export const portUp = ({ bridge, name }: Named): DataplaneEvent => ({
  ...{ type: "port_up", level: "info", bridge, port: name },
  message: `port ${bridge}/${name} is up again`,
});

/** `reason` begins with for how long. */
export const portQuarantined = ({ bridge, name }: Named, reason: string): DataplaneEvent => ({
  ...{ type: "quarantined", level: "warn", bridge, port: name },
  message: `port ${bridge}/${name} is ${reason}`,
});

export const portReleased = ({ bridge, name }: Named): DataplaneEvent => ({
  ...{ type: "released", level: "info", bridge, port: name },
  message: `port ${bridge}/${name} is quarantined no longer`,
});

export const mtuStays = ({ bridge, name }: Named, mtuBytes: number, reason: string): DataplaneEvent => ({
  ...{ type: "trouble", level: "warn", bridge, port: name },
  message: `the MTU of ${name} stays ${mtuBytes}: ${reason}`,
});

export const vtepAdmitted = ({ bridge, name }: Named, hub: string, vtep: string): DataplaneEvent => ({
  ...{ type: "vtep_admitted", level: "info", bridge, port: name, vtep },
  message: `port ${bridge}/${name} is made: its VTEP has sent to ${hub}`,
});

export const vtepRefused = (hub: Named, vtep: string, reason: string): DataplaneEvent => ({
  ...{ type: "vtep_refused", level: "warn", bridge: hub.bridge, port: hub.name, vtep },
  message: `${hub.bridge}/${hub.name} does not take in ${vtep}: ${reason}`,
});

export const vtepByGroup = ({ bridge, name }: Named, vtep: string, reason: string): DataplaneEvent => ({
  ...{ type: "vtep_refused", level: "warn", bridge, port: name, vtep },
  message: `${bridge}/${name} sends to ${vtep} by its group: ${reason}`,
});

export const vtepRemoved = ({ bridge, name }: Named, idleSeconds: number): DataplaneEvent => ({
  ...{ type: "vtep_removed", level: "info", bridge, port: name },
  message: `port ${bridge}/${name} is removed: silent for ${idleSeconds} s`,
});

export const vtepUp = (vtep: string): DataplaneEvent => ({
  ...{ type: "vtep_up", level: "info", vtep },
  message: `VTEP ${vtep} is reached again`,
});

export const vtepDown = (vtep: string): DataplaneEvent => ({
  ...{ type: "vtep_down", level: "warn", vtep },
  message: `VTEP ${vtep} is out of reach: the kernel has no route to it`,
});

export const ringOpened = (device: string): DataplaneEvent => ({
  ...{ type: "underlay", level: "info" },
  message: `datagrams are received by ring on ${device}`,
});

export const ringClosed = (device: string, why: string): DataplaneEvent => ({
  ...{ type: "underlay", level: "info" },
  message: `datagrams are no longer received by ring on ${device}: ${why}`,
});

export const ringRefused = (device: string, why: string): DataplaneEvent => ({
  ...{ type: "underlay", level: "warn" },
  message: `no receive ring on ${device}: ${why}; its datagrams take the UDP socket`,
});

export const mirrorDown = ({ bridge, name }: Named, reason: string): DataplaneEvent => ({
  ...{ type: "mirror_down", level: "warn", bridge, mirror: name },
  message: `mirror ${bridge}/${name} is down: ${reason}`,
});

export const mirrorUp = ({ bridge, name }: Named): DataplaneEvent => ({
  ...{ type: "mirror_up", level: "info", bridge, mirror: name },
  message: `mirror ${bridge}/${name} is up again`,
});

export const mirrorLoses = ({ bridge, name }: Named, reason: string): DataplaneEvent => ({
  ...{ type: "trouble", level: "warn", bridge, mirror: name },
  message: `mirror ${bridge}/${name} loses frames: ${reason}`,
});

export const threadCrashed = (name: string, reason: string, pauseMs: number): DataplaneEvent => ({
  ...{ type: "worker_restart", level: "error" },
  message: `${name} crashed (${reason}); it starts again in ${pauseMs} ms`,
});

export const failure = (message: string): DataplaneEvent => ({ type: "trouble", level: "error", message });

export const eventsLost = (count: number): DataplaneEvent => ({
  ...{ type: "events_lost", level: "warn", count },
  message: `${count} events of hosts were lost: more happened at once than is told`,
});

/** Where a host is, and in which VLAN (0 = untagged). */
export interface HostAt extends Named {
  readonly mac: string;
  readonly vlan: number;
}

export const hostLearnt = (host: HostAt): DataplaneEvent => ({
  ...hostEvent("learnt", host),
  message: `${host.mac} is learnt at ${placeOf(host)}`,
});

export const hostMoved = (host: HostAt, from: string): DataplaneEvent => ({
  ...{ ...hostEvent("moved", host), from },
  message: `${host.mac} has moved from ${from} to ${placeOf(host)}`,
});

export const hostForgotten = (host: HostAt): DataplaneEvent => ({
  ...hostEvent("forgotten", host),
  message: `${host.mac} is forgotten, last seen at ${placeOf(host)}`,
});

export const hostAddress = (host: HostAt, address: string, by: string): DataplaneEvent => ({
  ...{ ...hostEvent("address", host), address },
  message: `${address} is at ${host.mac}, ${placeOf(host)}, as ${by.toUpperCase()} says`,
});

/** Worth a warning, since one of the two will not be reached. */
export const addressConflict = (host: HostAt, address: string, other: HostAt): DataplaneEvent => ({
  ...{ ...hostEvent("address_conflict", host), level: "warn", address, from: other.mac },
  message: `${address} is at two stations: ${host.mac}, ${placeOf(host)}, and ${other.mac}, ${placeOf(other)}`,
});

function hostEvent(type: DataplaneEvent["type"], { bridge, name, vlan, mac }: HostAt) {
  return { type, level: "debug", bridge, port: name, vlan, mac } as const;
}

function placeOf({ bridge, name, vlan }: HostAt): string {
  return `${bridge}/${name}${vlan === 0 ? "" : ` (vlan ${vlan})`}`;
}
