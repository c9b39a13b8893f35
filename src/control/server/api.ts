// The control socket's API, JSON both ways: reads are GET, changes go through RunningSwitch. An answer other than 2xx
// is { error: "sentences" }. The command line is its client; the names are relied upon from outside.
import { Hono } from "hono";
import * as z from "zod";
import type { Activity } from "../activity/activity.ts";
import { parseConfig } from "../config/file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../config/limits.ts";
import { printConfig } from "../config/print.ts";
import { addThing, delThing, setPort } from "../edits.ts";
import type { Events } from "../events.ts";
import type { Log } from "../log.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { addFdb, delFdb, flushFdb } from "../static-fdb.ts";
import type { WebRefusals } from "../web/refusals.ts";
import { addActivity, addTalkers } from "./activity-routes.ts";
import { addCapture } from "./capture-stream.ts";
import { addMirrorChanges, answer, body, options } from "./changes.ts";
import { addEventStream } from "./event-stream.ts";
import { answerFailures, boundedBody } from "./failures.ts";
import { addReads } from "./reads.ts";
import { addTrace } from "./trace.ts";

/** A file as a JSON string, every character escaped in two, and some room for the rest. */
const BODY_BYTES_MAX = 2 * CONFIG_FILE_BYTES_MAX + 4096;

const applyBody = z.strictObject({ file: z.string(), text: z.string(), dry_run: z.boolean() });
const fdbBody = z.strictObject({ port: z.string(), vlan: z.number() });
const flushBody = z.strictObject({ port: z.string().nullable() });

export interface ApiParts {
  readonly running: RunningSwitch;
  readonly activity: Activity;
  readonly events: Events;
  readonly log: Log;
  readonly refusals: WebRefusals;
}

/** The application behind the control socket. */
export function createApi({ running, activity, events, log, refusals }: ApiParts): Hono {
  const app = new Hono();
  app.use(boundedBody(BODY_BYTES_MAX));
  addReads(app, running, () => running.dataplane.droppedFrames());
  addActivity(app, activity);
  addTalkers(app, activity);
  addEventStream(app, events, refusals, log);
  addTrace(app, running);
  addCapture(app, running, events);
  app.get("/v1/config", (c) => c.json({ config: running.config, yaml: printConfig(running.config) }));
  addChanges(app, running, events);
  addMirrorChanges(app, running, events);
  addFdbChanges(app, running, log);
  answerFailures(app, log);
  return app;
}

function addChanges(app: Hono, running: RunningSwitch, events: Events): void {
  const port = "/v1/bridges/:bridge/ports/:name";
  app.post("/v1/apply", async (c) => {
    const { file, text, dry_run: dryRun } = await body(c, applyBody);
    const outcome = await running.replace(parseConfig(text, file), { dryRun });
    return dryRun ? c.json(outcome) : answer(c, events, outcome);
  });
  app.put(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(addThing("port", bridge, name, await body(c, options))));
  });
  app.patch(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(setPort(bridge, name, await body(c, options))));
  });
  app.delete(port, async (c) => {
    const { bridge, name } = c.req.param();
    return answer(c, events, await running.edit(delThing("port", bridge, name)));
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
