// The shapes that `vxswitch show … --json` promises, as far as tests read them.

export interface FdbRow {
  bridge: string;
  vlan: number;
  mac: string;
  port: string;
  remote: string | null;
  vni: number | null;
  age_seconds: number;
  static: boolean;
}

export interface PortRow {
  bridge: string;
  port: string;
  type: string;
  state: string;
  reason: string;
  mtu: number;
  rx_packets: number;
  tx_packets: number;
}

export interface MirrorRow {
  bridge: string;
  mirror: string;
  state: string;
  packets: number;
  drops: { queue: number; output: number };
}
