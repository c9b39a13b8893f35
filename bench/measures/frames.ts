// Frames a second, delivered into the second client's own vxlan0. The generator offers more than any switch here forwards.

import type { Figure, Measure } from "./measure.ts";
import { AT_FULL_RATE, cpuFigures, observe, type Window } from "./window.ts";

/** The largest inner frame whose datagram an underlay MTU of 1500 carries: 1518 on the wire, checksum included. */
export const LARGEST_FRAME = 1464;

/** Sizes of frames in the order in which they leave, each of another flow than the one before. */
export interface Mixture {
  readonly name: string;
  readonly title: string;
  readonly sizes: readonly number[];
}

/** No two neighbours are alike, neither in flow nor in length: nothing can be forwarded as a run. */
export const ALTERNATING: Mixture = {
  name: "alternating",
  title: "64 and 1400 bytes alternating",
  sizes: [64, 1400],
};

/** The simple IMIX, 7 : 4 : 1, spread so that large and small alternate as far as they go. */
export const IMIX: Mixture = {
  name: "imix",
  title: `IMIX (7 × 64, 4 × 594, 1 × ${LARGEST_FRAME} bytes)`,
  sizes: [64, 594, 64, 594, 64, LARGEST_FRAME, 64, 594, 64, 594, 64, 64],
};

/** Delivered frames a second under overload. */
export function frames(size: number | Mixture, flows: number): Measure {
  const mixture =
    typeof size === "number" ? { name: String(size), title: `${size}-byte frames`, sizes: [size] } : size;
  const title = `${mixture.title}, ${flows} ${flows === 1 ? "flow" : "flows"}`;
  return {
    name: `frames-${mixture.name}-${flows}`,
    title,
    run: async (setting) => {
      const window = await observe(setting, { sizes: mixture.sizes, flows, rate: AT_FULL_RATE });
      const row = { unit: "kpps", digits: 0 };
      return [
        { ...row, title, better: "more", value: window.delivered / window.seconds / 1000 },
        { ...row, title: `${title}: offered`, detail: true, value: window.offeredPerSecond / 1000 },
        ...overflow(title, window),
        ...cpuFigures(title, setting.peer, window).map((figure) => ({ ...figure, detail: true })),
      ];
    },
  };
}

/** CPU time a frame costs at a rate that each switch forwards without loss. */
export function cpuPerFrame(size: number, flows: number, rate: number): Measure {
  const title = `CPU, ${size}-byte frames, ${flows} flows at ${rate / 1000} kpps`;
  return {
    name: "cpu",
    title,
    run: async (setting) => {
      const window = await observe(setting, { sizes: [size], flows, rate });
      const share = (window.delivered / window.seconds / window.offeredPerSecond) * 100;
      return [
        ...cpuFigures(title, setting.peer, window),
        { title: `${title}: delivered`, unit: "%", digits: 1, detail: true, value: share },
      ];
    },
  };
}

function overflow(title: string, window: Window): Figure[] {
  const value = window.overflowed / window.seconds / 1000;
  return [{ title: `${title}: overflowed in client2`, unit: "kpps", digits: 0, detail: true, value }];
}
