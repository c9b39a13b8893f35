// What the VLAN words of one port demand of each other (ovs-vswitchd.conf.db(5), Port: vlan_mode).
import type { Fault, Path } from "./fault.ts";
import type { PortConfig } from "./schema.ts";

/** The contradictions among the VLAN words of the port at `path`. */
export function vlanFaults(path: Path, port: PortConfig): Fault[] {
  const { tag, trunks, vlan_mode: mode } = port;
  const innerVlan = port.type === "vxlan" ? port.inner_vlan : undefined;
  const fault = (key: string, expected: string, got: string, remedy?: string): Fault => {
    return { path: [...path, key], expected, got, atKey: true, ...(remedy && { remedy }) };
  };
  if (mode === undefined) {
    if (tag !== undefined && trunks !== undefined)
      return [
        fault("trunks", "vlan_mode beside tag and trunks", "both without it", "native-untagged has both"),
      ];
  } else if (mode === "trunk") {
    if (tag !== undefined)
      return [fault("tag", "no tag at a trunk", String(tag), "vlan_mode: native-untagged has one")];
  } else if (tag === undefined) {
    return [fault("vlan_mode", `a tag beside vlan_mode ${mode}`, "none")];
  } else if (mode === "access" && trunks !== undefined) {
    return [fault("trunks", "no trunks at an access port", trunks.join(", "))];
  }
  const isTrunk = trunks !== undefined || (mode !== undefined && mode !== "access");
  if (innerVlan !== undefined && innerVlan !== "pass" && isTrunk)
    return [fault("inner_vlan", "pass at a trunk, whose frames have tags", innerVlan)];
  return [];
}
