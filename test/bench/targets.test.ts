// What is judged of samples: ratios of medians, bounds, samples that are missing.
import { describe, expect, test } from "vitest";
import { mirrorLosses } from "../../bench/measures/mirrored.ts";
import { Samples } from "../../bench/samples.ts";
import { SUITES } from "../../bench/suites.ts";
import { judge, TARGETS, type Target, targetsMarkdown } from "../../bench/targets.ts";

const FASTER: Target = {
  what: "twice as fast as the other",
  value: { title: "rate" },
  base: { peer: "other", title: "rate" },
  bound: "at least",
  limit: 2,
  unit: "×",
};
const IDLE: Target = { what: "idle", value: { title: "idle" }, bound: "below", limit: 1, unit: "%" };

function samples(values: Record<string, Record<string, number[]>>): Samples {
  const result = new Samples();
  for (const [peer, titles] of Object.entries(values)) {
    for (const [title, list] of Object.entries(titles))
      for (const value of list) result.add(peer, title, value);
  }
  return result;
}

function verdict(target: Target, values: Record<string, Record<string, number[]>>) {
  return judge([target], "ours", samples(values))[0];
}

describe("a target", () => {
  test("compares medians, not means", () => {
    const { measured, met } = verdict(FASTER, {
      ours: { rate: [1, 200, 210] },
      other: { rate: [100, 101, 900] },
    });
    expect(measured).toBeCloseTo(200 / 101);
    expect(met).toBe(false);
  });

  test("that is just reached is met, unless it must be below", () => {
    expect(verdict(FASTER, { ours: { rate: [20] }, other: { rate: [10] } }).met).toBe(true);
    expect(
      verdict({ ...FASTER, bound: "at most" }, { ours: { rate: [20] }, other: { rate: [10] } }).met,
    ).toBe(true);
    expect(verdict(IDLE, { ours: { idle: [1] } }).met).toBe(false);
    expect(verdict(IDLE, { ours: { idle: [0] } }).met).toBe(true);
  });

  test("is neither met nor missed where a sample is missing, or the base is zero", () => {
    expect(verdict(FASTER, { ours: { rate: [20] } })).toEqual({ target: FASTER });
    expect(verdict(FASTER, { other: { rate: [20] } })).toEqual({ target: FASTER });
    expect(verdict(FASTER, { ours: { rate: [20] }, other: { rate: [0] } })).toEqual({ target: FASTER });
  });
});

describe("the targets", () => {
  test("speak of the ring where it was measured, else of the sockets", () => {
    const idle = { "idle: CPU of the switch's process": [0.1] };
    expect(targetsMarkdown(samples({ "vxswitch-udp": idle }))).toContain("Of vxswitch-udp;");
    const both = targetsMarkdown(samples({ "vxswitch-udp": idle, "vxswitch-ring": idle }));
    expect(both).toContain("Of vxswitch-ring;");
    expect(both).toContain("1 met, 0 missed");
  });

  test("name figures that the suites measure", () => {
    const titles = SUITES.flatMap((suite) => suite.measures).map((measure) => measure.title);
    const measured = (figure: string) => titles.some((title) => figure === title || figure.startsWith(title));
    // Figures that are called otherwise than their measure.
    const others = ["scavenges in the forwarding thread"];
    const named = TARGETS.flatMap(({ value, base }) => [value.title, ...(base ? [base.title] : [])]);
    expect(named.filter((figure) => !measured(figure) && !others.includes(figure))).toEqual([]);
  });
});

test("what a mirror costs is a share of the plain figure", () => {
  const [measure] = SUITES[0].measures;
  const values = { ours: { [measure.title]: [100], [`${measure.title}, mirrored`]: [80] }, other: {} };
  const row = mirrorLosses([measure], ["ours", "other"], samples(values)).split("\n").at(-1);
  expect(row).toBe(`| ${measure.title} | 20 | – |`);
});
