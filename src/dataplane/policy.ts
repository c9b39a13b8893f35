// What a port may do in its bridge, in the words of bridge(8), and as the bits that forwarding looks at. No bit is set at
// a port that may do everything.

export interface PortPolicy {
  /** Exchanges no frames with other isolated ports. */
  readonly isolated: boolean;
  /** Source addresses that are seen here are learnt. Off: what is known of them stays, and ages. */
  readonly learning: boolean;
  /** Takes copies of frames whose destination nobody has learnt. */
  readonly flood: boolean;
  /** Takes copies of broadcasts. */
  readonly bcastFlood: boolean;
  /** Takes copies of multicasts other than broadcasts. */
  readonly mcastFlood: boolean;
}

export const OPEN_POLICY: PortPolicy = {
  isolated: false,
  learning: true,
  flood: true,
  bcastFlood: true,
  mcastFlood: true,
};

export const POLICY_ISOLATED = 1;
export const POLICY_NO_LEARNING = 2;
export const POLICY_NO_FLOOD = 4;
export const POLICY_NO_BCAST_FLOOD = 8;
export const POLICY_NO_MCAST_FLOOD = 16;

export function policyBits({ isolated, learning, flood, bcastFlood, mcastFlood }: PortPolicy): number {
  return (
    (isolated ? POLICY_ISOLATED : 0) |
    (learning ? 0 : POLICY_NO_LEARNING) |
    (flood ? 0 : POLICY_NO_FLOOD) |
    (bcastFlood ? 0 : POLICY_NO_BCAST_FLOOD) |
    (mcastFlood ? 0 : POLICY_NO_MCAST_FLOOD)
  );
}
