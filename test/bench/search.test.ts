// The binary search of the loss-free measures, with switches that are a comparison.
import { describe, expect, test } from "vitest";
import { type SearchRange, searchHighest } from "../../bench/search.ts";

const RANGE: SearchRange = { high: 1000, resolution: 1 / 100, retries: 1 };

/** Passes up to a load; notes what was tried. */
function switchThatStands(limit: number) {
  const tried: number[] = [];
  const tryLoad = async (load: number) => {
    tried.push(load);
    return { load, passed: load <= limit };
  };
  return { tried, tryLoad };
}

describe("the search for the highest load", () => {
  test("ends with the first trial where the highest load passes", async () => {
    const { tried, tryLoad } = switchThatStands(5000);
    expect(await searchHighest(RANGE, tryLoad)).toBe(1000);
    expect(tried).toEqual([1000]);
  });

  test.each([1, 10, 333, 500, 777, 999])("finds %i within the resolution, from below", async (limit) => {
    const found = await searchHighest(RANGE, switchThatStands(limit).tryLoad);
    expect(found).toBeLessThanOrEqual(limit);
    expect(found).toBeGreaterThanOrEqual(limit - 1000 / 100);
  });

  test("is 0 where nothing passes, and ends", async () => {
    const { tried, tryLoad } = switchThatStands(-1);
    expect(await searchHighest(RANGE, tryLoad)).toBe(0);
    expect(tried.length).toBeLessThan(20);
  });

  test("tries again what failed once, and no more often than it says", async () => {
    let trials = 0;
    const failsFirst = async (load: number) => ({ load, passed: ++trials % 2 === 0 });
    expect(await searchHighest(RANGE, failsFirst)).toBe(1000);
    expect(trials).toBe(2);
    const { tried, tryLoad } = switchThatStands(-1);
    await searchHighest({ ...RANGE, retries: 2 }, tryLoad);
    expect(tried.slice(0, 4)).toEqual([1000, 1000, 1000, 500]);
  });

  test("says the load that really was, not the one asked for", async () => {
    const slow = async (load: number) => ({ load: load * 0.9, passed: true });
    expect(await searchHighest(RANGE, slow)).toBe(900);
  });
});
