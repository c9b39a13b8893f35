// The switches that are compared, in the order of the report's columns. The first one is what the others are measured by.

import { kernelBridge } from "./kernel-bridge.ts";
import type { PeerKind } from "./peer.ts";
import { vxswitchAuto } from "./vxswitch-auto.ts";
import { vxswitchUdp } from "./vxswitch-udp.ts";

export const PEERS: readonly PeerKind[] = [kernelBridge, vxswitchUdp, vxswitchAuto];
