// What `vxswitch trace` asks about the frames of a capture: where they come in is said by its words, or, in a capture of the
// underlay, by each datagram itself.
import { VXLAN_DSTPORT_DEFAULT } from "../config/limits.ts";
import { Refusal } from "../refusal.ts";
import type { TraceBody } from "../server/trace.ts";
import type { CapturedFrame } from "./capture-file.ts";
import { isPlaced, type Words } from "./place-words.ts";
import { vxlanDatagramIn } from "./vxlan-datagram.ts";

const NUMBERS_MAX = 5;

export interface CaptureQuestions {
  readonly questions: readonly { readonly number: number; readonly body: TraceBody }[];
  /** For who asks, beside the answers; null = nothing. */
  readonly note: string | null;
}

/** A question for each frame; throws a Refusal if nothing says where any of them comes in. */
export function captureQuestions(
  path: string,
  frames: readonly CapturedFrame[],
  place: Words["place"],
): CaptureQuestions {
  const dstport = place.dstport ?? VXLAN_DSTPORT_DEFAULT;
  const read = frames.map(({ number, bytes }) => {
    return { number, bytes, datagram: vxlanDatagramIn(bytes, dstport) };
  });
  const datagrams = read.flatMap(({ number, datagram }) => (datagram === null ? [] : [{ number, datagram }]));
  const what = `VXLAN datagram to UDP port ${dstport}`;
  if (isPlaced(place)) {
    const remedy = "leave out where it comes in, and it is traced by the VTEP that sends it";
    const note = `${path}: a ${what} is traced as an inner frame, as the words have it ${numbersText(datagrams)}: ${remedy}`;
    return {
      questions: read.map(({ number, bytes }) => {
        return { number, body: { ...place, frame: bytes.toString("hex") } };
      }),
      note: datagrams.length === 0 ? null : note,
    };
  }
  if (datagrams.length === 0)
    throw new Refusal(
      `${path} has no ${what} ${numbersText(read)}, which would tell where it comes in: ` +
        "say so with in PORT or from ADDRESS vni N, or another port with dstport N",
    );
  const others = read.filter(({ datagram }) => datagram === null);
  return {
    questions: datagrams.map(({ number, datagram: { remote, vni, frame } }) => {
      return { number, body: { ...place, remote, vni, frame: frame.toString("hex") } };
    }),
    note: others.length === 0 ? null : `${path}: what is no ${what} is passed by ${numbersText(others)}`,
  };
}

/** `(number 1, 3 and 7 more)`. */
function numbersText(frames: readonly { readonly number: number }[]): string {
  const numbers = frames.slice(0, NUMBERS_MAX).map(({ number }) => number);
  const more = frames.length - numbers.length;
  return `(number ${numbers.join(", ")}${more === 0 ? "" : ` and ${more} more`})`;
}
