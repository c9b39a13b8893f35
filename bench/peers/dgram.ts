// A naive switch on Node's own UDP sockets: what vxswitch would be without its addon.

import { fileURLToPath } from "node:url";
import { SWITCH } from "../lab.ts";
import { isInstalled } from "../process.ts";
import { BASELINE_MEASURES, lacksAnyLayout, type PeerKind } from "./peer.ts";
import { startProgram } from "./program.ts";

const PROGRAM = fileURLToPath(new URL("dgram-switch.js", import.meta.url));

export const dgram: PeerKind = {
  name: "dgram",
  measures: BASELINE_MEASURES,
  obstacle: () => (isInstalled("ethtool") ? undefined : "not installed: apt-get install ethtool"),
  lacks: lacksAnyLayout,
  start: () => startProgram(PROGRAM, [SWITCH.underlay]),
};
