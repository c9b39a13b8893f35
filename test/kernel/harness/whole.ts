// Whether super-frames can leave whole here: by a TAP with tunnel offloads and a BPF redirect.
import { release } from "node:os";
import { isBelow } from "../../../src/control/doctor/kernel-release.ts";
import { inUserNamespace } from "../../../src/control/lab/privilege.ts";

/** Linux 6.17 has the offloads; BPF is not for user namespaces. */
export function takesSuperFrames(): boolean {
  return !isBelow(release(), [6, 17]) && !inUserNamespace();
}
