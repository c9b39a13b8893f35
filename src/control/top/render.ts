// A state of `vxswitch top` -> the lines of its screen, none wider and no more of them than there is room for. Pure.
import { renderPort } from "./render-port.ts";
import { COLUMNS, type Column, cellText, type Row, SPARKLINE_RANK } from "./rows.ts";
import { type Line, line } from "./screen.ts";
import { sparkline } from "./sparkline.ts";
import { KEYS, sortedRows, type TopState } from "./state.ts";
import { bitsText, sizeText, uptimeText } from "./units.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const NAME_WIDTH_MIN = 8;
const NAME_WIDTH_MAX = 32;
const SPARKLINE_WIDTH_MIN = 12;
const SPARKLINE_WIDTH_MAX = 60;
/** Of the parts below the table; the table has at least as many lines as that. */
const TALKERS_MAX = 5;
const MIRRORS_MAX = 4;
const BRIDGES_MAX = 3;
const TABLE_LINES_MIN = 6;

/** The whole screen. */
export function render(state: TopState, size: Size, isUnicode: boolean): Line[] {
  const lines = [...headerLines(state), ...bodyLines(state, size, isUnicode)].slice(0, size.rows - 1);
  const padding = Array.from({ length: size.rows - 1 - lines.length }, () => line(""));
  const screen = [...lines, ...padding, footer(state)].slice(-size.rows);
  return screen.map(({ text, look }) => line(text.slice(0, size.columns).trimEnd(), look));
}

function headerLines({ look, problem, isPaused }: TopState): Line[] {
  const lines = problem === "" ? [] : [line(problem, "alarm")];
  if (look === null) return [...lines, line("waiting for the first figures")];
  const { rates } = look;
  const { total, underlay, workers } = rates;
  const alive = workers.filter((worker) => worker.alive).length;
  const isWell = rates.alive && alive === workers.length;
  const queue =
    underlay.receive_queue_bytes > 0 ? `, UDP queue ${sizeText(underlay.receive_queue_bytes)}` : "";
  return [
    ...lines,
    line(
      `vxswitch ${rates.version}  up ${uptimeText(rates.uptime_seconds)}  ` +
        `workers ${alive}/${workers.length} alive${restarts(rates.worker_restarts)}${isPaused ? "  PAUSED" : ""}`,
      isWell ? "bold" : "alarm",
    ),
    line(
      `in ${total.rx_packets.toFixed(0)} pck/s ${bitsText(total.rx_bytes)}, ` +
        `out ${total.tx_packets.toFixed(0)} pck/s ${bitsText(total.tx_bytes)}, ` +
        `dropped ${total.drops.toFixed(0)} pck/s${queue}`,
    ),
    ...rates.bridges.slice(0, BRIDGES_MAX).map(({ bridge, rates: of }) => {
      const learning = `learnt ${number(of.fdb_learned)}/s, moved ${number(of.fdb_moved)}/s`;
      return line(
        `bridge ${bridge}: FDB ${number(of.fdb_entries)}, ${learning}, flooded ${number(of.flood_copies)}/s`,
      );
    }),
  ];
}

function restarts(count: number): string {
  return count === 0 ? "" : `, ${count} restarts`;
}

function bodyLines(state: TopState, size: Size, isUnicode: boolean): Line[] {
  if (state.view === "help") return helpLines();
  if (state.look === null) return [];
  if (state.view === "port") return renderPort(state, size.columns, isUnicode);
  const below = [...mirrorLines(state), ...talkerLines(state)];
  const room = size.rows - 1 - headerLines(state).length - 2;
  const fits = room - below.length >= Math.min(TABLE_LINES_MIN, sortedRows(state).length);
  return [
    line(""),
    ...tableLines(state, size.columns, fits ? room - below.length : room, isUnicode),
    ...(fits ? below : []),
  ];
}

