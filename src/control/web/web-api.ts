// What the page asks, below /api/v1 of the metrics address: the reads of the control socket, the live stream, and with
// the token the changes of mirrors. Paths, bodies and answers are those of the control socket.
import { Hono, type MiddlewareHandler } from "hono";
import type { Activity } from "../activity/activity.ts";
import type { Events } from "../events.ts";
import type { Log } from "../log.ts";
import { Refusal } from "../refusal.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { addActivity, addTalkers } from "../server/activity-routes.ts";
import { addCapture } from "../server/capture-stream.ts";
import { addMirrorChanges } from "../server/changes.ts";
import { addEventStream } from "../server/event-stream.ts";
import { answerFailures, boundedBody } from "../server/failures.ts";
import { addReads } from "../server/reads.ts";
import type { Access } from "./access.ts";
import { addFdbSearch } from "./fdb-search.ts";
import { guardHost, guardSite } from "./guards.ts";
import { type LiveFeed, STREAMS_MAX } from "./live-feed.ts";
import type { WebRefusals } from "./refusals.ts";

const BODY_BYTES_MAX = 64 * 1024;

export interface WebParts {
  readonly running: RunningSwitch;
  readonly activity: Activity;
  readonly events: Events;
  readonly log: Log;
  readonly access: Access;
  readonly live: LiveFeed;
  readonly refusals: WebRefusals;
}

/** The application behind /api. */
export function createWebApi({ running, activity, events, log, access, live, refusals }: WebParts): Hono {
  const app = new Hono();
  app.use(guardHost(refusals), guardSite(refusals), boundedBody(BODY_BYTES_MAX), unstored);
  app.get("/v1/rights", access.rights);
  // Frames are what people say to each other; who watches may not read them.
  app.use("/v1/capture", access.changing);
  app.use("/v1/drops/frames", access.changing);
  app.use((c, next) => (c.req.method === "GET" ? access.reading(c, next) : access.changing(c, next)));
  app.get("/v1/live", (c) => {
    const stream = live.open();
    if (stream === null) {
      return c.json({ error: `${STREAMS_MAX} pages watch already; close one of them` }, 503);
    }
    return c.body(stream, 200, { "content-type": "text/event-stream" });
  });
  // The page shows what there is; so it need not try, and nothing fails in its console.
  app.get("/v1/routes", (c) => c.json([...new Set(app.routes.map(({ path }) => path))]));
  addReads(app, running);
  addActivity(app, activity);
  addTalkers(app, activity);
  addEventStream(app, events, refusals, log);
  addCapture(app, running, events);
  addFdbSearch(app, running.dataplane);
  app.use("/v1/bridges/:bridge/mirrors/:name", withoutFiles);
  addMirrorChanges(app, running, events);
  answerFailures(app, log);
  return app;
}

/** What is told is true now, and is nobody else's business. */
const unstored: MiddlewareHandler = async (c, next) => {
  c.header("cache-control", "no-store");
  c.header("x-content-type-options", "nosniff");
  await next();
};

/** Whoever has the token may watch the network, not write files as the daemon. */
const withoutFiles: MiddlewareHandler = async (c, next) => {
  const words = c.req.method === "DELETE" ? null : ((await c.req.json().catch(() => null)) as unknown);
  const { output } = (words ?? {}) as { output?: object | null };
  if (output && "pcapng" in output) {
    throw new Refusal(
      "a mirror into a file of this machine is not started from the page; use `vxswitch mirror add`, or download a capture",
    );
  }
  await next();
};
