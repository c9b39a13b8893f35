// Which Node.js this program runs on. Imports nothing, so that it can be asked before anything is loaded.

const NODE_MIN = [20, 19] as const;

/** `20.19` */
export const NODE_MIN_TEXT = NODE_MIN.join(".");

/** Whether a version such as `20.18.1` is below the minimum. */
export function isNodeTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
}
