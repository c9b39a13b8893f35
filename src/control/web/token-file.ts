// The file that holds the token of the page (metrics.token_file): who knows it may change mirrors and download captures.
// Read at start and at each reload, so that it is exchanged without a restart.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Refusal } from "../refusal.ts";

const CHARACTERS_MIN = 16;
const CHARACTERS_MAX = 256;
/** Of the mode: what the file is to everyone. */
const EVERYONE = 0o007;
const REMEDY = "make one with: (umask 077; openssl rand -hex 32 > FILE)";

/** The token in a file; null without a file. Throws a Refusal. */
export function readToken(path: string | undefined): string | null {
  if (path === undefined) return null;
  const text = readPrivate(path).trim();
  if (!/^[\x21-\x7e]*$/.test(text) || text.length < CHARACTERS_MIN || text.length > CHARACTERS_MAX) {
    const expected = `one word of ${CHARACTERS_MIN} to ${CHARACTERS_MAX} printable ASCII characters`;
    throw new Refusal(`metrics.token_file: expected in ${path} ${expected}; ${REMEDY}`);
  }
  return text;
}

function readPrivate(path: string): string {
  // A pipe without a writer must not hold the daemon.
  const file = opened(path);
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new Refusal(`metrics.token_file: ${path} is not a plain file`);
    if ((status.mode & EVERYONE) !== 0) {
      const mode = (status.mode & 0o777).toString(8);
      throw new Refusal(
        `metrics.token_file: everyone on this machine can get at ${path} (mode ${mode}); chmod o= ${path}`,
      );
    }
    // A character more than there may be, and a line end.
    const bytes = Buffer.alloc(CHARACTERS_MAX + 3);
    return bytes.toString("latin1", 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new Refusal(`metrics.token_file: ${path} cannot be read: ${(error as Error).message}; ${REMEDY}`);
  }
}
