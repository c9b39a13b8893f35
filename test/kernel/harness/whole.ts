// Whether super-frames can leave whole here: by a TAP with tunnel offloads and a BPF redirect.
import { release } from "node:os";
import { inUserNamespace } from "../../../src/control/lab/privilege.ts";

/** Linux 6.17 has the offloads; BPF is not for user namespaces. */
export function takesSuperFrames(): boolean {
  const [major, minor] = release().split(".").map(Number);
  return (major > 6 || (major === 6 && minor >= 17)) && !inUserNamespace();
}
