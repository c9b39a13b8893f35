// The TCP listener: /metrics for Prometheus, /healthz and /readyz, and for people the page at / with its API. It reads;
// the API alone also changes, for who has the token.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { Activity } from "../activity/activity.ts";
import { parseListen } from "../config/values.ts";
import type { Events } from "../events.ts";
import type { Log } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { Refusal, sentenceOf } from "../refusal.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { Access } from "../web/access.ts";
import { guardHost } from "../web/guards.ts";
import { LiveFeed } from "../web/live-feed.ts";
import { liveViews, obstacles } from "../web/live-view.ts";
import { addPage, readPage } from "../web/page-files.ts";
import type { WebRefusals } from "../web/refusals.ts";
import { createWebApi } from "../web/web-api.ts";
import { createServer, listening } from "./http.ts";

export interface ListenerParts {
  readonly running: RunningSwitch;
  readonly activity: Activity;
  readonly events: Events;
  readonly log: Log;
  readonly refusals: WebRefusals;
}

/** The application behind the listener, as it answers at an address on the loopback or elsewhere. */
export function createMetricsApp(
  { running, activity, events, log, refusals }: ListenerParts,
  onLoopback: boolean,
): Hono {
  const app = new Hono();
  const { dataplane } = running;
  const metrics = new Metrics(() => dataplane.status(), refusals);
  const access = new Access({
    token: () => running.token,
    onLoopback,
    refusals,
    now: () => performance.now(),
  });
  const live = new LiveFeed(liveViews(running, Date.now), refusals);
  app.route("/api", createWebApi({ running, activity, events, log, access, live, refusals }));
  app.use(async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD" || c.req.path.startsWith("/api/")) return next();
    return c.text("only GET\n", 405, { allow: "GET, HEAD" });
  });
  app.get("/metrics", async (c) =>
    c.text(await metrics.text(), 200, { "content-type": metrics.contentType }),
  );
  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", (c) => {
    const sentences = obstacles(dataplane.status(), dataplane.alive);
    return sentences.length === 0 ? c.text("ready\n") : c.text(`${sentences.join("\n")}\n`, 503);
  });
  addPage(app, readPage(), guardHost(refusals));
  app.notFound((c) => {
    if (c.req.path.startsWith("/api/"))
      return c.json({ error: `there is no ${c.req.method} ${c.req.path}` }, 404);
    return c.text("there is /, /metrics, /healthz and /readyz\n", 404);
  });
  app.onError((error, c) => {
    log.error(sentenceOf(error));
    return c.text("the daemon failed; its log says more\n", 500);
  });
  return app;
}

export interface Listener {
  readonly server: Server;
  /** Where /metrics is, with the port that the kernel picked if it was asked to. */
  readonly url: string;
}

/** Listens on metrics.listen; returns the server and the address it got. Throws a Refusal. */
export async function listenForMetrics(parts: ListenerParts): Promise<Listener> {
  const { running, log } = parts;
  const { listen } = running.config.metrics;
  const at = parseListen(listen);
  if (at === null) throw new Refusal(`metrics cannot listen on ${listen}`);
  const server = createServer(createMetricsApp(parts, isLoopback(at.host)));
  try {
    await listening(server, () => server.listen(at.port, at.host), log);
  } catch (error) {
    throw new Refusal(
      `metrics cannot listen on ${listen}: ${listenSentence(error as NodeJS.ErrnoException)}`,
    );
  }
  const { address, family, port } = server.address() as AddressInfo;
  return { server, url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics` };
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

function listenSentence({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") {
    return "another program has this port; `ss -ltnp` tells which. Choose another with metrics: { listen: ADDRESS:PORT }";
  }
  if (code === "EADDRNOTAVAIL") {
    return "no interface of this machine has this address. Choose another with metrics: { listen: ADDRESS:PORT }";
  }
  return message;
}
