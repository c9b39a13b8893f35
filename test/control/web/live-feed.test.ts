// The live stream: the same view for all, newest first for the slow, an end for the dead, and a bound on how many watch.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveFeed, STREAMS_MAX, UNREAD_VIEWS_MAX } from "../../../src/control/web/live-feed.ts";
import { noRefusals } from "../../../src/control/web/refusals.ts";

const refusals = noRefusals();
let views = 0;
let feed: LiveFeed;
beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(refusals, noRefusals());
  views = 0;
  feed = new LiveFeed(() => ({ view: ++views }), refusals);
});
afterEach(() => vi.useRealTimers());

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);
const textOf = async (reader: ReadableStreamDefaultReader<Uint8Array>) =>
  new TextDecoder().decode((await reader.read()).value);

test("who comes gets the view of now at once, then one each second, made once for all", async () => {
  const first = feed.open()!.getReader();
  const second = feed.open()!.getReader();
  expect(await textOf(first)).toBe('retry: 2000\ndata: {"view":1}\n\n');
  expect(await textOf(second)).toBe('retry: 2000\ndata: {"view":2}\n\n');
  await seconds(1);
  expect(await textOf(first)).toBe('data: {"view":3}\n\n');
  expect(await textOf(second)).toBe('data: {"view":3}\n\n');
  expect(views).toBe(3);
});

test("who reads slowly misses views and goes on with the newest; one waits at most", async () => {
  const reader = feed.open()!.getReader();
  await textOf(reader);
  await seconds(10);
  expect(await textOf(reader)).toBe('data: {"view":2}\n\n');
  await seconds(1);
  expect(await textOf(reader)).toBe('data: {"view":12}\n\n');
  expect(refusals.slow).toBe(0);
});

test("who reads nothing is cut off, and does not trouble the others", async () => {
  const dead = feed.open()!.getReader();
  const alive = feed.open()!.getReader();
  for (let second = 0; second < UNREAD_VIEWS_MAX + 2; second++) {
    await textOf(alive);
    await seconds(1);
  }
  await expect(dead.read()).rejects.toThrow("nobody reads this stream");
  expect(refusals.slow).toBe(1);
  expect(feed.streamCount).toBe(1);
});

test("there are so many streams at most, and one that ends makes room", async () => {
  const streams = Array.from({ length: STREAMS_MAX }, () => feed.open()!);
  expect(feed.open()).toBeNull();
  expect(refusals.streams).toBe(1);
  await streams[0]!.cancel();
  expect(feed.open()).not.toBeNull();
});

test("while nobody watches nothing is looked at", async () => {
  const reader = feed.open()!.getReader();
  await reader.cancel();
  await seconds(10);
  expect(views).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});
