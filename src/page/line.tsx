// One direction of a cable: dashes that move with the frames, thicker and faster the more there are. The speed changes
// without a jump; where motion is not wanted the dashes stand still and the thickness tells.
import { useEffect, useRef } from "preact/hooks";
import { speedOf, thicknessOf, weightOf } from "./weight.ts";

/** Of dash and gap, in pixels. */
const PERIOD = 24;

export function Line({ path, packets, kind }: { path: string; packets: number; kind: "rx" | "tx" }) {
  const ref = useRef<SVGPathElement>(null);
  const animation = useRef<Animation | null>(null);
  const weight = weightOf(packets);
  useEffect(() => {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    // A path runs from the port to the bridge: what is received moves along it, what is transmitted against it.
    const offsets = kind === "rx" ? [PERIOD, 0] : [0, PERIOD];
    const frames = offsets.map((offset) => ({ strokeDashoffset: `${offset}px` }));
    animation.current = (ref.current as SVGPathElement).animate(frames, {
      duration: 1000,
      iterations: Infinity,
    });
    animation.current.pause();
    return () => animation.current?.cancel();
  }, [kind]);
  useEffect(() => {
    const motion = animation.current;
    if (motion === null) return;
    if (weight === 0) motion.pause();
    else {
      motion.updatePlaybackRate(speedOf(weight));
      motion.play();
    }
  }, [weight]);
  const hidden = weight === 0 ? " idle" : "";
  return (
    <path
      ref={ref}
      class={`flow ${kind}${hidden}`}
      d={path}
      style={{ strokeWidth: `${thicknessOf(weight)}px` }}
    />
  );
}
