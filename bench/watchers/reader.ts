// Asks the switch for what an open page asks for, as often, and for the metrics three times a second. It draws nothing: the
// browser is on another machine.

import { setTimeout as sleep } from "node:timers/promises";

const [address] = process.argv.slice(2);
const SCRAPE_EVERY_MS = 1000 / 3;
/** What src/page reads again and again, and how often. */
const POLLED = ["drops", "hosts", "fdb-search?search=&limit=100", "events?follow=false&last=100"];
const POLL_EVERY_MS = 3000;

/** Reads a whole answer; rejects unless it is a good one. */
async function read(path: string): Promise<void> {
  const response = await fetch(`http://${address}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

async function readAgainAndAgain(path: string, everyMs: number): Promise<never> {
  for (;;) {
    const started = performance.now();
    await read(path);
    await sleep(Math.max(0, everyMs - (performance.now() - started)));
  }
}

/** The stream that draws the page; says so when the first view is here. */
async function follow(): Promise<never> {
  const response = await fetch(`http://${address}/api/v1/live`);
  if (!response.ok || response.body === null) throw new Error(`live: ${response.status}`);
  let views = 0;
  for await (const _ of response.body) {
    views += 1;
    if (views === 1) process.stdout.write("ready\n");
  }
  throw new Error(`the stream ended after ${views} views`);
}

process.on("SIGTERM", () => process.exit(0));
await read("api/v1/status");
await Promise.all([
  follow(),
  readAgainAndAgain("metrics", SCRAPE_EVERY_MS),
  ...POLLED.map((path) => readAgainAndAgain(`api/v1/${path}`, POLL_EVERY_MS)),
]);
