// What the routes that change the switch share: the body they expect, and what they answer and log.
import type { Context, Hono } from "hono";
import * as z from "zod";
import { addThing, delThing, setMirror } from "../edits.ts";
import type { Events } from "../events.ts";
import { Refusal } from "../refusal.ts";
import type { Outcome, RunningSwitch } from "../running-switch.ts";

/** Keys and values of a port or a mirror, as in the file. */
export const options = z.record(z.string(), z.unknown());

/** The body of a request. Throws a Refusal if it is not of the schema. */
export async function body<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const value: unknown = await c.req.json().catch(() => undefined);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(`the body of the request is not what is expected: ${z.prettifyError(result.error)}`);
}

/** Answers with the outcome of a change, once it is told. */
export function answer(c: Context, events: Events, outcome: Outcome): Response {
  events.changed("apply", "the running configuration was changed", outcome);
  return c.json(outcome);
}

/** PUT, PATCH and DELETE of a mirror. */
export function addMirrorChanges(app: Hono, running: RunningSwitch, events: Events): void {
  const mirror = "/v1/bridges/:bridge/mirrors/:name";
  app.put(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(addThing("mirror", bridge, name, await body(c, options))));
  });
  app.patch(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(setMirror(bridge, name, await body(c, options))));
  });
  app.delete(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(delThing("mirror", bridge, name)));
  });
}
