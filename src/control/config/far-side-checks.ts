// The far side of a VXLAN port: one VTEP, several, a multicast group or whoever comes; what each of them needs and excludes.
import { type Fault, type Path, pathText, valueAt } from "./fault.ts";
import type { Config, VxlanPortConfig } from "./schema.ts";
import { REMOTE_EXPECTED, sameFamily } from "./values.ts";

const FAR_SIDES = ["remote", "remotes", "group"] as const;

/** Where a vxlan port of a document of any shape has no far side at all. */
export function missingFarSides(root: unknown): Fault[] {
  const named = (path: Path) => {
    const found = valueAt(root, path);
    return typeof found === "object" && found !== null ? Object.entries(found) : [];
  };
  return named(["bridges"]).flatMap(([bridge]) =>
    named(["bridges", bridge, "ports"]).flatMap(([port, value]): Fault[] => {
      const path = ["bridges", bridge, "ports", port];
      const isVxlan = valueAt(value, ["type"]) === "vxlan";
      if (!isVxlan || FAR_SIDES.some((key) => valueAt(value, [key]) !== undefined)) return [];
      return [{ path: [...path, "remote"], expected: REMOTE_EXPECTED, got: "nothing" }];
    }),
  );
}

/** The contradictions among the words of the port at `path`. */
export function farSideFaults(path: Path, port: VxlanPortConfig, underlayLocal: string | undefined): Fault[] {
  return [
    ...severalSides(path, port),
    ...strayWords(path, port),
    ...mixedFamilies(path, port, underlayLocal),
  ];
}

function severalSides(path: Path, port: VxlanPortConfig): Fault[] {
  const [first, second] = FAR_SIDES.filter((key) => port[key] !== undefined);
  if (second === undefined) return [];
  const expected = `one of ${FAR_SIDES.join(", ")}`;
  return [{ path: [...path, second], expected, got: `${first} beside it`, atKey: true }];
}

function strayWords(path: Path, port: VxlanPortConfig): Fault[] {
  const isHub = port.remote === "any";
  const needs = (key: keyof VxlanPortConfig, isThere: boolean, of: string): Fault[] =>
    port[key] === undefined || isThere
      ? []
      : [{ path: [...path, key], expected: `${of} beside it`, got: "none", atKey: true }];
  const hasOne = port.remote !== undefined && !isHub;
  return [
    ...needs("dev", port.group !== undefined, "a group"),
    ...needs("group", port.dev !== undefined, "dev, the network device on which it is joined,"),
    ...needs("allow", isHub, "remote: any"),
    ...needs("max_vteps", isHub, "remote: any"),
    ...needs("idle", isHub, "remote: any"),
    ...needs("fdb", hasOne || port.remotes?.length === 1, "one remote, at which the stations are,"),
  ];
}

function mixedFamilies(path: Path, port: VxlanPortConfig, underlayLocal: string | undefined): Fault[] {
  const local = port.local ?? underlayLocal;
  const remedy = port.local === undefined ? "local is the underlay's; give the port one of its own" : null;
  const placed = addressesOf(port);
  const [like, what] = local === undefined ? [placed[0]?.address, "others"] : [local, `local ${local}`];
  return placed
    .filter(({ address }) => like !== undefined && !sameFamily(withoutLength(address), withoutLength(like)))
    .map(({ key, address }) => ({
      path: [...path, ...key],
      expected: `an address of the same family as ${local === undefined ? `the ${what}` : what}`,
      got: address,
      ...(local !== undefined && remedy && { remedy }),
    }));
}

/** An address that tells the family of a port: of its remotes, group, or who may come. */
export function anyAddressOf(port: VxlanPortConfig): string | undefined {
  const [first] = addressesOf(port);
  return first && withoutLength(first.address);
}

function withoutLength(network: string): string {
  return network.split("/")[0]!;
}

function addressesOf({ remote, remotes, group, allow }: VxlanPortConfig): { key: Path; address: string }[] {
  const listed = (key: string, addresses: readonly string[] = []) =>
    addresses.map((address, index) => ({ key: [key, index], address }));
  const single = (key: string, address: string | undefined) =>
    address === undefined || address === "any" ? [] : [{ key: [key], address }];
  return [
    ...single("remote", remote),
    ...listed("remotes", remotes),
    ...single("group", group),
    ...listed("allow", allow),
  ];
}

/** A received datagram must belong to one port: (local, remote, VNI) is the key of the data plane, `anyone` being one remote. */
export function duplicateTunnels(
  config: Config,
  ports: readonly { readonly path: Path; readonly value: VxlanPortConfig }[],
): Fault[] {
  const firsts = new Map<string, Path>();
  return ports.flatMap(({ path, value }): Fault[] => {
    const local = value.local ?? config.underlay.local ?? "any";
    const remotes = value.group !== undefined ? ["any"] : (value.remotes ?? [value.remote ?? ""]);
    const keyOf = (remote: string) => `${local} ${remote} ${value.vni}`;
    const taken = remotes.find((remote) => firsts.has(keyOf(remote)));
    const first = taken === undefined ? undefined : firsts.get(keyOf(taken));
    for (const remote of remotes) if (!firsts.has(keyOf(remote))) firsts.set(keyOf(remote), path);
    if (first === undefined) return [];
    const got = `those of ${pathText(first)}: vni ${value.vni} remote ${taken}`;
    return [{ path, expected: "another local, remote or vni", got, atKey: true }];
  });
}

/** One socket receives what is sent to a group on a device; what comes by it belongs to one local address. */
export function dividedGroups(
  config: Config,
  ports: readonly { readonly path: Path; readonly value: VxlanPortConfig }[],
): Fault[] {
  const firsts = new Map<string, { path: Path; local: string | undefined }>();
  return ports.flatMap(({ path, value }): Fault[] => {
    if (value.group === undefined) return [];
    const local = value.local ?? config.underlay.local;
    const key = `${value.group} ${value.dev} ${value.dstport ?? config.underlay.dstport}`;
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, { path, local });
    if (first === undefined || first.local === local) return [];
    const expected = `the local address that ${pathText(first.path)} has with this group`;
    return [{ path, expected, got: local ?? "none", atKey: true }];
  });
}
