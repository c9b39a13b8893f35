// A Config in the words of the data plane: defaults of the underlay resolved, units in the names.
import type { BridgeSpec, FilterSpec, MirrorSpec, PortSpec, VxlanPortSpec } from "../../dataplane/spec.ts";
import { outerOf } from "../outer-words.ts";
import { policyOf } from "../policy-words.ts";
import { filterProgram } from "./filter.ts";
import { impairmentOf } from "./impairment.ts";
import {
  GROUP_TTL_DEFAULT,
  IDLE_SECONDS_DEFAULT,
  ROTATE_FILES_DEFAULT,
  VTEPS_DEFAULT,
  VXLAN_DSTPORT_DEFAULT,
} from "./limits.ts";
import type { BridgeConfig, Config, MirrorConfig, PortConfig, VxlanPortConfig } from "./schema.ts";
import { boundAddressOf } from "./values.ts";

/** Everything the data plane has to be told, flat and in the order of the file. */
export interface SwitchSpec {
  readonly bridges: readonly BridgeSpec[];
  readonly ports: readonly PortSpec[];
  readonly mirrors: readonly MirrorSpec[];
}

export const EMPTY_SWITCH: SwitchSpec = { bridges: [], ports: [], mirrors: [] };

/** What a configuration asks of the data plane. */
export function specsOf(config: Config): SwitchSpec {
  const bridges = Object.entries(config.bridges);
  return {
    bridges: bridges.map(([name, bridge]) => bridgeSpec(name, bridge)),
    ports: bridges.flatMap(([bridge, { ports }]) =>
      Object.entries(ports).map(([name, port]) => portSpec(config, bridge, name, port)),
    ),
    mirrors: bridges.flatMap(([bridge, { mirrors }]) =>
      Object.entries(mirrors).map(([name, mirror]) => mirrorSpec(bridge, name, mirror)),
    ),
  };
}

function bridgeSpec(name: string, bridge: BridgeConfig): BridgeSpec {
  return {
    name,
    ageingSeconds: bridge.ageing,
    addressesMax: bridge.maxaddress,
    forwardsBpdu: bridge.forward_bpdu ?? true,
    loopGuardSeconds: bridge.loop_guard ?? 0,
    snoopsMulticast: bridge.mcast_snooping ?? false,
  };
}

function portSpec({ underlay }: Config, bridge: string, name: string, port: PortConfig): PortSpec {
  if (port.type === "tap") {
    return {
      type: "tap",
      bridge,
      name,
      addresses: port.address ?? [],
      mtuBytes: port.mtu ?? null,
      policy: policyOf(port),
      ...impairmentsOf(port),
      fdb: (port.fdb ?? []).map(boundAddressOf),
    };
  }
  return {
    type: "vxlan",
    bridge,
    name,
    vni: port.vni,
    ...farSide(port),
    local: port.local ?? underlay.local ?? null,
    dstport: port.dstport ?? underlay.dstport,
    outer: outerOf(port.group === undefined ? port : { ttl: GROUP_TTL_DEFAULT, ...port }),
    policy: policyOf(port),
    ...impairmentsOf(port),
    fdb: (port.fdb ?? []).map(boundAddressOf),
  };
}

function impairmentsOf(port: PortConfig): Pick<PortSpec, "impairIn" | "impairOut"> {
  return { impairIn: impairmentOf(port.impair_in), impairOut: impairmentOf(port.impair_out) };
}

function farSide(port: VxlanPortConfig): Pick<VxlanPortSpec, "remotes" | "group" | "any" | "hub"> {
  const { remote, remotes, group, dev, allow, max_vteps: vtepsMax, idle } = port;
  const isHub = remote === "any";
  return {
    remotes: remotes ?? (remote === undefined || isHub ? [] : [remote]),
    group: group === undefined || dev === undefined ? null : { address: group, dev },
    any: isHub
      ? { allow: allow ?? [], vtepsMax: vtepsMax ?? VTEPS_DEFAULT, idleSeconds: idle ?? IDLE_SECONDS_DEFAULT }
      : null,
    hub: null,
  };
}

function mirrorSpec(bridge: string, name: string, mirror: MirrorConfig): MirrorSpec {
  return {
    bridge,
    name,
    selectAll: mirror.select_all ?? false,
    selectSrcPorts: mirror.select_src_port ?? [],
    selectDstPorts: mirror.select_dst_port ?? [],
    selectVlans: mirror.select_vlan ?? [],
    filter: mirror.filter === undefined ? null : filterSpec(mirror.filter),
    sampleEvery: mirror.sample ?? 1,
    snaplenBytes: mirror.snaplen ?? 0,
    output: outputSpec(mirror.output),
  };
}

function filterSpec(expression: string): FilterSpec {
  return { expression, program: filterProgram(expression) };
}

function outputSpec(output: MirrorConfig["output"]): MirrorSpec["output"] {
  if ("tap" in output) return { type: "tap", device: output.tap };
  if ("vxlan" in output) {
    const { vxlan: remote, vni, dstport = VXLAN_DSTPORT_DEFAULT, local = null } = output;
    return { type: "vxlan", remote, vni, dstport, local };
  }
  if ("erspan" in output) {
    const { erspan: remote, session, index = 0, local = null } = output;
    return { type: "erspan", remote, session, index, local };
  }
  const rotateBytes = output.rotate_bytes ?? 0;
  const filesMax = rotateBytes === 0 ? 1 : (output.files ?? ROTATE_FILES_DEFAULT);
  return { type: "pcapng", path: output.pcapng, rotateBytes, filesMax };
}
