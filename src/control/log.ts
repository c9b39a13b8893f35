// The log: one line an event on stderr. pino decides what passes and makes the record; here it becomes, for people,
// `2026-01-31T12:00:00.000Z warn  message key=value`, and for journald, which has the time itself, `<4>message key=value`
// (sd-daemon(3)), so that `journalctl -p warning` finds it. Never per frame.
import { fstatSync } from "node:fs";
import { type Logger, levels, pino } from "pino";
import type { LogLevel } from "./log-level.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** Who reads the log. */
export type LogReader = "people" | "journald";

/** Priorities of syslog(3), by the names of pino's levels. */
const PRIORITIES: Readonly<Record<string, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

const STDERR = 2;

/** A log that writes finished lines, line end included, to `write`. */
export function createLog(level: LogLevel, write: (line: string) => void, reader: LogReader = "people"): Log {
  return pino({ level, base: null }, { write: (record: string) => write(lineOf(record, reader)) });
}

/** Whom stderr leads to: systemd says which stream it has connected to the journal, as DEVICE:INODE (systemd.exec(5)). */
export function logReader({ JOURNAL_STREAM }: Readonly<Record<string, string | undefined>>): LogReader {
  if (JOURNAL_STREAM === undefined) return "people";
  const { dev, ino } = fstatSync(STDERR, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}` ? "journald" : "people";
}

function lineOf(record: string, reader: LogReader): string {
  const { time, level, msg, ...fields } = JSON.parse(record) as Record<string, unknown>;
  const label = levels.labels[Number(level)] ?? "";
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const text = [msg, ...pairs].join(" ");
  if (reader === "journald") return `<${PRIORITIES[label]}>${text}\n`;
  return `${new Date(Number(time)).toISOString()} ${label.padEnd(5)} ${text}\n`;
}

/** Logs a message of several sentences as several records, so that each stays one line. */
export function logLines(log: Log, level: "debug" | "info" | "warn" | "error", message: string): void {
  for (const line of message.split("\n")) log[level](line);
}
