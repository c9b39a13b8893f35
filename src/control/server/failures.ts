// How an API says that something was not done: { error: "sentences" } with a status that tells whose fault it is.
import type { Hono, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Log } from "../log.ts";
import { Refusal, sentenceOf } from "../refusal.ts";

/** Answers what is not there, is refused, or fails. */
export function answerFailures(app: Hono, log: Log): void {
  app.notFound((c) => c.json({ error: `there is no ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    if (error instanceof Refusal) return c.json({ error: error.message }, 422);
    log.error(sentenceOf(error));
    return c.json({ error: `the daemon failed: ${error.message}; its log says more` }, 500);
  });
}

/** Refuses bodies beyond a bound. */
export function boundedBody(bytesMax: number): MiddlewareHandler {
  const error = `expected a request of at most ${bytesMax} bytes`;
  return bodyLimit({ maxSize: bytesMax, onError: (c) => c.json({ error }, 413) });
}
