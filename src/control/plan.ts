// From the running switch to the wanted one: the changes, in an order that can be applied one by one. Pure. A reload,
// a change from the command line and the start (from nothing) all come through here, so what is equal is never touched.
//
// The order: mirrors leave before ports, ports before bridges; then bridges arrive or change, ports change in place,
// ports arrive, mirrors arrive or change. A thing that cannot change in place leaves and arrives again.

import { isDeepStrictEqual } from "node:util";
import type { BridgeSpec, Change, MirrorSpec, PortSpec } from "../dataplane/spec.ts";
import { EMPTY_SWITCH, type SwitchSpec } from "./config/specs.ts";
import { keyOf } from "./key.ts";

/** The changes that turn `old` (null = nothing runs yet) into `wanted`; empty if they are equal. */
export function plan(old: SwitchSpec | null, wanted: SwitchSpec): Change[] {
  const bridges = difference(old?.bridges ?? EMPTY_SWITCH.bridges, wanted.bridges, ({ name }) => name);
  const ports = planPorts(old?.ports ?? EMPTY_SWITCH.ports, wanted.ports);
  const mirrors = difference(old?.mirrors ?? EMPTY_SWITCH.mirrors, wanted.mirrors, keyOf);
  const leaving = new Set([...ports.removed, ...ports.remade].map(keyOf));
  const mayStay = (mirror: MirrorSpec) => !selectedPorts(mirror).some((port) => leaving.has(port));
  const isSet = ({ from, to }: Pair<MirrorSpec>) => mayStay(from) && hasSameOutput(from, to);
  const mirrorsRemade = [
    ...mirrors.changed.filter((pair) => !isSet(pair)).map(({ to }) => to),
    ...mirrors.same.filter((mirror) => !mayStay(mirror)),
  ];
  return [
    ...[...mirrors.removed, ...mirrorsRemade].map(delMirror),
    ...[...ports.removed, ...ports.remade].map(delPort),
    ...bridges.removed.map(({ name }): Change => ({ op: "del-bridge", bridge: name })),
    ...bridges.added.map((bridge): Change => ({ op: "add-bridge", bridge })),
    ...bridges.changed.map(({ to }): Change => ({ op: "set-bridge", bridge: to })),
    ...ports.set.map((port): Change => ({ op: "set-port", port })),
    ...[...ports.added, ...ports.remade].map((port): Change => ({ op: "add-port", port })),
    ...mirrors.changed.filter(isSet).map(({ to }): Change => ({ op: "set-mirror", mirror: to })),
    ...[...mirrors.added, ...mirrorsRemade].map((mirror): Change => ({ op: "add-mirror", mirror })),
  ];
}

function selectedPorts({ bridge, selectSrcPorts, selectDstPorts }: MirrorSpec): string[] {
  return [...selectSrcPorts, ...selectDstPorts].map((name) => keyOf({ bridge, name }));
}

/** What is written there goes on as it began: a pcapng file says in its head how much of a frame it holds. */
function hasSameOutput(from: MirrorSpec, to: MirrorSpec): boolean {
  return from.snaplenBytes === to.snaplenBytes && isDeepStrictEqual(from.output, to.output);
}

function delMirror({ bridge, name }: MirrorSpec): Change {
  return { op: "del-mirror", bridge, name };
}

function delPort({ bridge, name }: PortSpec): Change {
  return { op: "del-port", bridge, name };
}

interface Pair<T> {
  readonly from: T;
  readonly to: T;
}

export interface Difference<T> {
  readonly removed: readonly T[];
  readonly added: readonly T[];
  readonly changed: readonly Pair<T>[];
  readonly same: readonly T[];
}

/** Compares two lists of named things. */
function difference<T extends BridgeSpec | PortSpec | MirrorSpec>(
  old: readonly T[],
  wanted: readonly T[],
  key: (item: T) => string,
): Difference<T> {
  const before = new Map(old.map((item) => [key(item), item]));
  const after = new Map(wanted.map((item) => [key(item), item]));
  const pairs = wanted.flatMap((to) => {
    const from = before.get(key(to));
    return from === undefined ? [] : [{ from, to }];
  });
  return {
    removed: old.filter((item) => !after.has(key(item))),
    added: wanted.filter((item) => !before.has(key(item))),
    changed: pairs.filter(({ from, to }) => !isDeepStrictEqual(from, to)),
    same: pairs.filter(({ from, to }) => isDeepStrictEqual(from, to)).map(({ to }) => to),
  };
}

interface PortPlan {
  readonly removed: readonly PortSpec[];
  readonly added: readonly PortSpec[];
  /** Changed in place, in this order. */
  readonly set: readonly PortSpec[];
  /** Leave and arrive again: their type changed, or they would stand in each other's way. */
  readonly remade: readonly PortSpec[];
}

function planPorts(old: readonly PortSpec[], wanted: readonly PortSpec[]): PortPlan {
  const { removed, added, changed } = difference<PortSpec>(old, wanted, keyOf);
  const typeChanged = changed.filter(({ from, to }) => from.type !== to.type).map(({ to }) => to);
  const { set, knotted } = orderSets(changed.filter(({ from, to }) => from.type === to.type));
  return { removed, added, set, remade: [...typeChanged, ...knotted] };
}

/**
 * Orders the ports that change in place so that no two ever hold one tunnel (local, remote, VNI) at a time. Where they
 * exchange tunnels in a circle there is no such order: one of the circle is re-made, which frees what it held.
 */
function orderSets(pairs: readonly Pair<PortSpec>[]): { set: PortSpec[]; knotted: PortSpec[] } {
  const set: PortSpec[] = [];
  const knotted: PortSpec[] = [];
  let waiting = [...pairs];
  while (waiting.length > 0) {
    const held = new Map(
      waiting.flatMap(({ from }) => tunnelsOf(from).map((tunnel) => [tunnel, keyOf(from)])),
    );
    const isFree = ({ to }: Pair<PortSpec>) =>
      tunnelsOf(to).every((tunnel) => [undefined, keyOf(to)].includes(held.get(tunnel)));
    const ready = waiting.filter(isFree);
    set.push(...ready.map(({ to }) => to));
    if (ready.length === 0) knotted.push(waiting[0]!.to);
    const settled = new Set([...ready.map(({ to }) => to), ...knotted]);
    waiting = waiting.filter(({ to }) => !settled.has(to));
  }
  return { set, knotted };
}

function tunnelsOf(port: PortSpec): string[] {
  if (port.type === "tap") return [`device ${port.name}`];
  const remotes = port.remotes.length > 0 ? port.remotes : ["anyone"];
  return remotes.map((remote) => `${port.local} ${remote} ${port.vni}`);
}
