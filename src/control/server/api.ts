// The control socket's API, JSON both ways: reads are GET, changes go through RunningSwitch. An answer other than 2xx
// is { error: "sentences" }. The command line is its client; the names are relied upon from outside.
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import type { Activity } from "../activity/activity.ts";
import { parseConfig } from "../config/file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../config/limits.ts";
import { printConfig } from "../config/print.ts";
import { addThing, delThing, setMirror, setPort } from "../edits.ts";
import type { Log } from "../log.ts";
import { Refusal, sentenceOf } from "../refusal.ts";
import type { Outcome, RunningSwitch } from "../running-switch.ts";
import { addFdb, delFdb, flushFdb } from "../static-fdb.ts";
import { addActivity } from "./activity-routes.ts";
import { dropViews, fdbView, overview } from "./views.ts";

/** A file as a JSON string, every character escaped in two, and some room for the rest. */
const BODY_BYTES_MAX = 2 * CONFIG_FILE_BYTES_MAX + 4096;

const options = z.record(z.string(), z.unknown());
const applyBody = z.strictObject({ file: z.string(), text: z.string(), dry_run: z.boolean() });
const fdbBody = z.strictObject({ port: z.string(), vlan: z.number() });
const flushBody = z.strictObject({ port: z.string().nullable() });

/** The application behind the control socket. */
export function createApi(running: RunningSwitch, activity: Activity, log: Log): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: BODY_BYTES_MAX, onError: tooLarge }));
  addReads(app, running);
  addActivity(app, activity);
  addChanges(app, running, log);
  addFdbChanges(app, running, log);
  app.notFound((c) => c.json({ error: `there is no ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    if (error instanceof Refusal) return c.json({ error: error.message }, 422);
    log.error(sentenceOf(error));
    return c.json({ error: `the daemon failed: ${error.message}; its log says more` }, 500);
  });
  return app;
}

function tooLarge(c: Context): Response {
  return c.json({ error: `expected a request of at most ${BODY_BYTES_MAX} bytes` }, 413);
}

function addReads(app: Hono, running: RunningSwitch): void {
  const { dataplane } = running;
  const view = () => overview(dataplane.status(), running.config, dataplane.alive);
  app.get("/v1/status", (c) => c.json(view()));
  app.get("/v1/ports", (c) => c.json(view().ports));
  app.get("/v1/mirrors", (c) => c.json(view().mirrors));
  app.get("/v1/vteps", (c) => c.json(view().vteps));
  app.get("/v1/drops", (c) => c.json(dropViews(dataplane.status())));
  app.get("/v1/fdb", (c) => c.json(dataplane.fdb().map(fdbView)));
  app.get("/v1/config", (c) => c.json({ config: running.config, yaml: printConfig(running.config) }));
}

function addChanges(app: Hono, running: RunningSwitch, log: Log): void {
  const port = "/v1/bridges/:bridge/ports/:name";
  const mirror = "/v1/bridges/:bridge/mirrors/:name";
  const answer = (c: Context, outcome: Outcome) => {
    logOutcome(log, outcome);
    return c.json(outcome);
  };
  app.post("/v1/apply", async (c) => {
    const { file, text, dry_run: dryRun } = await body(c, applyBody);
    const outcome = await running.replace(parseConfig(text, file), { dryRun });
    return dryRun ? c.json(outcome) : answer(c, outcome);
  });
  app.put(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(addThing("port", bridge, name, await body(c, options))));
  });
  app.patch(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(setPort(bridge, name, await body(c, options))));
  });
  app.delete(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(delThing("port", bridge, name)));
  });
  app.put(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(addThing("mirror", bridge, name, await body(c, options))));
  });
  app.patch(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(setMirror(bridge, name, await body(c, options))));
  });
  app.delete(mirror, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, await running.edit(delThing("mirror", bridge, name)));
  });
}

function addFdbChanges(app: Hono, running: RunningSwitch, log: Log): void {
  const { dataplane } = running;
  app.put("/v1/bridges/:bridge/fdb/:mac", async (c) => {
    const { vlan, port } = await body(c, fdbBody);
    const key = { ...c.req.param(), vlan };
    await addFdb(dataplane, running.config, key, port);
    log.info(`fdb add ${key.bridge} ${key.mac} ${port} vlan ${vlan}`);
    return c.json({});
  });
  app.delete("/v1/bridges/:bridge/fdb/:mac", async (c) => {
    const key = { ...c.req.param(), vlan: Number(c.req.query("vlan") ?? 0) };
    await delFdb(dataplane, running.config, key);
    log.info(`fdb del ${key.bridge} ${key.mac} vlan ${key.vlan}`);
    return c.json({});
  });
  app.post("/v1/bridges/:bridge/flush", async (c) => {
    const { port } = await body(c, flushBody);
    const flushed = await flushFdb(dataplane, running.config, c.req.param("bridge"), port);
    log.info(`fdb flush ${c.req.param("bridge")}${port === null ? "" : ` ${port}`}: ${flushed} forgotten`);
    return c.json({ flushed });
  });
}

async function body<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const value: unknown = await c.req.json().catch(() => undefined);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(`the body of the request is not what is expected: ${z.prettifyError(result.error)}`);
}

/** Says in the log what was changed and what of it does not work. */
export function logOutcome(log: Log, { changes, warnings }: Outcome): void {
  for (const line of changes) log.info(line);
  for (const line of warnings) log.warn(line);
}
