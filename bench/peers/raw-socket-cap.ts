// A switch on npm's packages `raw-socket` and `cap`, which neither compile everywhere nor are maintained: installed by hand,
// see bench/baseline.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { CLIENT1, CLIENT2, SWITCH } from "../lab.ts";
import { ROOT } from "../root.ts";
import { BASELINE_MEASURES, lacksAnyLayout, type PeerKind } from "./peer.ts";
import { startProgram } from "./program.ts";

const DIRECTORY = join(ROOT, "bench/baseline");
const ADDONS = ["raw-socket/build/Release/raw.node", "cap/build/Release/cap.node"];
const REMEDY = "not installed: apt-get install libpcap-dev ethtool && npm ci --prefix bench/baseline";

export const rawSocketCap: PeerKind = {
  name: "npm-raw-socket-cap",
  measures: BASELINE_MEASURES,
  obstacle: () =>
    ADDONS.every((addon) => existsSync(join(DIRECTORY, "node_modules", addon))) ? undefined : REMEDY,
  lacks: lacksAnyLayout,
  start: () =>
    startProgram(join(DIRECTORY, "switch.mjs"), [
      SWITCH.underlay,
      [CLIENT1.uplink, CLIENT2.uplink].join(","),
    ]),
};
