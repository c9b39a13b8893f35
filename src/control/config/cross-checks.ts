// What one part of a configuration demands of another. Every check takes the parts that are well formed and returns
// the faults it finds, so one reading reports them all.
import { isIP } from "node:net";
import { SOURCE_PORTS } from "../../dataplane/limits.ts";
import { anyAddressOf, dividedGroups, duplicateTunnels, farSideFaults } from "./far-side-checks.ts";
import { type Fault, type Path, pathText } from "./fault.ts";
import { filterFaults } from "./filter.ts";
import { usOf } from "./impairment.ts";
import * as limit from "./limits.ts";
import type { Config, MirrorConfig, PortConfig, VxlanPortConfig } from "./schema.ts";
import { DEVICE_NAME_EXPECTED, isDeviceName, portRangeOf, sameFamily } from "./values.ts";
import { vlanFaults } from "./vlan-checks.ts";

/** True if the document declares this port, be it well formed or not. */
export type PortDeclared = (bridge: string, port: string) => boolean;

/** All contradictions within a well-formed configuration. */
export function crossCheck(config: Config, portDeclared: PortDeclared): Fault[] {
  return [
    ...tooMany(config),
    ...tooFewSourcePorts(config),
    ...vxlanPorts(config).flatMap(({ path, value }) => farSideFaults(path, value, config.underlay.local)),
    ...duplicateTunnels(config, vxlanPorts(config)),
    ...dividedGroups(config, vxlanPorts(config)),
    ...optionsOfTheOtherFamily(config),
    ...badDeviceNames(config),
    ...duplicateDevices(config),
    ...duplicateAddresses(config),
    ...burstsWithoutRate(config),
    ...ports(config).flatMap(({ path, value }) => vlanFaults(path, value)),
    ...idleImpairments(config),
    ...boundTwice(config),
    ...tooManyBound(config),
    ...unknownMirrorPorts(config, portDeclared),
    ...emptyMirrors(config),
    ...faultyFilters(config),
    ...idleRotation(config),
    ...duplicateFiles(config),
    ...loopingCollectors(config),
    ...duplicateSessions(config),
    ...mixedCollectors(config),
  ];
}

interface Placed<T> {
  readonly path: Path;
  readonly name: string;
  readonly bridge: string;
  readonly value: T;
}

function ports(config: Config): Placed<PortConfig>[] {
  return Object.entries(config.bridges).flatMap(([bridge, { ports }]) =>
    Object.entries(ports).map(([name, value]) => {
      return { bridge, name, value, path: ["bridges", bridge, "ports", name] };
    }),
  );
}

function vxlanPorts(config: Config): Placed<VxlanPortConfig>[] {
  return ports(config).filter((port): port is Placed<VxlanPortConfig> => port.value.type === "vxlan");
}

function mirrors(config: Config): Placed<MirrorConfig>[] {
  return Object.entries(config.bridges).flatMap(([bridge, { mirrors }]) =>
    Object.entries(mirrors).map(([name, value]) => {
      return { bridge, name, value, path: ["bridges", bridge, "mirrors", name] };
    }),
  );
}

function tooMany(config: Config): Fault[] {
  const entries = Object.values(config.bridges).reduce((sum, { maxaddress }) => sum + maxaddress, 0);
  const counts: [number, number, string][] = [
    [Object.keys(config.bridges).length, limit.BRIDGES_MAX, "bridges"],
    [ports(config).length, limit.PORTS_MAX, "ports over all bridges"],
    [mirrors(config).length, limit.MIRRORS_MAX, "mirrors over all bridges"],
    [entries, limit.FDB_ENTRIES_TOTAL_MAX, "addresses (maxaddress) over all bridges"],
  ];
  return counts
    .filter(([count, max]) => count > max)
    .map(([count, max, what]) => ({
      path: ["bridges"],
      expected: `at most ${max} ${what}`,
      got: String(count),
      atKey: true,
    }));
}

/** Each worker has its own at every local address. */
function tooFewSourcePorts({ underlay: { srcport, workers } }: Config): Fault[] {
  const { min, max } = portRangeOf(srcport);
  const wanted = SOURCE_PORTS * workers;
  if (max - min + 1 >= wanted) return [];
  const expected = `at least ${wanted} ports, ${SOURCE_PORTS} for each forwarding thread`;
  return [{ path: ["underlay", "srcport"], expected, got: srcport }];
}

/** Options of outer headers that only IPv4 or only IPv6 has. */
const FAMILY_OPTIONS = [
  ["df", 4],
  ["udpcsum", 4],
  ["udp6zerocsumtx", 6],
  ["udp6zerocsumrx", 6],
] as const;

