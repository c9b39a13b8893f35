// What happened lately (GET /v1/events): kept by the switch, asked for now and then, newest first.
import { ask } from "./api.ts";
import { eventReader } from "./event-stream.ts";
import { clock } from "./format.ts";
import { usePolled } from "./hooks.ts";

const SHOWN_MAX = 100;
const LATELY = `events?follow=false&last=${SHOWN_MAX}`;
const EVERY_MS = 3000;

/** What the page takes of an event. */
interface SwitchEvent {
  readonly id: number;
  readonly time: string;
  readonly type: string;
  readonly level?: string;
  readonly message: string;
}

export function Events() {
  const { value: events } = usePolled(LATELY, EVERY_MS, readEvents);
  if (events === undefined) return null;
  return (
    <section class="card" aria-label="Events">
      <h2>Events</h2>
      {events.length === 0 && <p class="quiet">Nothing has happened yet.</p>}
      <ol class="rows tall">
        {events.map(({ id, time, type, level, message }) => (
          <li key={id} class="row-head">
            <time class="quiet" dateTime={time}>
              {clock(Date.parse(time))}
            </time>
            <code>{type}</code>
            <span class={level === "warn" || level === "error" ? "warn" : ""}>{message}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Newest first. */
async function readEvents(path: string, signal: AbortSignal): Promise<readonly SwitchEvent[]> {
  const events: SwitchEvent[] = [];
  const feed = eventReader((data) => events.push(JSON.parse(data) as SwitchEvent));
  feed(await (await ask(path, { signal })).text());
  return events.reverse();
}
