// Routes of what the switch does and did: /v1/rates and /v1/history. They only read.
import type { Hono } from "hono";
import type { Activity } from "../activity/activity.ts";
import { historyView, sparklines } from "../activity/views.ts";
import { Refusal } from "../refusal.ts";

/** Spans of /v1/history, in seconds: the first two by the second, the hour in averages of ten. */
const SPANS: readonly number[] = [60, 300, 3600];

/** Adds `GET {base}/rates` and `GET {base}/history`. */
export function addActivity(app: Hono, activity: Activity, base = "/v1"): void {
  app.get(`${base}/rates`, (c) => {
    const rates = activity.rates();
    return c.json({ ...rates, sparklines: sparklines(rates, activity.history) });
  });
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
