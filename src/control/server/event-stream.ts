// `GET /v1/events`: what is remembered of events, and those that come, as Server-Sent Events. Who reads too slowly is cut off:
// nothing waits for him without bound.
import type { ServerResponse } from "node:http";
import type { Context, Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { duration } from "../config/values.ts";
import { EVENT_TYPES, type Events, HISTORY_MAX, type SwitchEvent } from "../events.ts";
import type { Log } from "../log.ts";
import { Refusal } from "../refusal.ts";
import type { WebRefusals } from "../web/refusals.ts";
import { wholeNumber } from "./query.ts";

/** Events that wait for a slow reader, beside what the kernel holds for him. */
export const QUEUED_MAX = 2 * HISTORY_MAX;
/** So often a silent stream shows that it lives. */
const HEARTBEAT_MS = 15_000;
const CUT_OFF =
  `a reader of /v1/events was cut off: it was ${QUEUED_MAX} events behind; further ones are only counted, ` +
  'as vxswitch_web_refusals_total{reason="slow_events"}';

interface Query {
  /** Events with this id and before are known already. */
  readonly afterId: number;
  readonly sinceMs: number;
  /** Of what is remembered, so many at most, the youngest. */
  readonly last: number;
  readonly types: readonly string[];
  readonly follow: boolean;
}

/** Adds the route to the API; `refusals` counts who is cut off, the log has the first. */
export function addEventStream(app: Hono, events: Events, refusals: WebRefusals, log: Log): void {
  app.get("/v1/events", (c) => {
    const query = readQuery(c);
    const { outgoing } = (c.env ?? {}) as { outgoing?: ServerResponse };
    const cutOff = (): void => {
      outgoing?.destroy();
      refusals.slow_events += 1;
      if (refusals.slow_events === 1) log.warn(CUT_OFF);
    };
    return streamSSE(c, (stream) => pump(stream, events, query, cutOff));
  });
}

/** `cutOff` ends the connection at once, whatever waits to be written. */
async function pump(
  stream: SSEStreamingApi,
  events: Events,
  query: Query,
  cutOff: () => void,
): Promise<void> {
  const queue = remembered(events, query);
  let isOver = !query.follow;
  let wake = (): void => {};
  const end = (): void => {
    isOver = true;
    wake();
  };
  stream.onAbort(end);
  const unlisten = events.listen((event) => {
    if (isOver || !isWanted(event, query)) return;
    queue.push(event);
    if (event.type === "stop") end();
    if (queue.length > QUEUED_MAX) {
      queue.length = 0;
      end();
      cutOff();
    }
    wake();
  });
  try {
    while (!stream.aborted) {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) await write(stream, event);
      if (isOver) break;
      const isSilent = await silence((woken) => {
        wake = woken;
      });
      if (isSilent) await stream.write(": nothing new\n\n");
    }
  } finally {
    unlisten();
  }
}

function write(stream: SSEStreamingApi, event: SwitchEvent): Promise<void> {
  return stream.writeSSE({ id: String(event.id), event: event.type, data: JSON.stringify(event) });
}

/** Until somebody wakes us: false; or for the time of a heartbeat: true. */
function silence(onWake: (woken: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), HEARTBEAT_MS);
    onWake(() => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}

function remembered(events: Events, query: Query): SwitchEvent[] {
  const { afterId, sinceMs, last } = query;
  const wanted = events
    .history()
    .filter((event) => isWanted(event, query) && event.id > afterId && Date.parse(event.time) >= sinceMs);
  return last === 0 ? [] : wanted.slice(-last);
}

/** That the daemon stops, everybody hears. */
function isWanted({ type }: SwitchEvent, { types }: Query): boolean {
  return types.length === 0 || types.includes(type) || type === "stop";
}

function readQuery(c: Context): Query {
  const { since, types = "", follow = "true", last } = c.req.query();
  const lastId = c.req.header("last-event-id");
  const wanted = types === "" ? [] : types.split(",");
  const unknown = wanted.filter((type) => !(EVENT_TYPES as readonly string[]).includes(type));
  if (unknown.length > 0)
    throw new Refusal(
      `there is no event type ${unknown.join(", ")}; the types are: ${EVENT_TYPES.join(", ")}`,
    );
  return {
    afterId: lastId === undefined ? 0 : wholeNumber("Last-Event-ID", lastId),
    sinceMs: since === undefined ? 0 : timeOf(since),
    last: last === undefined ? 2 * HISTORY_MAX : wholeNumber("last", last),
    types: wanted,
    follow: follow !== "false",
  };
}

/** A duration until now, or a time. */
function timeOf(text: string): number {
  const seconds = duration.safeParse(text);
  if (seconds.success) return Date.now() - seconds.data * 1000;
  const timeMs = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  const expected = "expected a duration such as 300s, 10m or 1h, or a time such as 2026-01-31T12:00:00Z";
  throw new Refusal(`since: ${expected}, got ${JSON.stringify(text)}`);
}
