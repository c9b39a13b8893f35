// When a port last received, as a look a second finds it.
import { expect, test } from "vitest";
import { Activity } from "../../src/dataplane/inventory/activity.ts";

const WALL_MS = 1_700_000_000_000;

test("a port that has received nothing is silent since it is there, and has never received", () => {
  const activity = new Activity(1000);
  activity.look(0, 5000, WALL_MS);
  expect(activity.silentMs(6000)).toBe(5000);
  expect(activity.lastReceived(6000)).toBeNull();
});

test("the time is that of the look at which the counter had grown", () => {
  const activity = new Activity(1000);
  activity.look(7, 2000, WALL_MS);
  activity.look(7, 3000, WALL_MS + 1000);
  expect(activity.lastReceived(4999)).toEqual({ wallMs: WALL_MS, agoSeconds: 2 });
  activity.look(8, 5000, WALL_MS + 3000);
  expect(activity.lastReceived(5000)).toEqual({ wallMs: WALL_MS + 3000, agoSeconds: 0 });
  expect(activity.silentMs(5500)).toBe(500);
});
