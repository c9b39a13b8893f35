// `GET /v1/capture`: frames as they pass, as pcapng, with what became of each. Who reads too slowly loses frames and is told
// how many: they wait in the capture's bounded queue, and nowhere else.
// `GET /v1/drops/frames`: the last frames that were dropped, of those that the data plane keeps.
import { setTimeout as delay } from "node:timers/promises";
import type { Context, Hono } from "hono";
import { stream } from "hono/streaming";
import type { StreamingApi } from "hono/utils/stream";
import { DROP_REASONS } from "../../dataplane/drop-reason.ts";
import { CAPTURES_MAX } from "../../dataplane/limits.ts";
import type { CaptureHandle, CaptureSpec, Dataplane, DroppedFrame } from "../../dataplane/spec.ts";
import { asCaptured, PcapngStream } from "../capture/pcapng-stream.ts";
import { filterProgram } from "../config/filter.ts";
import type { Events } from "../events.ts";
import { keyOf } from "../key.ts";
import { Refusal } from "../refusal.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { wholeNumber } from "./query.ts";

const LOOK_EVERY_MS = 10;
/** Frames taken at a time: of 64 KiB each, what may wait. */
const TAKEN_MAX = 64;
/** So often who reads is told how many were lost, if more were. */
const TELL_LOST_EVERY_MS = 250;
const CONTENT_TYPE = "application/x-pcapng";
const DIRECTIONS = ["in", "out", "both"] as const;

type Named = CaptureSpec["ports"] & object;

/** Adds the routes to the API. */
export function addCapture(app: Hono, { dataplane }: RunningSwitch, events: Events): void {
  app.get("/v1/capture", async (c) => {
    const count = readNumber(c, "count", 0) || Number.POSITIVE_INFINITY;
    const spec = readSpec(c, dataplane);
    const handle = await dataplane.capture(spec);
    if (handle === null)
      throw new Refusal(`${CAPTURES_MAX} captures are open already; end one of them (vxswitch capture)`);
    c.header("content-type", CONTENT_TYPE);
    return stream(c, (out) => pump(out, handle, { count, snaplenBytes: spec.snaplenBytes }, events));
  });
  app.get("/v1/drops/frames", (c) => {
    const wanted = readDrops(c, dataplane);
    const pcapng = new PcapngStream(0);
    const blocks = wanted.flatMap((frame) => pcapng.frame(asCaptured(frame)));
    c.header("content-type", CONTENT_TYPE);
    return c.body(new Uint8Array(Buffer.concat([pcapng.start(), ...blocks])));
  });
}

interface Pumped {
  readonly count: number;
  readonly snaplenBytes: number;
}

/** Until so many frames have passed, the reader has gone, or the daemon stops. */
async function pump(
  out: StreamingApi,
  handle: CaptureHandle,
  options: Pumped,
  events: Events,
): Promise<void> {
  let isOver = false;
  const unlisten = events.listen(({ type }) => {
    if (type === "stop") isOver = true;
  });
  const pcapng = new PcapngStream(options.snaplenBytes);
  let left = options.count;
  let [told, toldMs] = [0, 0];
  try {
    await out.write(pcapng.start());
    while (!isOver && left > 0 && !out.aborted) {
      const blocks: Buffer[] = [];
      const taken = handle.read(Math.min(left, TAKEN_MAX), (frame) => blocks.push(...pcapng.frame(frame)));
      left -= taken;
      if (handle.lost !== told && Date.now() - toldMs >= TELL_LOST_EVERY_MS) {
        [told, toldMs] = [handle.lost, Date.now()];
        blocks.push(...pcapng.statistics(now(), told));
      }
      if (blocks.length > 0) await out.write(Buffer.concat(blocks));
      if (taken < TAKEN_MAX) await delay(LOOK_EVERY_MS);
    }
    await out.write(Buffer.concat(pcapng.statistics(now(), handle.lost)));
  } finally {
    unlisten();
    await handle.close();
  }
}

function now() {
  const timeMs = Date.now();
  return { seconds: Math.floor(timeMs / 1000), nanoseconds: (timeMs % 1000) * 1_000_000 };
}

function readSpec(c: Context, dataplane: Dataplane): CaptureSpec {
  const { direction = "both", drops = "0", filter = "", mirror } = c.req.query();
  const ports = readPorts(c, dataplane);
  if (mirror !== undefined && ports !== null)
    throw new Refusal("expected ports or a mirror to capture, got both; leave out one of them");
  if (!isDirection(direction))
    throw new Refusal(
      `direction: expected one of ${DIRECTIONS.join(", ")}, got ${JSON.stringify(direction)}`,
    );
  return {
    ports,
    direction,
    mirror: mirror === undefined ? null : one("mirror", dataplane.status().mirrors, mirror),
    dropsOnly: drops === "1" || drops === "true",
    program: filter === "" ? null : filterProgram(filter),
    sampleEvery: Math.max(readNumber(c, "sample", 1), 1),
    snaplenBytes: readNumber(c, "snaplen", 0),
  };
}

function isDirection(text: string): text is (typeof DIRECTIONS)[number] {
  return (DIRECTIONS as readonly string[]).includes(text);
}

function readDrops(c: Context, dataplane: Dataplane): DroppedFrame[] {
  const { reason } = c.req.query();
  const ports = readPorts(c, dataplane);
  if (reason !== undefined && !DROP_REASONS.some(({ name }) => name === reason)) {
    const names = DROP_REASONS.map(({ name }) => name).join(", ");
    throw new Refusal(`there is no drop reason ${reason}; the reasons are: ${names}`);
  }
  const isWanted = (frame: DroppedFrame): boolean =>
    (reason === undefined || frame.reason === reason) &&
    (ports === null ||
      ports.some(({ bridge, name }) => frame.at?.bridge === bridge && frame.at.port === name));
  return dataplane
    .droppedFrames()
    .filter(isWanted)
    .sort((one, other) => one.seconds - other.seconds || one.nanoseconds - other.nanoseconds);
}

function readPorts(c: Context, dataplane: Dataplane): Named | null {
  const wanted = c.req.queries("port") ?? [];
  if (wanted.length === 0) return null;
  const { ports } = dataplane.status();
  return wanted.map((text) => one("port", ports, text));
}

/** The one thing that is meant by `bridge/name`, or by its name alone. */
function one(what: string, things: Named, text: string): Named[number] {
  const meant = things.filter((thing) => keyOf(thing) === text || thing.name === text);
  const [first] = meant;
  if (first !== undefined && meant.length === 1) return { bridge: first.bridge, name: first.name };
  if (meant.length > 1)
    throw new Refusal(`${what} ${text} could be any of ${meant.map(keyOf).join(", ")}; name its bridge too`);
  throw new Refusal(`there is no ${what} ${text}; there are: ${things.map(keyOf).join(", ") || "none"}`);
}

function readNumber(c: Context, name: string, otherwise: number): number {
  const text = c.req.query(name);
  return text === undefined ? otherwise : wholeNumber(name, text);
}
