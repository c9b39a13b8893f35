// Traffic that is none of the switch's: from the first client to the switch's host, by a device from which the switch
// receives. What a switch costs others is seen beside the kernel's bridge, which takes nothing of it in hand.

import { iperf, iperfObstacle, SWITCH_HOST } from "./iperf.ts";
import type { Measure } from "./measure.ts";

const PAYLOAD_BYTES = 64;

export const hostTcp: Measure = {
  name: "host-tcp",
  title: "TCP to the switch's host, 1 stream",
  obstacle: iperfObstacle,
  run: async ({ seconds }) => {
    const { sum_received } = await iperf(seconds, ["-P", "1"], SWITCH_HOST);
    const value = sum_received.bits_per_second / 1e9;
    return [{ title: hostTcp.title, unit: "Gb/s", digits: 2, better: "more", value }];
  },
};

export const hostUdp: Measure = {
  name: "host-udp",
  title: `UDP to the switch's host, ${PAYLOAD_BYTES} bytes a datagram`,
  obstacle: iperfObstacle,
  run: async ({ seconds }) => {
    const options = ["-u", "-b", "0", "-l", String(PAYLOAD_BYTES)];
    const { sum_received } = await iperf(seconds, options, SWITCH_HOST);
    const value = sum_received.bits_per_second / (8 * PAYLOAD_BYTES) / 1000;
    return [{ title: hostUdp.title, unit: "kpps", digits: 0, better: "more", value }];
  },
};
