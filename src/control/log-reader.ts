// Who reads what is written to stderr: people, or journald, which takes the priority of a line from its beginning
// (sd-daemon(3)).
import { fstatSync } from "node:fs";

export type LogReader = "people" | "journald";

/** Priorities of syslog(3), by the names of pino's levels. */
export const PRIORITIES: Readonly<Record<string, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

const STDERR = 2;

/** Whom stderr leads to: systemd says which stream it has connected to the journal, as DEVICE:INODE (systemd.exec(5)). */
export function logReader({ JOURNAL_STREAM }: Readonly<Record<string, string | undefined>>): LogReader {
  if (JOURNAL_STREAM === undefined) return "people";
  const { dev, ino } = fstatSync(STDERR, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}` ? "journald" : "people";
}

/** The last words of a program that fails. */
export function errorLine(text: string, reader: LogReader): string {
  return `${reader === "journald" ? `<${PRIORITIES.error}>` : ""}vxswitch: ${text}\n`;
}
