// Charts as SVG text: bars in panels, lines over a logarithmic axis. Colours are fixed and stand on a card of their own, so
// a chart reads the same on a light page and on a dark one.

const CARD = "#f6f8fa";
const EDGE = "#d0d7de";
const INK = "#1f2328";
const FAINT = "#59636e";
const FONT = "font-family='Helvetica, Arial, sans-serif'";
const PADDING = 16;
const HEAD_HEIGHT = 30;
const LABEL_WIDTH = 134;
const VALUE_WIDTH = 62;
const BAR_WIDTH_MAX = 184;
const BAR_STEP = 18;
const BAR_HEIGHT = 12;
const TITLE_LINE = 15;
const TITLE_CHARACTERS_MAX = 50;
const PANEL_HEAD = 9;
const PANEL_GAP = 14;
const PANEL_WIDTH = LABEL_WIDTH + BAR_WIDTH_MAX + VALUE_WIDTH;
const PANEL_COLUMNS = 2;
const PLOT_WIDTH = 560;
const PLOT_HEIGHT = 220;
const AXIS_WIDTH = 56;
const AXIS_HEIGHT = 44;
const LEGEND_STEP = 18;
const TICKS = 4;

export interface Bar {
  readonly label: string;
  readonly colour: string;
  readonly value: number;
  /** The lowest and the highest sample; a thin line from one to the other. */
  readonly low: number;
  readonly high: number;
  /** The value as it is written beside the bar. */
  readonly text: string;
}

/** Bars of one unit and scale. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Series {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Panels of horizontal bars, two side by side, each with its own scale from zero. */
export function barChart(title: string, panels: readonly Panel[]): string {
  const columns = Math.min(PANEL_COLUMNS, panels.length);
  const width = 2 * PADDING + columns * PANEL_WIDTH + (columns - 1) * 2 * PANEL_GAP;
  const parts: string[] = [];
  let y = PADDING + HEAD_HEIGHT;
  for (let first = 0; first < panels.length; first += columns) {
    const row = panels.slice(first, first + columns);
    row.forEach((panel, column) => {
      parts.push(drawPanel(panel, PADDING + column * (PANEL_WIDTH + 2 * PANEL_GAP), y));
    });
    y += Math.max(...row.map(panelHeight)) + PANEL_GAP;
  }
  return card(title, width, y + PADDING - PANEL_GAP, parts);
}

/** Lines over a logarithmic x axis; y begins at zero. Points of a series are in the order of x. */
export function lineChart(title: string, xTitle: string, yTitle: string, series: readonly Series[]): string {
  const left = PADDING + AXIS_WIDTH;
  const top = PADDING + HEAD_HEIGHT + 16;
  const points = series.flatMap((one) => one.points);
  const xs = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const highest = roundUp(Math.max(0, ...points.map((point) => point.y)));
  const [low, high] = [Math.log(xs[0]), Math.log(xs[xs.length - 1])];
  const place = {
    x: (x: number) =>
      left + (high > low ? ((Math.log(x) - low) / (high - low)) * PLOT_WIDTH : PLOT_WIDTH / 2),
    y: (y: number) => top + PLOT_HEIGHT - (y / highest) * PLOT_HEIGHT,
  };
  const parts = [
    text(PADDING, top - 8, yTitle, { colour: FAINT }),
    ...ticks(highest).flatMap((y) => [
      line(left, place.y(y), left + PLOT_WIDTH, place.y(y), EDGE),
      text(left - 8, place.y(y) + 4, short(y), { anchor: "end", colour: FAINT }),
    ]),
    ...xs.map((x) =>
      text(place.x(x), top + PLOT_HEIGHT + 18, x.toLocaleString("en"), { anchor: "middle", colour: FAINT }),
    ),
    text(left + PLOT_WIDTH / 2, top + PLOT_HEIGHT + 36, xTitle, { anchor: "middle", colour: FAINT }),
    ...series.map((one) => drawSeries(one, place)),
    ...series.map((one, index) => legend(one, left, top + PLOT_HEIGHT + AXIS_HEIGHT + index * LEGEND_STEP)),
  ];
  const width = left + PLOT_WIDTH + 3 * PADDING;
  return card(title, width, top + PLOT_HEIGHT + AXIS_HEIGHT + series.length * LEGEND_STEP + PADDING, parts);
}

