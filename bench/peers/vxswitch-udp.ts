// Our switch on plain UDP sockets.

import { vxswitch } from "./vxswitch.ts";

export const vxswitchUdp = vxswitch("udp");
