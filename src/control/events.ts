// What happens to the switch, as its operator sees it: every event goes to the log and into a bounded history, and to whoever
// listens. What hosts do has a history of its own, so that a flood of it leaves the rest where it can be read.
import { DATAPLANE_EVENT_TYPES, type DataplaneEvent } from "../dataplane/events.ts";
import { type Log, logLines } from "./log.ts";
import type { Outcome } from "./running-switch.ts";

/** Kinds of events, those of the control plane included. */
export const EVENT_TYPES = [...DATAPLANE_EVENT_TYPES, "reload", "apply", "stop"] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Events of each history. */
export const HISTORY_MAX = 1000;

/** An event before it has happened. */
export interface Occurrence extends Omit<DataplaneEvent, "type"> {
  readonly type: EventType;
  /** What was changed, one line each, as in a dry run, and what of it does not work. */
  readonly changes?: readonly string[];
  readonly warnings?: readonly string[];
}

/** As the API has it. */
export interface SwitchEvent extends Omit<Occurrence, "level"> {
  /** Grows, also from one daemon to the next: it begins with the time. */
  readonly id: number;
  /** ISO 8601. */
  readonly time: string;
}

type Listener = (event: SwitchEvent) => void;

export class Events {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #ofHosts: SwitchEvent[] = [];
  readonly #others: SwitchEvent[] = [];
  readonly #listeners = new Set<Listener>();
  #nextId: number;

  constructor(log: Log, nowMs: () => number = Date.now) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#nextId = nowMs();
  }

  emit({ level, ...occurrence }: Occurrence): void {
    logLines(this.#log, level, occurrence.message);
    const event = { id: this.#nextId++, time: new Date(this.#nowMs()).toISOString(), ...occurrence };
    const history = level === "debug" ? this.#ofHosts : this.#others;
    history.push(event);
    if (history.length > HISTORY_MAX) history.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** The configuration was changed: the log has each change, the event them all. */
  changed(type: "reload" | "apply", what: string, { changes, warnings }: Outcome): void {
    for (const line of changes) this.#log.info(line);
    for (const line of warnings) this.#log.warn(line);
    const message = `${what}, changes: ${changes.length}`;
    this.emit({ type, level: "info", message, changes, warnings });
  }

  /** What is remembered, oldest first. */
  history(): SwitchEvent[] {
    return [...this.#ofHosts, ...this.#others].sort((one, other) => one.id - other.id);
  }

  /** Calls back for each event from now on; returns how to end that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