function headHeight({ title }: Panel): number {
  return PANEL_HEAD + wrapped(title).length * TITLE_LINE;
}

function panelHeight(panel: Panel): number {
  return headHeight(panel) + panel.bars.length * BAR_STEP;
}

function drawPanel(panel: Panel, x: number, y: number): string {
  const { title, bars } = panel;
  const highest = Math.max(0, ...bars.map((bar) => bar.high));
  const scale = highest > 0 ? BAR_WIDTH_MAX / highest : 0;
  const left = x + LABEL_WIDTH;
  const parts = bars.map((bar, index) => {
    const top = y + headHeight(panel) + index * BAR_STEP;
    const middle = top + BAR_HEIGHT / 2;
    return [
      text(left - 8, top + 10, bar.label, { anchor: "end" }),
      `<rect x='${left}' y='${top}' width='${number(bar.value * scale)}' height='${BAR_HEIGHT}' fill='${bar.colour}'/>`,
      line(left + bar.low * scale, middle, left + bar.high * scale, middle, INK),
      text(left + bar.high * scale + 6, top + 10, bar.text),
    ].join("");
  });
  const head = wrapped(title).map((words, index) =>
    text(x, y + 12 + index * TITLE_LINE, words, { weight: "bold" }),
  );
  return [...head, ...parts].join("\n");
}

function drawSeries(
  { colour, points }: Series,
  place: { x(x: number): number; y(y: number): number },
): string {
  const placed = points.map(({ x, y }) => `${number(place.x(x))},${number(place.y(y))}`);
  const dots = placed.map((point) => {
    const [x, y] = point.split(",");
    return `<circle cx='${x}' cy='${y}' r='3.5' fill='${colour}'/>`;
  });
  return `<polyline points='${placed.join(" ")}' fill='none' stroke='${colour}' stroke-width='2'/>${dots.join("")}`;
}

function legend({ label, colour }: Series, x: number, y: number): string {
  return `<rect x='${x}' y='${y}' width='12' height='12' fill='${colour}'/>${text(x + 20, y + 10, label)}`;
}

function card(title: string, width: number, height: number, parts: readonly string[]): string {
  const size = `width='${number(width)}' height='${number(height)}' viewBox='0 0 ${number(width)} ${number(height)}'`;
  return `${[
    `<svg xmlns='http://www.w3.org/2000/svg' ${size} role='img' ${FONT} font-size='12'>`,
    `<title>${escaped(title)}</title>`,
    `<rect x='0.5' y='0.5' width='${number(width - 1)}' height='${number(height - 1)}' rx='6' fill='${CARD}' stroke='${EDGE}'/>`,
    text(PADDING, PADDING + 14, title, { weight: "bold", size: 15 }),
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

interface TextStyle {
  readonly anchor?: "start" | "middle" | "end";
  readonly colour?: string;
  readonly weight?: "bold" | "normal";
  readonly size?: number;
}

function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { anchor = "start", colour = INK, weight = "normal", size = 12 } = style;
  const look = `text-anchor='${anchor}' fill='${colour}' font-weight='${weight}' font-size='${size}'`;
  return `<text x='${number(x)}' y='${number(y)}' ${look}>${escaped(words)}</text>`;
}

/** SVG does not break lines. */
function wrapped(title: string): string[] {
  const lines = [""];
  for (const word of title.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (longer.length <= TITLE_CHARACTERS_MAX) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1='${number(x1)}' y1='${number(y1)}' x2='${number(x2)}' y2='${number(y2)}' stroke='${colour}'/>`;
}

function escaped(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("'", "&#39;");
}

/** Two decimals are finer than any screen. */
function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function short(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** The next number that divides into round ticks. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 6, 8, 10].find((factor) => value <= factor * magnitude) ?? 10;
  return factor * magnitude;
}

function ticks(highest: number): number[] {
  return Array.from({ length: TICKS + 1 }, (_, index) => (highest / TICKS) * index);
}
