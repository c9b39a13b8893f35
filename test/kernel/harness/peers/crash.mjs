// Loaded into the switch in front of its own code (node --import): the clock of a forwarding thread fails, once, when the
// file named by VXSWITCH_CRASH_FILE appears. Nothing else brings such a thread down from outside.
import { existsSync, unlinkSync } from "node:fs";
import { isMainThread, workerData } from "node:worker_threads";

const file = process.env.VXSWITCH_CRASH_FILE;

if (!isMainThread && workerData?.wakeFd !== undefined && file !== undefined) {
  const now = performance.now.bind(performance);
  performance.now = () => {
    if (existsSync(file) && take(file)) throw new Error("crashed for a test");
    return now();
  };
}

/** Of several threads only one gets the file. */
function take(path) {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}
