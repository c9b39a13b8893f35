// `show drops` for people: what was dropped, and for each reason that occurs why that is, what to do, and the last such frame.
import { frameText } from "../capture/frame-text.ts";
import type { DropView } from "../server/views.ts";
import { paragraph } from "./paragraph.ts";
import { table } from "./table.ts";

/** `show drops`: the counts, and below them each reason that occurs, explained once, with the last frame that is kept. */
export function dropsText(drops: readonly DropView[]): string {
  const rows = drops.map(({ bridge, port, count, reason }) => [bridge, port, count, reason]);
  const reasons = new Map(drops.map((drop) => [drop.reason, drop]));
  const explained = [...reasons.values()].map(
    ({ reason, text, remedy }) =>
      `\n${paragraph(`${reason}: ${text}.`)}${paragraph(remedy, "    ")}${lastDropText(drops, reason).join("")}`,
  );
  return table(["bridge", "port", "count", "reason"], rows) + explained.join("");
}

function lastDropText(drops: readonly DropView[], reason: string): string[] {
  const recent = drops
    .filter((row) => row.reason === reason)
    .flatMap((row) => row.recent.map((frame) => ({ ...frame, isFrame: row.port !== "underlay" })));
  const [latest] = recent.sort((one, other) => other.time.localeCompare(one.time));
  if (latest === undefined) return [];
  const { time, port, isFrame, length, bytes } = latest;
  // What no port took is a datagram, of whatever make.
  const what = isFrame ? ` ${frameText(Buffer.from(bytes, "hex"))}` : "";
  return [`last ${reason}: ${time} from ${port ?? "a port that has gone"}${what}, length ${length}\n`];
}
