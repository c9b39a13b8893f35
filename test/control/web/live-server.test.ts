// The live stream of a daemon by real connections: scrapes find room beside all who watch, and nobody who watches or has
// stopped reading holds up the end.
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { STREAMS_MAX } from "../../../src/control/web/live-feed.ts";
import { Harness } from "../harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = new Harness();
  await harness.start();
});
afterEach(() => harness[Symbol.asyncDispose]());

const live = () => fetch(harness.metricsUrl.replace("metrics", "api/v1/live"));

test("beside as many streams as there may be a scrape is answered; one more stream is told so", async () => {
  const streams = await Promise.all(Array.from({ length: STREAMS_MAX }, live));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await live();
  expect(refused.status).toBe(503);
  expect(await refused.json()).toEqual({ error: "16 pages watch already; close one of them" });
  const scrape = await fetch(harness.metricsUrl);
  expect(scrape.status).toBe(200);
  expect(await scrape.text()).toContain('vxswitch_web_refusals_total{reason="streams"} 1\n');
  for (const { body } of streams) await body!.cancel();
});

test("a stream that a client has left is given to the next", async () => {
  const streams = await Promise.all(Array.from({ length: STREAMS_MAX }, live));
  await streams[0]!.body!.cancel();
  await expect.poll(async () => (await live()).status).toBe(200);
});

test("the daemon stops at once, whoever watches, and whoever has stopped reading", async () => {
  const { hostname, port } = new URL(harness.metricsUrl);
  const deaf = connect(Number(port), hostname).pause();
  deaf.on("error", () => {});
  deaf.write(`GET /api/v1/live HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  const { body } = await live();
  const ended = body!.pipeTo(new WritableStream()).catch(() => "ended");
  const started = performance.now();
  expect(await harness.stop()).toBe(0);
  expect(performance.now() - started).toBeLessThan(2000);
  expect(await ended).toBe("ended");
  deaf.destroy();
});
