// HTTP as both listeners need it: bounded in every direction, so that no client can hold the control plane.
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { Log } from "../log.ts";

const REQUEST_MS_MAX = 10_000;
const HEADERS_MS_MAX = 5_000;
const IDLE_MS_MAX = 5_000;
const LAST_WORDS_MS_MAX = 500;
const HEADER_BYTES_MAX = 8192;
const CONNECTIONS_MAX = 64;

/** A server for an application, not listening yet. */
export function createServer(app: Hono): Server {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_MS_MAX,
      headersTimeout: HEADERS_MS_MAX,
      keepAliveTimeout: IDLE_MS_MAX,
    },
  }) as Server;
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

/** Resolves once the server listens; rejects with the error of the system. Later errors (no descriptor left) are logged. */
export function listening(server: Server, listen: () => void, log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      server.on("error", (error) => log.warn(`a connection was not accepted: ${error.message}`));
      resolve();
    });
    listen();
  });
}

/** Stops listening and ends what connections there are, after a moment for those that are being answered. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), LAST_WORDS_MS_MAX);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
