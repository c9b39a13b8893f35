// What became of a frame, as text: "in client1 (10.0.0.1, VNI 4100); out client2 (10.0.0.2, VNI 4100), tap0; mirror m1".
import { DROP_REASONS, type DropReasonName } from "../../dataplane/drop-reason.ts";
import type { CapturedFrame, FrameFate, FramePlace } from "../../dataplane/spec.ts";

const REASON_TEXTS = new Map<string, string>(DROP_REASONS.map(({ name, text }) => [name, text]));
const GONE = "a port that has gone";

/** The verdict of a frame in one line. */
export function verdictText({ from, sender, fates, hasMore }: CapturedFrame): string {
  const origin = sender === null ? `in ${placeText(from)}` : `from ${sender}`;
  const parts = [
    origin,
    listed(
      "out",
      fates.filter(isOf("sent")).map(({ place }) => placeText(place)),
    ),
    listed(
      "held by the cable of",
      fates.filter(isOf("held")).map(({ place }) => placeText(place)),
    ),
    listed(
      "mirror",
      fates.filter(isOf("mirrored")).map(({ mirror }) => mirror),
    ),
    ...fates.filter(isOf("dropped")).map((fate) => dropText(fate, from)),
    hasMore ? "and more" : "",
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function isOf<Kind extends FrameFate["kind"]>(kind: Kind) {
  return (fate: FrameFate): fate is Extract<FrameFate, { kind: Kind }> => fate.kind === kind;
}

function listed(word: string, things: readonly string[]): string {
  return things.length === 0 ? "" : `${word} ${things.join(", ")}`;
}

/** A drop on the way to a port names it; one where the frame came in does not. */
function dropText(
  { place, reason }: { place: FramePlace | null; reason: DropReasonName },
  from: FramePlace | null,
): string {
  const isHere = place === null || (place.bridge === from?.bridge && place.port === from.port);
  return `${isHere ? "" : `${place.port}: `}dropped: ${reason} (${REASON_TEXTS.get(reason)})`;
}

function placeText(place: FramePlace | null): string {
  if (place === null) return GONE;
  const { port, remote, vni } = place;
  if (vni === null) return port;
  return `${port} (${remote === null ? "" : `${remote}, `}VNI ${vni})`;
}
