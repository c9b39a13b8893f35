// Who is in the lab and with which addresses. The default is the one that this switch exists for:
//
//    vxlab-client1                                                       vxlab-client2
//    vxlan0 192.168.0.1/24                                               vxlan0 192.168.0.2/24
//      ┊ VNI 4100                                                          ┊ VNI 4100
//    eth0 10.122.0.22/16                                                 eth0 10.122.3.152/16
//      └───── client1 ┐              vxlab-campus               ┌ client2 ─────┘
//                     └─────────────── campus ──────────────────┘
//                                        │ (the kernel's bridge)
//                                        └ test
//                                           │
//                                    eth0 10.122.1.103/16
//                             vxlan ports ┊ client1, client2
//                                    vxswitch, bridge br0
//                                           │
//                                    br0 192.168.0.103/24 (a TAP: the switch's own leg)
//                                        vxlab-test
//
// Lines are veth pairs, dotted lines are VXLAN. Every namespace has its loopback up, and no device anywhere has an
// offload changed.

export interface LabOptions {
  /** Prepended to the name of every namespace; `vxlab-` unless given. */
  readonly prefix?: string;
  /** MTU of every veth end and of the campus bridge; 1500 unless given. */
  readonly underlayMtuBytes?: number;
  /** The two clients of the scenario unless given. */
  readonly clients?: readonly ClientSpec[];
  /** The host that carries the switch. */
  readonly test?: TestSpec;
}

export interface ClientSpec {
  readonly name: string;
  /** Its `eth0`, as `10.122.0.22/16`. */
  readonly underlay: string;
  readonly cables: readonly CableSpec[];
}

/** A virtual cable to the switch: one vxlan device of the client's kernel. */
export interface CableSpec {
  readonly device: string;
  readonly vni: number;
  /** The overlay addresses, as `192.168.0.1/24` or `fd00::1/64`. */
  readonly addresses: readonly string[];
  /** The kernel chooses one unless given. */
  readonly mac?: string;
}

export interface TestSpec {
  readonly underlay: string;
  /** What the switch's own leg is to be given; the lab itself gives it to nobody. */
  readonly addresses: readonly string[];
}

const SCENARIO_VNI = 4100;
export const VXLAN_PORT = 4789;
export const LAB_PREFIX = "vxlab-";
export const UNDERLAY_MTU_BYTES = 1500;

export const SCENARIO_TEST: TestSpec = { underlay: "10.122.1.103/16", addresses: ["192.168.0.103/24"] };

/** The clients of the scenario by number, from 1; those beyond the second are its continuation. */
export function scenarioClient(number: number, changes: Partial<ClientSpec> = {}): ClientSpec {
  const underlay = ["10.122.0.22/16", "10.122.3.152/16"][number - 1] ?? `10.122.4.${number}/16`;
  return { name: `client${number}`, underlay, cables: [scenarioCable(number)], ...changes };
}

/** The cable of a client by number, from 1. */
export function scenarioCable(number: number, changes: Partial<CableSpec> = {}): CableSpec {
  return { device: "vxlan0", vni: SCENARIO_VNI, addresses: [`192.168.0.${number}/24`], ...changes };
}

/** `10.122.0.22/16` without its prefix length. */
export function addressOf(cidr: string): string {
  return cidr.split("/")[0];
}
