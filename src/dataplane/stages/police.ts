// Between inspect and learn, where a port has a bound on what it may send, or is quarantined: frames beyond it are dropped
// as if they had never come. They teach nothing and no mirror sees them (ingress policing, as tc-police(8) does it for Open vSwitch).
import { Drop } from "../drop-reason.ts";
import * as layout from "../frames.ts";
import * as policy from "../policy.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { DROPPED_PORT, FRAME_LENGTH, FRAME_PORT, FRAME_SHIFT } = layout;
const { POLICY_POLICED, POLICY_QUARANTINED } = policy;

const { policed, quarantined } = Drop;

export function createPolice(tables: Tables): (count: number) => void {
  const { frames, drops, portPolicy, meters } = tables;

  return (count) => {
    let runPort = DROPPED_PORT;
    let isPoliced = false;
    let isQuarantined = false;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      if (port !== runPort) {
        runPort = port;
        isPoliced = (portPolicy[port] & POLICY_POLICED) !== 0;
        isQuarantined = (portPolicy[port] & POLICY_QUARANTINED) !== 0;
        if (isPoliced) meters.refill(port);
      }
      if (!isQuarantined && (!isPoliced || meters.take(port, frames[at + FRAME_LENGTH]))) continue;
      drops.drop(at, port, isQuarantined ? quarantined : policed);
    }
  };
}
