// Charts: what is in them stands where its value says, and no name breaks the markup.
import { describe, expect, test } from "vitest";
import { plotsOf } from "../../bench/plots.ts";
import { type Row, Samples } from "../../bench/samples.ts";
import { barChart, lineChart } from "../../bench/svg.ts";

const COLOUR = "#123456";

function bar(label: string, value: number) {
  return { label, colour: COLOUR, value, low: value, high: value, text: String(value) };
}

function numbers(svg: string, pattern: RegExp): number[] {
  return [...svg.matchAll(pattern)].map((match) => Number(match[1]));
}

describe("bars", () => {
  test("are as long as their values say, each panel on its own scale", () => {
    const panels = [
      { title: "one", bars: [bar("a", 50), bar("b", 100)] },
      { title: "two", bars: [bar("a", 3), bar("b", 0)] },
    ];
    const widths = numbers(barChart("both", panels), /width='([\d.]+)' height='12' fill='#123456'/g);
    expect(widths).toHaveLength(4);
    const [half, full, alone, none] = widths;
    expect(half).toBeCloseTo(full / 2);
    expect(alone).toBe(full);
    expect(none).toBe(0);
  });

  test("of nothing but zeros, or none at all, are still a chart", () => {
    expect(barChart("zeros", [{ title: "zero", bars: [bar("a", 0)] }])).not.toContain("NaN");
    expect(barChart("none", [{ title: "none", bars: [] }])).not.toContain("NaN");
  });

  test("carry names as text, never as markup", () => {
    const svg = barChart("<a & 'b'>", [{ title: "x < y", bars: [bar("<script>", 1)] }]);
    expect(svg).not.toMatch(/<script>|<a /);
    expect(svg).toContain("&lt;script&gt;");
    const opened = svg.match(/<(text|title|svg)\b/g)?.length;
    expect(svg.match(/<\/(text|title|svg)>/g)?.length).toBe(opened);
  });
});

describe("lines", () => {
  test("go up where values do, over a logarithmic axis", () => {
    const points = [
      { x: 1, y: 10 },
      { x: 10, y: 20 },
      { x: 100, y: 40 },
    ];
    const svg = lineChart("growth", "ports", "kpps", [{ label: "a", colour: COLOUR, points }]);
    const x = numbers(svg, /<circle cx='([\d.]+)'/g);
    const y = numbers(svg, /<circle cx='[\d.]+' cy='([\d.]+)'/g);
    expect(x[1] - x[0]).toBeCloseTo(x[2] - x[1]);
    expect(y[0]).toBeGreaterThan(y[1]);
    // 40 is the axis' end and 0 its beginning, so 20 is in the middle.
    const base = y[2] + (y[1] - y[2]) * 2;
    expect(base - y[0]).toBeCloseTo((base - y[2]) / 4);
  });

  test("of a single point have a place", () => {
    const svg = lineChart("one", "x", "y", [{ label: "a", colour: COLOUR, points: [{ x: 5, y: 0 }] }]);
    expect(svg).not.toContain("NaN");
  });
});

test("a section's figures become a file for each unit and each curve", () => {
  const samples = new Samples();
  const curve = (x: number) => ({ title: "rate by ports", axis: "ports", x });
  const rows: Row[] = [
    { title: "rate", unit: "kpps", digits: 0, better: "more" },
    { title: "other rate", unit: "kpps", digits: 0, better: "more" },
    { title: "time", unit: "µs", digits: 0, better: "less" },
    { title: "2 ports", unit: "kpps", digits: 0, curve: curve(2) },
    { title: "10 ports", unit: "kpps", digits: 0, curve: curve(10) },
  ];
  for (const [index, row] of rows.entries()) samples.add("kernel-bridge", row.title, index + 1);
  const plots = plotsOf({ name: "s", title: "S" }, rows, ["kernel-bridge", "dgram"], samples);
  expect(plots.map((plot) => plot.name)).toEqual(["s--kpps", "s--us", "s--rate-by-ports"]);
  expect(plots[0].svg).toContain(">other rate<");
  expect(plots[2].svg.match(/<circle/g)).toHaveLength(2);
  // A peer without samples is in no chart.
  expect(plots.map((plot) => plot.svg).join("")).not.toContain("dgram");
});

test("lines of one chart differ in colour, peers or not", () => {
  const samples = new Samples();
  const labels = ["kernel-bridge", "measured", "limit"];
  for (const label of labels) samples.add(label, "rate", 1);
  const rows: Row[] = [{ title: "rate", unit: "ns", digits: 0, curve: { title: "c", axis: "a", x: 2 } }];
  const [plot] = plotsOf({ name: "s", title: "S" }, rows, labels, samples);
  const colours = [...plot.svg.matchAll(/<circle [^>]*fill='(#\w+)'/g)].map((match) => match[1]);
  expect(new Set(colours).size).toBe(3);
});
