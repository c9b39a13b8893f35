// The switches that are compared, in the order of the report's columns. The first one is what the others are measured by.

import { cLoop } from "./c-loop.ts";
import { dgram } from "./dgram.ts";
import { kernelBridge } from "./kernel-bridge.ts";
import { openVswitch } from "./ovs.ts";
import type { PeerKind } from "./peer.ts";
import { rawSocketCap } from "./raw-socket-cap.ts";
import { vxswitch, vxswitchWith } from "./vxswitch.ts";

export const PEERS: readonly PeerKind[] = [
  kernelBridge,
  openVswitch("ovs-afxdp", "afxdp"),
  openVswitch("ovs-afpacket", "system"),
  dgram,
  rawSocketCap,
  vxswitch("udp"),
  vxswitch("ring"),
  vxswitchWith("vxswitch-ring-spin", { io: "ring", spin: "always" }, [
    "round-trip",
    "round-trip-load",
    "round-trip-150",
  ]),
  cLoop,
];
