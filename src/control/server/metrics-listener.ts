// The TCP listener for Prometheus and for health checks: /metrics, /healthz, /readyz. It only ever reads.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { Dataplane } from "../../dataplane/spec.ts";
import { parseListen } from "../config/values.ts";
import type { Log } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { keyOf } from "../plan.ts";
import { Refusal, sentenceOf } from "../refusal.ts";
import { createServer, listening } from "./http.ts";

/** The application behind the listener. */
export function createMetricsApp(dataplane: Dataplane, log: Log): Hono {
  const app = new Hono();
  const metrics = new Metrics(() => dataplane.status());
  app.use(async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return next();
    return c.text("only GET\n", 405, { allow: "GET, HEAD" });
  });
  app.get("/metrics", async (c) =>
    c.text(await metrics.text(), 200, { "content-type": metrics.contentType }),
  );
  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", (c) => {
    const obstacles = unready(dataplane);
    return obstacles.length === 0 ? c.text("ready\n") : c.text(`${obstacles.join("\n")}\n`, 503);
  });
  app.notFound((c) => c.text("there is /metrics, /healthz and /readyz\n", 404));
  app.onError((error, c) => {
    log.error(sentenceOf(error));
    return c.text("the daemon failed; its log says more\n", 500);
  });
  return app;
}

function unready(dataplane: Dataplane): string[] {
  const down = dataplane.status().ports.filter(({ state }) => state === "down");
  const stuck = dataplane.alive ? [] : ["a forwarding thread does not answer"];
  return [...stuck, ...down.map((port) => `port ${keyOf(port)} is down: ${port.reason}`)];
}

export interface Listener {
  readonly server: Server;
  /** Where /metrics is, with the port that the kernel picked if it was asked to. */
  readonly url: string;
}

/** Listens on ADDRESS:PORT; returns the server and the address it got. Throws a Refusal. */
export async function listenForMetrics(dataplane: Dataplane, listen: string, log: Log): Promise<Listener> {
  const at = parseListen(listen);
  if (at === null) throw new Refusal(`metrics cannot listen on ${listen}`);
  const server = createServer(createMetricsApp(dataplane, log));
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

function listenSentence({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") {
    return "another program has this port; `ss -ltnp` tells which. Choose another with metrics: { listen: ADDRESS:PORT }";
  }
  if (code === "EADDRNOTAVAIL") {
    return "no interface of this machine has this address. Choose another with metrics: { listen: ADDRESS:PORT }";
  }
  return message;
}
