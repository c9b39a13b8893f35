// GET /v1/fdb-search: the part of the FDB that a page shows. The whole of it may be a million rows, of which a browser
// would draw a hundred; so the search is made here, and the rows are taken from the data plane once for all who ask.
import type { Hono } from "hono";
import type { Dataplane, FdbRow } from "../../dataplane/spec.ts";
import { fdbView } from "../server/views.ts";

const ROWS_DEFAULT = 100;
const ROWS_MAX = 1000;
/** So old may the rows be, at least; more if it takes long to have them, which then is a small part of the time. */
const FRESH_MS = 1000;
const REST_FACTOR = 10;

/** `search` is a part of a MAC, port, bridge or VTEP; several words all have to be there, any of those with commas. */
export function addFdbSearch(app: Hono, dataplane: Dataplane): void {
  const rows = kept(() => dataplane.fdb());
  app.get("/v1/fdb-search", (c) => {
    const words = (c.req.query("search") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const limit = Math.min(ROWS_MAX, Math.max(1, Number(c.req.query("limit")) || ROWS_DEFAULT));
    const found = rows().filter((row) => matches(row, words));
    return c.json({ total: found.length, rows: found.slice(0, limit).map(fdbView) });
  });
}

function matches({ bridge, vlan, mac, port, remote }: FdbRow, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${mac} ${port} ${bridge} ${remote ?? ""} vlan=${vlan}`.toLowerCase();
  return words.every((word) => word.split(",").some((part) => part !== "" && text.includes(part)));
}

function kept(read: () => FdbRow[]): () => FdbRow[] {
  let rows: FdbRow[] = [];
  let freshUntil = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now < freshUntil) return rows;
    rows = read();
    const took = performance.now() - now;
    freshUntil = now + Math.max(FRESH_MS, REST_FACTOR * took);
    return rows;
  };
}
