// Routes of what the switch does and did.
import type { Hono } from "hono";
import type { Activity } from "../activity/activity.ts";
import { historyView, sparklines } from "../activity/views.ts";
import { Refusal } from "../refusal.ts";
import { wholeNumber } from "./parameters.ts";

/** Spans of /v1/history, in seconds: the first two by the second, the hour in averages of ten. */
const SPANS: readonly number[] = [60, 300, 3600];

/** Samples that one answer averages over; a client that waits for more asks later. */
const SAMPLES_MAX = 300;

const TALKERS_USUAL = 20;
const TALKERS_MAX = 1000;

/** Adds GET /v1/rates and GET /v1/history, which only read. */
export function addActivity(app: Hono, activity: Activity): void {
  app.get("/v1/rates", async (c) => {
    const samples = wholeNumber(c, "samples", 1, SAMPLES_MAX);
    const isFollowed = c.req.query("after") !== undefined;
    const rates = isFollowed
      ? await activity.ratesAfter(wholeNumber(c, "after", 0), samples)
      : activity.rates(samples);
    if (c.req.query("sparklines") === "false") return c.json(rates);
    return c.json({ ...rates, sparklines: sparklines(rates, activity.history) });
  });
  app.get("/v1/history", (c) => {
    const port = c.req.query("port") ?? "";
    const span = spanIn(c.req.query("span"));
    const columns = activity.history.columns(port === "underlay" ? "" : port, span);
    if (columns === null) {
      const got = port === "" ? "none" : port;
      throw new Refusal(`the parameter port: expected BRIDGE/NAME of a port, or underlay, got ${got}`);
    }
    return c.json({ port, span_seconds: span, ...historyView(columns) });
  });
}

/** Adds GET /v1/talkers, which costs something: it has frames looked at, for a while. */
export function addTalkers(app: Hono, { talkers }: Activity): void {
  app.get("/v1/talkers", (c) => c.json(talkers.ask(wholeNumber(c, "limit", TALKERS_USUAL, TALKERS_MAX))));
}

function spanIn(text = "60"): number {
  const span = Number(text);
  if (SPANS.includes(span)) return span;
  throw new Refusal(`the parameter span: expected one of ${SPANS.join(", ")} (seconds), got ${text}`);
}
