// Our switch with all that the machine offers beside UDP sockets.

import { vxswitch } from "./vxswitch.ts";

export const vxswitchAuto = vxswitch("auto");
