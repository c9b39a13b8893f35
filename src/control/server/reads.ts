// What anyone may read of the switch, for the control socket and for the page on the metrics address alike.
import type { Hono } from "hono";
import type { DroppedFrame } from "../../dataplane/spec.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { hostView } from "./host-view.ts";
import { wholeNumber } from "./parameters.ts";
import { dropViews, fdbView, overview } from "./views.ts";

/** GET /v1/status and its parts. What passed in frames is for those alone to whom `dropped` gives it. */
export function addReads(
  app: Hono,
  running: RunningSwitch,
  dropped: () => readonly DroppedFrame[] = () => [],
): void {
  const { dataplane } = running;
  const view = () => overview(dataplane.status(), running.config, dataplane.alive);
  app.get("/v1/status", (c) => c.json(view()));
  app.get("/v1/ports", (c) => c.json(view().ports));
  app.get("/v1/mirrors", (c) => c.json(view().mirrors));
  app.get("/v1/vteps", (c) => c.json(view().vteps));
  app.get("/v1/drops", (c) => c.json(dropViews(dataplane.status(), dropped())));
  app.get("/v1/hosts", (c) => c.json(dataplane.hosts().map(hostView)));
  app.get("/v1/fdb", (c) => {
    const port = c.req.query("port");
    const rows = dataplane.fdb().filter((row) => port === undefined || port === `${row.bridge}/${row.port}`);
    return c.json(rows.slice(0, wholeNumber(c, "limit", rows.length)).map(fdbView));
  });
}
