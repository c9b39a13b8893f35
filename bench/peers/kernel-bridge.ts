// The kernel's own switch, the measure of everything: a bridge with one vxlan device per client. Further VTEPs are remotes
// of a third device, which replicates to all of them: the kernel allows no two devices with one VNI.

import { CLIENT1, CLIENT2, EXTRA, inside, ip, SWITCH } from "../lab.ts";
import { run } from "../process.ts";
import type { PeerKind } from "./peer.ts";

export const kernelBridge: PeerKind = {
  name: "kernel-bridge",
  obstacle: () => undefined,
  lacks: ({ mirror, traceGarbage }) =>
    mirror ? "the bridge has no mirror" : traceGarbage ? "collects no garbage" : undefined,
  async start({ extraPorts = 0 }) {
    ip(SWITCH.namespace, ["link add br0 type bridge", "link set br0 up"]);
    for (const client of [CLIENT1, CLIENT2]) {
      addDevice(client.vni, client.underlay, client.uplink);
      steerPackets(client.uplink);
    }
    if (extraPorts > 0) addExtra(extraPorts);
    return { pids: [], stop: async () => undefined };
  },
};

function addDevice(vni: number, remote: string, uplink: string): void {
  const device = `vxlan${vni}`;
  ip(SWITCH.namespace, [
    `link add ${device} type vxlan id ${vni} dstport 4789 remote ${remote} local ${SWITCH.underlay} dev ${uplink}`,
    `link set ${device} master br0 up`,
  ]);
}

function addExtra(count: number): void {
  addDevice(EXTRA.vni, EXTRA.underlay(0), CLIENT2.uplink);
  const lines = Array.from(
    { length: count - 1 },
    (_, index) =>
      `fdb append 00:00:00:00:00:00 dev vxlan${EXTRA.vni} dst ${EXTRA.underlay(index + 1)} self permanent\n`,
  );
  run(["bridge", "-n", SWITCH.namespace, "-batch", "-"], lines.join(""));
}

/** Receive packet steering over the first two cores: without it all work is done on the sender's core. */
function steerPackets(device: string): void {
  const script = `for queue in /sys/class/net/${device}/queues/rx-*/rps_cpus; do echo 3 > $queue; done`;
  run(inside(SWITCH.namespace, ["sh", "-c", script]));
}
