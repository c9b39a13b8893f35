// The words of `vxswitch trace`: pairs of a word and its value, of which some say where the frame comes in and the others what it is.
import { Refusal } from "../refusal.ts";
import type { TraceBody } from "../server/trace.ts";
import { addressOf, FRAME_WORDS, type FrameWords, numberOf } from "./frame-words.ts";

/** The words that say where, with what their values are. */
export const PLACE_WORDS: Readonly<Record<string, string>> = {
  in: "PORT, or BRIDGE/PORT",
  from: "ADDRESS of the VTEP that sends",
  vni: "N",
  dstport: "N, the UDP port of the switch",
};

export interface Words {
  readonly place: Omit<TraceBody, "frame">;
  readonly frame: FrameWords;
}

/** Throws a Refusal that says what the words are. */
export function readWords(words: readonly string[]): Words {
  const place: Record<string, string> = {};
  const frame: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) {
    const [word, value] = [words[i]!, words[i + 1]];
    const group = Object.hasOwn(PLACE_WORDS, word) ? place : Object.hasOwn(FRAME_WORDS, word) ? frame : null;
    if (group === null) {
      const known = [...Object.keys(PLACE_WORDS), ...Object.keys(FRAME_WORDS)].join(", ");
      throw new Refusal(`${JSON.stringify(word)} is no word of a trace; they are ${known}`);
    }
    if (value === undefined)
      throw new Refusal(`${word} lacks its value: ${(PLACE_WORDS[word] ?? FRAME_WORDS[word])!}`);
    if (group[word] !== undefined) throw new Refusal(`${word} is given twice`);
    group[word] = value;
  }
  return { place: placeOf(place), frame };
}

function placeOf({
  in: where,
  from,
  vni,
  dstport,
}: Readonly<Record<string, string>>): Omit<TraceBody, "frame"> {
  if (where === undefined && (from === undefined) !== (vni === undefined)) throw nowhere();
  if (where !== undefined && vni !== undefined)
    throw new Refusal("a port has its VNI: give in PORT, or from ADDRESS vni N");
  if (from !== undefined) addressOf("from", from);
  const slash = where?.indexOf("/") ?? -1;
  return {
    bridge: slash < 0 ? null : where!.slice(0, slash),
    port: where === undefined ? null : where.slice(slash + 1),
    remote: from ?? null,
    vni: vni === undefined ? null : numberOf("vni", vni, 2 ** 24 - 1),
    ...(dstport === undefined ? {} : { dstport: portOf(dstport) }),
  };
}

/** Whether the words say where the frame comes in; else only a capture of datagrams may. */
export function isPlaced({ port, remote }: Words["place"]): boolean {
  return port !== null || remote !== null;
}

/** Why a frame cannot be asked about that comes in nowhere. */
export function nowhere(): Refusal {
  return new Refusal("say where the frame comes in: in PORT, or from ADDRESS vni N");
}

function portOf(text: string): number {
  const port = numberOf("dstport", text, 65_535);
  if (port > 0) return port;
  throw new Refusal("dstport: there is no UDP port 0");
}
