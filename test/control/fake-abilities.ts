// A machine that has everything, for tests to take away from.
import type { Abilities } from "../../src/dataplane/inventory/abilities.ts";

const MEBIBYTE = 1 << 20;

export const EVERYTHING: Abilities = {
  kernel: "6.18.44-generic",
  nodeVersion: "22.4.1",
  processors: 4,
  capabilities: { pid: 4711, held: ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"] },
  addon: null,
  udpPort: { port: 4789, attempt: null, holder: null },
  receiveBuffer: {
    attempt: null,
    wantedBytes: 32 * MEBIBYTE,
    grantedBytes: 32 * MEBIBYTE,
    limitBytes: 212_992,
  },
  udpSegment: null,
  udpGro: null,
  tap: null,
  classifier: null,
  link: null,
  ring: null,
  tunnel: null,
  trains: null,
};
