// The kernel's own switch, the measure of everything: a bridge with one vxlan device per client.

import { CLIENT1, CLIENT2, inside, ip, SWITCH } from "../lab.ts";
import { run } from "../process.ts";
import type { PeerKind } from "./peer.ts";

export const kernelBridge: PeerKind = {
  name: "kernel-bridge",
  obstacle: () => undefined,
  async start() {
    ip(SWITCH.namespace, ["link add br0 type bridge", "link set br0 up"]);
    for (const client of [CLIENT1, CLIENT2]) {
      const device = `vxlan${client.vni}`;
      ip(SWITCH.namespace, [
        `link add ${device} type vxlan id ${client.vni} dstport 4789 remote ${client.underlay} local ${SWITCH.underlay} dev ${client.uplink}`,
        `link set ${device} master br0 up`,
      ]);
      steerPackets(client.uplink);
    }
    return { pids: [], stop: async () => undefined };
  },
};

/** Receive packet steering over the first two cores: without it all work is done on the sender's core. */
function steerPackets(device: string): void {
  const script = `for queue in /sys/class/net/${device}/queues/rx-*/rps_cpus; do echo 3 > $queue; done`;
  run(inside(SWITCH.namespace, ["sh", "-c", script]));
}
