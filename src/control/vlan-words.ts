// The VLANs of a port in the words of the configuration: the data plane's form from the file's, and back.
import { type InnerVlan, OPEN_VLAN, type PortVlan, type VlanMode } from "../dataplane/port-vlans.ts";

/** As `show ports --json` has them. */
export interface VlanWords {
  readonly vlan_mode: VlanMode;
  /** null where the port has no VLAN of its own. */
  readonly tag: number | null;
  /** Empty = all. */
  readonly trunks: readonly number[];
  readonly inner_vlan: InnerVlan;
}

interface Given {
  readonly vlan_mode?: VlanMode | undefined;
  readonly tag?: number | undefined;
  readonly trunks?: readonly number[] | undefined;
  readonly inner_vlan?: InnerVlan | undefined;
}

/** Without `vlan_mode` a tag makes an access port, as in Open vSwitch. */
export function vlanOf({ vlan_mode: mode, tag, trunks, inner_vlan: innerVlan }: Given): PortVlan {
  return {
    mode: mode ?? (tag === undefined ? OPEN_VLAN.mode : "access"),
    tag: tag ?? OPEN_VLAN.tag,
    trunks: trunks ?? OPEN_VLAN.trunks,
    innerVlan: innerVlan ?? OPEN_VLAN.innerVlan,
  };
}

export function vlanWords({ mode, tag, trunks, innerVlan }: PortVlan): VlanWords {
  return { vlan_mode: mode, tag: tag === 0 ? null : tag, trunks, inner_vlan: innerVlan };
}

/** "" for what is as usual; the mode of a trunk or access port shows in its other words. */
export function unusualVlan(words: VlanWords): Record<keyof VlanWords, string> {
  return {
    tag: String(words.tag ?? ""),
    trunks: words.trunks.join(","),
    vlan_mode: words.vlan_mode.startsWith("native") ? words.vlan_mode : "",
    inner_vlan: words.inner_vlan === OPEN_VLAN.innerVlan ? "" : words.inner_vlan,
  };
}
