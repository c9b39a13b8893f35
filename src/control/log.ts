// The log: one line an event on stderr. pino decides what passes and makes the record; here it becomes, for people,
// `2026-01-31T12:00:00.000Z warn  message key=value`, and for journald, which has the time itself, `<4>message key=value`
// (sd-daemon(3)), so that `journalctl -p warning` finds it. Never per frame.
import { type Logger, levels, pino } from "pino";
import type { LogLevel } from "./log-level.ts";
import { type LogReader, PRIORITIES } from "./log-reader.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** A log that writes finished lines, line end included, to `write`. */
export function createLog(level: LogLevel, write: (line: string) => void, reader: LogReader = "people"): Log {
  return pino({ level, base: null }, { write: (record: string) => write(lineOf(record, reader)) });
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
