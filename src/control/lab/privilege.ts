// What the lab needs of the system, and the sentence to say where it is missing. Without root, a user namespace in which
// the caller is root does as well: `lab demo` starts itself again in one.
import { accessSync, constants, readFileSync } from "node:fs";
import { Refusal } from "../refusal.ts";
import { outcome, run, start } from "./command.ts";

const TUN_DEVICE = "/dev/net/tun";
/** Tells the program that it was started by `enterUserNamespace`. */
const INSIDE_VARIABLE = "VXSWITCH_LAB_USER_NAMESPACE";
const UNSHARE = ["--user", "--map-root-user", "--net", "--mount"];
/** How many user IDs the machine's own user namespace maps: all there are. */
const ALL_IDS = "4294967295";
const EXIT_KILLED = 128;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** True in a user namespace, where being root does not reach as far as on the machine itself. */
export function inUserNamespace(): boolean {
  return !readFileSync("/proc/self/uid_map", "utf8").trim().endsWith(ALL_IDS);
}

/** Refuses where network namespaces, a private mount table or TAP devices cannot be made. */
export async function requireLabPrivileges(): Promise<void> {
  if (!isRoot()) throw new Refusal("the lab makes network namespaces, which takes root: run it with sudo");
  const { code, stderr } = await outcome("unshare", ["--net", "--mount", "true"]);
  if (code !== 0) {
    const remedy = "in a container, start it with --privileged";
    throw new Refusal(`network namespaces cannot be made here (${stderr.trim()}): ${remedy}`);
  }
  requireTun();
}

/**
 * Runs this same command again as root of a user namespace of its own, and ends this process with its exit code.
 * Refuses where the system does not allow that.
 */
export async function enterUserNamespace(): Promise<never> {
  const { code, stderr } = await outcome("unshare", [...UNSHARE, "true"]);
  if (code !== 0) {
    const remedies =
      "run it with sudo, or allow them: sysctl kernel.unprivileged_userns_clone=1 (Debian), " +
      "sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), --privileged (containers)";
    throw new Refusal(`user namespaces are not allowed to you here (${stderr.trim()}): ${remedies}`);
  }
  requireTun();
  const command = [process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [INSIDE_VARIABLE]: "1" };
  const child = start("unshare", [...UNSHARE, ...command], { stdio: "inherit", env });
  // The child cleans up and ends by itself; this process only waits for it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  const exitCode = await new Promise<number>((resolve) => {
    child.on("exit", (childCode) => resolve(childCode ?? EXIT_KILLED));
  });
  process.exit(exitCode);
}

/** The first thing to do inside: `ip netns` keeps its names in /run/netns, which only the machine's root may write. */
export async function prepareUserNamespace(): Promise<void> {
  if (process.env[INSIDE_VARIABLE] === undefined) return;
  await run("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
}

function requireTun(): void {
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES")
      throw new Refusal(
        `${TUN_DEVICE} may not be opened by you: run it with sudo, or sudo chmod 666 ${TUN_DEVICE}`,
      );
    throw new Refusal(`${TUN_DEVICE} is missing: modprobe tun (in a container: --device ${TUN_DEVICE})`);
  }
}
