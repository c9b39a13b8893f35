// The log: one line an event on stderr, for people and for journald alike. pino decides what passes and makes the
// record; here it becomes `2026-01-31T12:00:00.000Z warn  message key=value`. Never per frame.
import { type Logger, levels, pino } from "pino";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log that writes finished lines, line end included, to `write`. */
export function createLog(level: LogLevel, write: (line: string) => void): Log {
  return pino({ level, base: null }, { write: (record: string) => write(lineOf(record)) });
}

function lineOf(record: string): string {
  const { time, level, msg, ...fields } = JSON.parse(record) as Record<string, unknown>;
  const stamp = new Date(Number(time)).toISOString();
  const label = (levels.labels[Number(level)] ?? "").padEnd(5);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${[stamp, label, msg, ...pairs].join(" ")}\n`;
}

/** Logs a message of several sentences as several records, so that each stays one line. */
export function logLines(log: Log, level: "debug" | "info" | "warn" | "error", message: string): void {
  for (const line of message.split("\n")) log[level](line);
}
