// The UNIX socket that the command line talks to: root and its group only, never two daemons on one.
import { lstatSync, mkdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Log } from "../log.ts";
import { Refusal } from "../refusal.ts";
import { listening } from "./http.ts";

/** What 0660 leaves out. */
const UMASK_0660 = 0o117;

/** Makes the path free for a new socket: creates its directory, removes a stale one. Throws a Refusal. */
export async function claimSocketPath(path: string): Promise<void> {
  makeDirectory(dirname(path));
  const kind = lstatSync(path, { throwIfNoEntry: false });
  if (kind === undefined) return;
  if (!kind.isSocket()) throw new Refusal(`${path} is there and is not a socket; remove it or name another`);
  if (await isLive(path)) {
    throw new Refusal(
      `a daemon answers at ${path} already; stop it, or give this one its own control: { socket: PATH }`,
    );
  }
  unlinkSync(path);
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    const remedy = "run as root, or name a socket elsewhere with control: { socket: PATH }";
    throw new Refusal(`the directory ${path} cannot be made: ${(error as Error).message}; ${remedy}`);
  }
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(new Refusal(`${path} cannot be tried: ${error.message}`));
    });
  });
}

/** Listens with mode 0660 from the first moment: the socket is made with it, not changed to it. */
export async function listenOnSocket(server: Server, path: string, log: Log): Promise<void> {
  try {
    await listening(server, () => listenWithMode(server, path), log);
  } catch (error) {
    const remedy = "run as root, or name a socket elsewhere with control: { socket: PATH }";
    throw new Refusal(`the control socket ${path} cannot be made: ${(error as Error).message}; ${remedy}`);
  }
}

function listenWithMode(server: Server, path: string): void {
  const umask = process.umask(UMASK_0660);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
}
