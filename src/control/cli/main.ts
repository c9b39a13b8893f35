#!/usr/bin/env node
// The program `vxswitch`. This file asks for the right Node.js before anything is loaded that needs it.
import type { OpenDataplane } from "../daemon.ts";
import { isNodeTooOld, NODE_MIN_TEXT } from "../node-version.ts";
import type { Io } from "./io.ts";

/** Loaded only by `run`, as what `doctor` tries is by that: no other command needs the addon. */
const open: OpenDataplane = async (options) => {
  const { openDataplane } = await import("../../dataplane/dataplane.ts");
  return openDataplane(options);
};

const io: Io = {
  out: (text) => void process.stdout.write(text),
  outBytes: (bytes) => new Promise((resolve) => process.stdout.write(bytes, () => resolve())),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  signals: process,
  terminal: () =>
    process.stdin.isTTY && process.stdout.isTTY ? { input: process.stdin, output: process.stdout } : null,
  exit: (code) => process.exit(code),
  open,
  abilities: async (ports, daemonPid) => {
    const { probeAbilities } = await import("../../dataplane/inventory/abilities.ts");
    return probeAbilities(ports, daemonPid);
  },
  host: async (question) => {
    const { readHost } = await import("../doctor/host.ts");
    return readHost(question);
  },
};

async function main(): Promise<void> {
  if (isNodeTooOld(process.versions.node)) {
    io.err(
      `vxswitch: needs Node.js ${NODE_MIN_TEXT} or newer, this is ${process.versions.node}; install a newer one\n`,
    );
    process.exitCode = 1;
    return;
  }
  // `vxswitch show fdb | head` closes our output early, which is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  // A daemon goes on when whoever read its log has gone.
  process.stderr.on("error", () => undefined);
  const { runCli } = await import("./program.ts");
  const code = await runCli(process.argv.slice(2), io);
  if (code !== 0) process.exitCode = code;
}

await main();
