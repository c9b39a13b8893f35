// A plan for people: what `apply --dry-run` prints. `+` arrives, `-` leaves, `~` changes in place, one thing a line.
import type { Impairment } from "../dataplane/cables/impairment.ts";
import { impairmentText, impairmentWords } from "../dataplane/cables/impairment-words.ts";
import type { BridgeSpec, Change, MirrorSpec, PortSpec, VxlanPortSpec } from "../dataplane/spec.ts";
import { EMPTY_SWITCH, type SwitchSpec } from "./config/specs.ts";
import { boundAddressText } from "./config/values.ts";
import { keyOf } from "./key.ts";
import { outerWords, unusualOuter } from "./outer-words.ts";
import { policyWords, unusualPolicy } from "./policy-words.ts";

/** A word of the configuration and its value; "" = not set. */
type Words = Readonly<Record<string, string>>;

/** One line a change, in the order in which they would be applied. `old` is what they start from. */
export function planText(old: SwitchSpec | null, changes: readonly Change[]): string[] {
  return changes.map((change) => changeText(old ?? EMPTY_SWITCH, change));
}

function changeText(old: SwitchSpec, change: Change): string {
  switch (change.op) {
    case "add-bridge":
      return `+ bridge ${change.bridge.name} ${inWords(bridgeWords(change.bridge))}`;
    case "set-bridge": {
      const from = old.bridges.find(({ name }) => name === change.bridge.name);
      return `~ bridge ${change.bridge.name} ${steps(from && bridgeWords(from), bridgeWords(change.bridge))}`;
    }
    case "del-bridge":
      return `- bridge ${change.bridge}`;
    case "add-port":
      return `+ port ${keyOf(change.port)} ${change.port.type} ${inWords(portWords(change.port))}`.trimEnd();
    case "set-port": {
      const from = old.ports.find((port) => keyOf(port) === keyOf(change.port));
      return `~ port ${keyOf(change.port)} ${steps(from && portWords(from), portWords(change.port))}`;
    }
    case "del-port":
      return `- port ${keyOf(change)}`;
    case "add-mirror":
      return `+ mirror ${keyOf(change.mirror)} ${inWords(mirrorWords(change.mirror))}`;
    case "set-mirror": {
      const from = old.mirrors.find((mirror) => keyOf(mirror) === keyOf(change.mirror));
      return `~ mirror ${keyOf(change.mirror)} ${steps(from && mirrorWords(from), mirrorWords(change.mirror))}`;
    }
    case "del-mirror":
      return `- mirror ${keyOf(change)}`;
  }
}

function bridgeWords({ ageingSeconds, addressesMax, ...options }: BridgeSpec): Words {
  const { forwardsBpdu, loopGuardSeconds, snoopsMulticast } = options;
  return {
    ageing: `${ageingSeconds}s`,
    maxaddress: String(addressesMax),
    forward_bpdu: forwardsBpdu ? "" : "false",
    loop_guard: loopGuardSeconds === 0 ? "" : `${loopGuardSeconds}s`,
    mcast_snooping: snoopsMulticast ? "true" : "",
  };
}

function portWords(port: PortSpec): Words {
  const fdb = port.fdb.map(boundAddressText).join(",");
  const [impair_in, impair_out] = [cableText(port.impairIn), cableText(port.impairOut)];
  const common = { ...unusualPolicy(policyWords(port.policy)), impair_in, impair_out, fdb };
  if (port.type === "tap") {
    const mtu = port.mtuBytes === null ? "" : String(port.mtuBytes);
    return { address: port.addresses.join(","), mtu, ...common };
  }
  const { vni, local, dstport } = port;
  const far = farSideWords(port);
  const outer = unusualOuter(outerWords(port.outer));
  return { vni: String(vni), ...far, local: local ?? "", dstport: String(dstport), ...outer, ...common };
}

function farSideWords({ remotes, group, any }: VxlanPortSpec): Words {
  const words = { group: group?.address ?? "", dev: group?.dev ?? "", allow: any?.allow.join(",") ?? "" };
  const bounds = any && { max_vteps: String(any.vtepsMax), idle: `${any.idleSeconds}s` };
  return { remote: any === null ? remotes.join(",") : "any", ...words, ...bounds };
}

function cableText(impairment: Impairment | null): string {
  return impairmentText(impairment && impairmentWords(impairment));
}

/** What a mirror selects and where to, in the words of the configuration. */
export function mirrorWords(mirror: MirrorSpec): Words {
  return {
    select_all: mirror.selectAll ? "true" : "",
    select_src_port: mirror.selectSrcPorts.join(","),
    select_dst_port: mirror.selectDstPorts.join(","),
    select_vlan: mirror.selectVlans.join(","),
    filter: mirror.filter === null ? "" : JSON.stringify(mirror.filter.expression),
    sample: mirror.sampleEvery === 1 ? "" : String(mirror.sampleEvery),
    snaplen: mirror.snaplenBytes === 0 ? "" : String(mirror.snaplenBytes),
    output: inWords(outputWords(mirror.output)),
  };
}

function outputWords(output: MirrorSpec["output"]): Words {
  switch (output.type) {
    case "tap":
      return { tap: output.device };
    case "pcapng": {
      const rotation = { rotate_bytes: String(output.rotateBytes), files: String(output.filesMax) };
      return { pcapng: output.path, ...(output.rotateBytes > 0 && rotation) };
    }
    case "vxlan": {
      const { remote, vni, dstport, local } = output;
      return { vxlan: remote, vni: String(vni), dstport: String(dstport), local: local ?? "" };
    }
    case "erspan": {
      const { remote, session, index, local } = output;
      const unusual = { index: index === 0 ? "" : String(index), local: local ?? "" };
      return { erspan: remote, session: String(session), ...unusual };
    }
  }
}

/** `vni 4100 remote 10.0.0.1`, without what is not set. */
function inWords(words: Words): string {
  const set = Object.entries(words).filter(([, value]) => value !== "");
  return set.map(([word, value]) => `${word} ${value}`).join(" ");
}

/** `vni 4100 -> 4101`, what differs alone. */
function steps(from: Words | undefined, to: Words): string {
  const changed = Object.entries(to).filter(([word, value]) => from?.[word] !== value);
  return changed.map(([word, value]) => `${word} ${from?.[word] || "none"} -> ${value || "none"}`).join(", ");
}
