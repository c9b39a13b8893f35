// A second of a switch with three ports, as /v1/rates tells it.
import type { Rates } from "../../src/control/top/rows.ts";
import type { Look } from "../../src/control/top/state.ts";

const QUIET = { rx_packets: 0, rx_bytes: 0, tx_packets: 0, tx_bytes: 0, rx_errors: 0, drops: 0, held: 0 };
const PORT = { bridge: "br0", type: "vxlan", state: "up", reason: "", device: "eth0" } as const;
const GIGABIT = { speed_bits_per_second: 1e9 };

function minute(port: string, rx: number[], tx: number[]) {
  return { bridge: "br0", port, rx_packets: rx, tx_packets: tx };
}

export const RATES: Rates = {
  version: "0.1.0",
  time: "2026-11-27T12:00:00.000Z",
  uptime_seconds: 93_784,
  sample: 93_000,
  interval_seconds: 1,
  alive: true,
  workers: [{ alive: true }, { alive: true }],
  worker_restarts: 0,
  total: { rx_packets: 123_459, rx_bytes: 125e6, tx_packets: 123_456, tx_bytes: 12_345_000, drops: 3 },
  underlay: {
    io: "udp",
    receive_queue_bytes: 2048,
    rates: { rx_packets: 123_456, rx_overruns: 0.5, rx_errors: 1, drops: 1 },
    drops: { vxlan_flags: 1 },
  },
  bridges: [
    {
      bridge: "br0",
      rates: {
        fdb_learned: 1,
        fdb_moved: 0,
        fdb_expired: 0,
        fdb_evicted: 0,
        flood_copies: 2,
        fdb_entries: 12,
      },
    },
  ],
  ports: [
    {
      ...{ ...PORT, ...GIGABIT, port: "client1", ifutil_percent: 98.765 },
      rates: { ...QUIET, rx_packets: 123_456, rx_bytes: 124_000_000, tx_packets: 3, tx_bytes: 1024 },
      drops: {},
    },
    {
      ...{ ...PORT, ...GIGABIT, port: "client2", ifutil_percent: 9.876, state: "down", reason: "no route" },
      rates: { ...QUIET, rx_packets: 3, rx_bytes: 1024, tx_packets: 123_453, tx_bytes: 12_345_000, drops: 2 },
      drops: { too_big: 2, policed: 0 },
    },
    {
      ...{ ...PORT, port: "tap", type: "tap", device: "tap", ifutil_percent: null },
      speed_bits_per_second: null,
      rates: { ...QUIET, rx_packets: null, held: 7 },
      drops: {},
    },
  ],
  mirrors: [
    {
      ...{ bridge: "br0", mirror: "m0", state: "up", queue_bytes: 4096 },
      rates: { packets: 10, bytes: 1000, drops: 0 },
    },
  ],
  sparklines: [
    minute("client1", [0, 1, 50, 100], [0, 0, 0, 0]),
    minute("client2", [0, 0, 0, 0], [0, 0, 0, 0]),
    minute("tap", [10, 20, 40, 80], [10, 20, 40, 80]),
  ],
};

export const LOOK: Look = {
  rates: RATES,
  detail: null,
  talkers: {
    seconds: 10,
    sampled_frames: 100,
    bytes_error_max: 0,
    talkers: [
      {
        ...{ bridge: "br0", vlan: 10, source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" },
        ...{ packets: 1234.5, bytes: 1_250_000 },
      },
    ],
  },
};
