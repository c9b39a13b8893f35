// A machine that has everything, for tests to take away from.
import type { DeviceFacts } from "../../src/control/doctor/devices.ts";
import type { Abilities } from "../../src/dataplane/inventory/abilities.ts";

const MEBIBYTE = 1 << 20;

export const EVERYTHING: Abilities = {
  kernel: "6.18.44-generic",
  nodeVersion: "22.4.1",
  processors: 4,
  capabilities: { pid: 4711, held: ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"] },
  addon: null,
  udpPorts: [{ port: 4789, attempt: null, holder: null }],
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

const ON = { active: true, fixed: false, requested: true };

/** And the device by which its datagrams come and go. */
export const CARD: DeviceFacts = {
  device: "eth0",
  kind: null,
  queuesWithRps: [true, true],
  features: {
    "tx-checksumming": { active: true, fixed: null, requested: null },
    "tx-checksum-ip-generic": ON,
    "tx-checksum-ipv4": { active: false, fixed: true, requested: false },
    "tx-checksum-ipv6": { active: false, fixed: true, requested: false },
    "generic-receive-offload": ON,
    "tx-udp_tnl-segmentation": ON,
  },
  featuresWhy: "",
};
