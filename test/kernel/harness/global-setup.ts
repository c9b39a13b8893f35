// Before and after all kernel tests: the machine can run them and the program is built, or the run fails and says why;
// what a killed run has left is removed.
import { existsSync } from "node:fs";
import { run } from "../../../src/control/lab/command.ts";
import { Host, removeLeftovers, runPrefix } from "../../../src/control/lab/host.ts";
import { requireLabPrivileges } from "../../../src/control/lab/privilege.ts";
import { LAB_FAMILY, PROGRAM } from "./kernel-lab.ts";

const TOOLS = ["ping", "tcpdump", "tshark", "ethtool", "promtool", "setpriv", "cc", "chromium"];

export async function setup(): Promise<void> {
  try {
    await requireLabPrivileges();
    await requireTools();
    await requireVxlan();
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: npm run build`);
  } catch (error) {
    const line = "=".repeat(80);
    const why = (error as Error).message;
    throw new Error(`\n${line}\nTHE KERNEL TESTS CANNOT RUN ON THIS MACHINE\n${why}\n${line}`);
  }
  await removeLeftovers(LAB_FAMILY);
}

export async function teardown(): Promise<void> {
  await removeLeftovers(LAB_FAMILY);
}

async function requireTools(): Promise<void> {
  for (const tool of TOOLS) {
    await run("which", [tool]).catch(() => {
      throw new Error(`${tool} is not installed: scripts/setup`);
    });
  }
}

async function requireVxlan(): Promise<void> {
  const host = new Host("probe", `${runPrefix(LAB_FAMILY)}probe`);
  try {
    await host.ensure();
    await host.ip("link", "add", "vxlan0", "type", "vxlan", "id", "1", "dstport", "4789");
  } finally {
    await host.remove();
  }
}
