// What the forwarding core would be in C: vxswitch's own sockets, rings, paths and loop around bench/c-loop/core.c. It tells
// what TypeScript costs, and nothing else: it is no switch that anyone should run.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCore } from "../c-loop/core.ts";
import { SWITCH } from "../lab.ts";
import { ROOT } from "../root.ts";
import { lacksAnyLayout, type PeerKind } from "./peer.ts";
import { startProgram } from "./program.ts";

const PROGRAM = fileURLToPath(new URL("c-loop-switch.js", import.meta.url));
/** The modules of the very build that it is compared with. */
const DATAPLANE = join(ROOT, "dist/dataplane");

let core: string | undefined;

export const cLoop: PeerKind = {
  name: "c-loop",
  measures: ["frames-64-1", "frames-64-64", "frames-1400-64", "frames-alternating-64", "frames-imix-64"],
  obstacle: () => (existsSync(DATAPLANE) ? undefined : "not built: run `npm run build`"),
  lacks: lacksAnyLayout,
  start: () => {
    core ??= buildCore(ROOT);
    return startProgram(PROGRAM, [DATAPLANE, core, SWITCH.underlay], { completes: true });
  },
};
