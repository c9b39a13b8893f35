// What `vxswitch top` shows at a moment, and how keys and answers of the daemon change it. Pure: nothing is read or written.
import type { TalkersView } from "../activity/talkers-view.ts";
import type { FdbView, PortView } from "../server/views.ts";
import { COLUMNS, type ColumnLetter, type Rates, type Row, rowsOf } from "./rows.ts";

/** A port that is looked at closely. */
export interface PortDetail {
  readonly key: string;
  /** null for the underlay. */
  readonly port: PortView | null;
  readonly addresses: readonly FdbView[];
}

/** One look at the switch. */
export interface Look {
  readonly rates: Rates;
  readonly talkers: TalkersView | null;
  readonly detail: PortDetail | null;
}

export interface TopState {
  readonly look: Look | null;
  /** Why there are no newer figures; "" while there are. */
  readonly problem: string;
  readonly isPaused: boolean;
  /** null: as configured. */
  readonly sortedBy: ColumnLetter | null;
  readonly isReversed: boolean;
  /** The row that is pointed at; null before the first arrow. */
  readonly selected: string | null;
  readonly view: "list" | "port" | "help";
  readonly showsTalkers: boolean;
  readonly isOver: boolean;
}

export const FIRST_STATE: TopState = {
  look: null,
  problem: "",
  isPaused: false,
  sortedBy: null,
  isReversed: false,
  selected: null,
  view: "list",
  showsTalkers: true,
  isOver: false,
};

export type TopEvent =
  | { readonly type: "key"; readonly key: string }
  | { readonly type: "look"; readonly look: Look }
  | { readonly type: "problem"; readonly text: string };

/** The keys, for the help; those of columns beside them. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["up, down, k, j", "point at a port (page up, page down, home, end: further)"],
  ["enter", "look at this port closely"],
  ["< and >", "sort by the column to the left, to the right"],
  ["n", "as configured, not sorted"],
  ["i", "invert the order"],
  ["p, space", "pause, go on"],
  ["m", "show who talks with whom (MAC pairs), or not; only while it is shown is it counted"],
  ["h, ?", "this help"],
  ["q, escape", "back, or end"],
];

/** Rows that a page has, whatever the terminal's height. */
const PAGE_ROWS = 10;

/** The state after an event. */
export function reduce(state: TopState, event: TopEvent): TopState {
  switch (event.type) {
    case "look":
      return state.isPaused ? { ...state, problem: "" } : { ...state, look: event.look, problem: "" };
    case "problem":
      return { ...state, problem: event.text };
    case "key":
      return afterKey(state, event.key);
  }
}

function afterKey(state: TopState, key: string): TopState {
  if (key === "ctrl-c") return { ...state, isOver: true };
  if (key === "q" || key === "escape") {
    return state.view === "list" ? { ...state, isOver: true } : { ...state, view: "list" };
  }
  if (key === "h" || key === "?") return { ...state, view: state.view === "help" ? "list" : "help" };
  if (key === "p" || key === "space") return { ...state, isPaused: !state.isPaused };
  if (state.view !== "list") return state;
  return afterListKey(state, key);
}

function afterListKey(state: TopState, key: string): TopState {
  switch (key) {
    case "up":
    case "k":
      return pointAt(state, -1);
    case "down":
    case "j":
      return pointAt(state, 1);
    case "pageup":
      return pointAt(state, -PAGE_ROWS);
    case "pagedown":
      return pointAt(state, PAGE_ROWS);
    case "home":
      return pointAt(state, -Infinity);
    case "end":
      return pointAt(state, Infinity);
    case "enter":
      return openPort(state);
    case "i":
      return { ...state, isReversed: !state.isReversed };
    case "m":
      return { ...state, showsTalkers: !state.showsTalkers };
    case "n":
      return { ...state, sortedBy: null, isReversed: false };
    case "<":
      return sortBeside(state, -1);
    case ">":
      return sortBeside(state, 1);
  }
  const column = COLUMNS.find(({ letter }) => letter === key);
  return column === undefined ? state : { ...state, sortedBy: column.letter, isReversed: false };
}

function openPort(state: TopState): TopState {
  const selected = state.selected ?? sortedRows(state)[0]?.key ?? null;
  return selected === null ? state : { ...state, selected, view: "port" };
}

function pointAt(state: TopState, by: number): TopState {
  const rows = sortedRows(state);
  if (rows.length === 0) return state;
  const from = rows.findIndex(({ key }) => key === state.selected);
  const to = from < 0 && by > 0 ? by - 1 : from + by;
  return { ...state, selected: rows[Math.min(Math.max(to, 0), rows.length - 1)].key };
}

/** The column beside that of now; beyond the first stands the order of the configuration. */
function sortBeside(state: TopState, by: number): TopState {
  const index = COLUMNS.findIndex(({ letter }) => letter === state.sortedBy) + by;
  const column = COLUMNS[Math.min(index, COLUMNS.length - 1)];
  return { ...state, sortedBy: index < 0 ? null : column.letter };
}

/** The rows in the order that is wanted: the largest first, the unknown last, equals as configured. */
export function sortedRows({ look, sortedBy, isReversed }: TopState): Row[] {
  if (look === null) return [];
  const rows = rowsOf(look.rates);
  if (sortedBy !== null) {
    const value = ({ values }: Row) => values[sortedBy] ?? -1;
    rows.sort((one, other) => value(other) - value(one));
  }
  return isReversed ? rows.reverse() : rows;
}