/** The heading and as many rows as fit, among them the one that is pointed at. */
function tableLines(state: TopState, width: number, rowsMax: number, isUnicode: boolean): Line[] {
  const rows = sortedRows(state);
  const nameWidth = Math.min(
    Math.max(NAME_WIDTH_MIN, ...rows.map(({ key }) => key.length)),
    Math.max(NAME_WIDTH_MIN, Math.min(NAME_WIDTH_MAX, Math.floor(width / 2))),
  );
  const layout = layOut(width - nameWidth);
  const pointed = rows.findIndex(({ key }) => key === state.selected);
  const first = Math.max(0, Math.min(pointed - Math.floor(rowsMax / 2), rows.length - rowsMax));
  const mark = state.isReversed ? "^" : "*";
  const headings = layout.columns.map(({ letter, heading, width: of }) =>
    `${heading}${letter === state.sortedBy ? mark : ""}`.padStart(of),
  );
  const minute = layout.sparklineWidth > 0 ? ` ${"last minute".padStart(layout.sparklineWidth)}` : "";
  return [
    line("PORT".padEnd(nameWidth) + headings.join("") + minute, "bold"),
    ...rows.slice(first, first + Math.max(rowsMax, 0)).map((row) => {
      const cells = layout.columns.map((column) =>
        cellText(column, row.values[column.letter]).padStart(column.width),
      );
      const spark =
        layout.sparklineWidth > 0 ? ` ${sparkline(row.minute, layout.sparklineWidth, isUnicode)}` : "";
      return line(row.key.slice(0, nameWidth).padEnd(nameWidth) + cells.join("") + spark, lookOf(row, state));
    }),
  ];
}

function lookOf({ key, isDown, values }: Row, { selected }: TopState): Line["look"] {
  if (key === selected) return "pointed";
  if (isDown) return "alarm";
  return (values.d ?? 0) > 0 ? "warning" : "plain";
}

interface Layout {
  readonly columns: readonly Column[];
  /** 0 = there is no room for it. */
  readonly sparklineWidth: number;
}

/** Which columns fit into a width, those of the highest rank first, in their usual order; the sparkline takes the rest. */
export function layOut(width: number): Layout {
  const chosen = new Set<Column>();
  let left = width;
  let keepsSparkline = false;
  for (const column of COLUMNS.toSorted((one, other) => other.rank - one.rank)) {
    if (column.rank < SPARKLINE_RANK && !keepsSparkline) {
      keepsSparkline = true;
      left -= SPARKLINE_WIDTH_MIN + 1;
    }
    if (column.width + 1 > left) break;
    chosen.add(column);
    left -= column.width + 1;
  }
  const room = left + (keepsSparkline ? SPARKLINE_WIDTH_MIN + 1 : 0) - 1;
  return {
    columns: COLUMNS.filter((column) => chosen.has(column)).map((column) => ({
      ...column,
      width: column.width + 1,
    })),
    sparklineWidth: room < SPARKLINE_WIDTH_MIN ? 0 : Math.min(room, SPARKLINE_WIDTH_MAX),
  };
}

function mirrorLines({ look }: TopState): Line[] {
  const mirrors = look?.rates.mirrors.slice(0, MIRRORS_MAX) ?? [];
  return mirrors.map(({ bridge, mirror, state, queue_bytes: queue, rates }) => {
    const bytes = bitsText(rates.bytes ?? 0);
    const text = `${number(rates.packets)} pck/s ${bytes}, lost ${number(rates.drops)}/s, waiting ${sizeText(queue)}`;
    const isWell = state === "up" && !rates.drops;
    return line(
      `mirror ${bridge}/${mirror}: ${state === "up" ? text : "down"}`,
      isWell ? "plain" : "warning",
    );
  });
}

function talkerLines({ look, showsTalkers }: TopState): Line[] {
  const talkers = look?.talkers?.talkers.slice(0, TALKERS_MAX) ?? [];
  if (!showsTalkers || talkers.length === 0) return [];
  return [
    line(
      `${"MAC PAIR".padEnd(39)}${"VLAN".padStart(5)}${"pck/s".padStart(12)}${"Mb/s".padStart(10)}  BRIDGE`,
      "bold",
    ),
    ...talkers.map(({ bridge, vlan, source, destination, packets, bytes }) => {
      const megabits = ((bytes * 8) / 1e6).toFixed(2);
      const pair = `${source} > ${destination}`.padEnd(39);
      return line(
        `${pair}${String(vlan).padStart(5)}${packets.toFixed(0).padStart(12)}${megabits.padStart(10)}  ${bridge}`,
      );
    }),
  ];
}

function helpLines(): Line[] {
  return [
    line(""),
    ...KEYS.map(([keys, meaning]) => line(`  ${keys.padEnd(16)}${meaning}`)),
    line(""),
    line("  a column's letter sorts by it:"),
    ...COLUMNS.map(({ letter, heading, meaning }) => line(`  ${letter} ${heading.padEnd(14)}${meaning}`)),
  ];
}

function footer({ view }: TopState): Line {
  if (view === "help") return line("q back");
  if (view === "port") return line("q back  p pause  h help");
  return line("q quit  enter look closely  < > sort  i invert  p pause  m MAC pairs  h help");
}

function number(value: number | null): string {
  return value === null ? "-" : value.toFixed(0);
}
