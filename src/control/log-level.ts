// What the log may be told to leave out; apart from log.ts, so that the command line knows it without loading pino.
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