function optionsOfTheOtherFamily(config: Config): Fault[] {
  return vxlanPorts(config).flatMap(({ path, value }) => {
    const address = anyAddressOf(value) ?? value.local ?? config.underlay.local;
    const family = address === undefined ? 4 : isIP(address);
    return FAMILY_OPTIONS.filter(([option, of]) => value[option] !== undefined && of !== family).map(
      ([option, of]) => ({
        path: [...path, option],
        expected: `an IPv${of} remote beside it`,
        got: `remote ${address ?? "none"}`,
        atKey: true,
      }),
    );
  });
}

function badDeviceNames(config: Config): Fault[] {
  return ports(config)
    .filter(({ name, value }) => value.type === "tap" && !isDeviceName(name))
    .map(({ path, name }) => ({
      path,
      expected: DEVICE_NAME_EXPECTED,
      got: `${JSON.stringify(name)}, ${name.length} characters`,
      remedy: "the name of a tap port is the name of its device",
      atKey: true,
    }));
}

function duplicateDevices(config: Config): Fault[] {
  const taps = ports(config).filter(({ value }) => value.type === "tap");
  const outputs = mirrors(config).flatMap(({ path, value, ...rest }) =>
    "tap" in value.output
      ? [{ ...rest, value, path: [...path, "output", "tap"], name: value.output.tap }]
      : [],
  );
  const devices: { path: Path; name: string; atKey: boolean }[] = [
    ...taps.map(({ path, name }) => ({ path, name, atKey: true })),
    ...outputs.map(({ path, name }) => ({ path, name, atKey: false })),
  ];
  return duplicates(devices, ({ name }) => name).map(({ item, first }) => ({
    path: item.path,
    expected: "a device of its own",
    got: `${item.name}, which ${pathText(first.path)} uses`,
    atKey: item.atKey,
  }));
}

function duplicateAddresses(config: Config): Fault[] {
  const addresses = ports(config).flatMap(({ path, value }) =>
    value.type === "tap"
      ? (value.address ?? []).map((text, index) => ({ path: [...path, "address", index], text }))
      : [],
  );
  return duplicates(addresses, ({ text }) => text.split("/")[0]!).map(({ item, first }) => ({
    path: item.path,
    expected: "an address of its own",
    got: `${item.text}, which ${pathText(first.path)} has`,
  }));
}

function burstsWithoutRate(config: Config): Fault[] {
  const pairs = [
    ["ingress_policing_burst", "ingress_policing_rate"],
    ["ingress_policing_kpkts_burst", "ingress_policing_kpkts_rate"],
  ] as const;
  return ports(config).flatMap(({ path, value }) =>
    pairs
      .filter(([burst, rate]) => value[burst] && !value[rate])
      .map(([burst, rate]) => ({ path: [...path, burst], expected: `${rate} beside it`, got: "no rate" })),
  );
}

/** Words that say something about a delay, or about what is held, where there is none. */
function idleImpairments(config: Config): Fault[] {
  return ports(config).flatMap(({ path, value }) =>
    (["impair_in", "impair_out"] as const).flatMap((key): Fault[] => {
      const { delay, jitter, reorder, rate, limit } = value[key] ?? {};
      const fault = (word: string, expected: string, got: string) => {
        return { path: [...path, key, word], expected, got };
      };
      const none = "no delay";
      return [
        ...(usOf(jitter) > usOf(delay)
          ? [fault("jitter", "a delay of at least as much beside it", delay ?? none)]
          : []),
        ...(reorder && usOf(delay) === 0 ? [fault("reorder", "delay beside it", none)] : []),
        ...(limit && usOf(delay) === 0 && !rate
          ? [fault("limit", "delay or rate beside it", "neither")]
          : []),
      ];
    }),
  );
}

/** An address is bound to one port of a bridge. */
function boundTwice(config: Config): Fault[] {
  const bound = ports(config).flatMap(({ bridge, path, value }) =>
    (value.fdb ?? []).map((text, index) => ({ bridge, path: [...path, "fdb", index], text })),
  );
  return duplicates(bound, ({ bridge, text }) => `${bridge} ${text}`).map(({ item, first }) => ({
    path: item.path,
    expected: "an address that no other port of the bridge has",
    got: `${item.text}, which ${pathText(first.path)} binds`,
  }));
}

function tooManyBound(config: Config): Fault[] {
  return Object.entries(config.bridges).flatMap(([bridge, { maxaddress, ports }]): Fault[] => {
    const count = Object.values(ports).reduce((sum, { fdb }) => sum + (fdb?.length ?? 0), 0);
    const path = ["bridges", bridge, "maxaddress"];
    if (count <= maxaddress) return [];
    return [
      {
        path,
        expected: `at least the ${count} addresses that its ports bind (fdb)`,
        got: String(maxaddress),
      },
    ];
  });
}

