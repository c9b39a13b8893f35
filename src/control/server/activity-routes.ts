// Routes of what the switch does and did: /v1/rates and /v1/history. They only read.
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

/** Adds `GET {base}/rates`, `GET {base}/talkers` (which starts to look at frames, for a while) and `GET {base}/history`. */
export function addActivity(app: Hono, activity: Activity, base = "/v1"): void {
  app.get(`${base}/rates`, async (c) => {
    const samples = wholeNumber(c, "samples", 1, SAMPLES_MAX);
    const isFollowed = c.req.query("after") !== undefined;
    const rates = isFollowed
      ? await activity.ratesAfter(wholeNumber(c, "after", 0), samples)
      : activity.rates(samples);
    if (c.req.query("sparklines") === "false") return c.json(rates);
    return c.json({ ...rates, sparklines: sparklines(rates, activity.history) });
  });
  app.get(`${base}/talkers`, (c) =>
    c.json(activity.talkers.ask(wholeNumber(c, "limit", TALKERS_USUAL, TALKERS_MAX))),
  );
  app.get(`${base}/history`, (c) => {
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

function spanIn(text = "60"): number {
  const span = Number(text);
  if (SPANS.includes(span)) return span;
  throw new Refusal(`the parameter span: expected one of ${SPANS.join(", ")} (seconds), got ${text}`);
}