function unknownMirrorPorts(config: Config, portDeclared: PortDeclared): Fault[] {
  return mirrors(config).flatMap(({ bridge, path, value }) =>
    (["select_src_port", "select_dst_port"] as const).flatMap((key) =>
      (value[key] ?? []).flatMap((port, index): Fault[] => {
        if (portDeclared(bridge, port)) return [];
        const got = JSON.stringify(port);
        return [{ path: [...path, key, index], expected: `the name of a port of ${bridge}`, got }];
      }),
    ),
  );
}

function emptyMirrors(config: Config): Fault[] {
  return mirrors(config)
    .filter(
      ({ value }) => !(value.select_all || value.select_src_port?.length || value.select_dst_port?.length),
    )
    .map(({ path, value }) => ({
      path,
      expected: "a selection: select_all: true, select_src_port or select_dst_port",
      got: value.select_vlan === undefined ? "none" : "select_vlan alone, which narrows a selection",
      atKey: true,
    }));
}

function faultyFilters(config: Config): Fault[] {
  const filters = mirrors(config).flatMap(({ path, value: { filter } }) =>
    filter === undefined ? [] : [{ path: [...path, "filter"], text: filter }],
  );
  return filterFaults(filters);
}

function idleRotation(config: Config): Fault[] {
  return mirrors(config).flatMap(({ path, value: { output } }): Fault[] => {
    if (!("pcapng" in output) || output.files === undefined || (output.rotate_bytes ?? 0) > 0) return [];
    const remedy = "files counts what rotation keeps";
    return [
      { path: [...path, "output", "files"], expected: "rotate_bytes beside it", got: "nothing", remedy },
    ];
  });
}

function duplicateFiles(config: Config): Fault[] {
  const files = mirrors(config).flatMap(({ path, value: { output } }) => {
    if (!("pcapng" in output)) return [];
    const kept = (output.rotate_bytes ?? 0) > 0 ? (output.files ?? limit.ROTATE_FILES_DEFAULT) : 1;
    const names = Array.from({ length: kept }, (_, n) => (n === 0 ? output.pcapng : `${output.pcapng}.${n}`));
    return names.map((file) => ({ path: [...path, "output", "pcapng"], owner: path, file }));
  });
  const clashes = duplicates(files, ({ file }) => file);
  return duplicateFree(clashes, ({ item }) => pathText(item.path)).map(({ item, first }) => ({
    path: item.path,
    expected: "a file of its own",
    got: `${item.file}, which ${pathText(first.owner)} writes`,
  }));
}

/** A station behind a port would take mirrored frames for forwarded ones: it sees them twice, and what it answers is mirrored. */
function loopingCollectors(config: Config): Fault[] {
  return mirrors(config).flatMap(({ path, value: { output } }): Fault[] => {
    if (!("vxlan" in output)) return [];
    const { vxlan: remote, vni, dstport = limit.VXLAN_DSTPORT_DEFAULT } = output;
    const port = vxlanPorts(config).find(
      ({ value }) =>
        [value.remote, ...(value.remotes ?? [])].includes(remote) &&
        value.vni === vni &&
        (value.dstport ?? config.underlay.dstport) === dstport,
    );
    if (port === undefined) return [];
    const got = `remote, vni and dstport of ${pathText(port.path)}`;
    const expected = "a collector that is no port of this switch";
    const remedy =
      "its station would take mirrored frames for forwarded ones; give the collector a vni of its own";
    return [{ path: [...path, "output", "vxlan"], expected, got, remedy }];
  });
}

/** Each session has a sequence of its own, by which its collector knows what is lost. */
function duplicateSessions(config: Config): Fault[] {
  const sessions = mirrors(config).flatMap(({ path, value: { output } }) =>
    "erspan" in output ? [{ owner: path, path: [...path, "output", "session"], output }] : [],
  );
  const key = ({ output }: (typeof sessions)[number]) => `${output.erspan} ${output.session}`;
  return duplicates(sessions, key).map(({ item, first }) => ({
    path: item.path,
    expected: "a session of its own at this collector",
    got: `${item.output.session}, which ${pathText(first.owner)} has`,
  }));
}

function mixedCollectors(config: Config): Fault[] {
  return mirrors(config).flatMap(({ path, value: { output } }): Fault[] => {
    if (!("vxlan" in output) || output.local === undefined) return [];
    if (sameFamily(output.local, output.vxlan)) return [];
    const expected = `an address of the same family as ${output.vxlan}`;
    return [{ path: [...path, "output", "local"], expected, got: output.local }];
  });
}

/** Every item whose key an earlier one has, with that one. */
function duplicates<T>(items: readonly T[], key: (item: T) => string): { item: T; first: T }[] {
  const firsts = new Map<string, T>();
  return items.flatMap((item) => {
    const first = firsts.get(key(item));
    if (first === undefined) firsts.set(key(item), item);
    return first === undefined ? [] : [{ item, first }];
  });
}

function duplicateFree<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
