// What becomes of the forwarding rate with more ports, more addresses, more copies of a frame. All of it is counted in the
// second client, which takes every frame apart once and learns nothing: its part is the same in each row.

import { type Addresses, BACK, generate, type Route, THERE } from "../generator.ts";
import { hush } from "../lab.ts";
import type { Figure, Measure } from "./measure.ts";
import { AT_FULL_RATE, cpuFigures, observe } from "./window.ts";

const FRAMES = { sizes: [64], flows: 64 };
/** Room for all addresses of every row, so that only their number differs. */
const ADDRESSES_MAX = 1 << 20;
/** Below what any of these switches forwards, so that each address is learnt. */
const TEACHING_PER_SECOND = 100_000;
const WARM_UP_SECONDS = 1;
/** Nobody has it: the switch floods, every time. */
const UNKNOWN: Addresses = { first: "02:ff:00:00:00:01", count: 1 };

/** Frames between two of so many ports. */
export function growPorts(ports: number): Measure {
  const title = `64-byte frames, 64 flows, ${ports.toLocaleString("en")} ports`;
  return {
    name: `ports-${ports}`,
    title,
    layout: { extraPorts: ports - 2 }, // with none, too, a switch of its own: each row begins alike
    run: async (setting) => {
      await prepare();
      const window = await observe(setting, { ...FRAMES, rate: AT_FULL_RATE });
      const curve = { title: "64-byte frames by number of ports", axis: "ports", x: ports };
      return [
        { ...rate(title, window.delivered / window.seconds), curve },
        ...details(cpuFigures(title, setting.peer, window)),
      ];
    },
  };
}

/** Frames from half of so many addresses to the other half, all of them learnt before. */
export function growAddresses(addresses: number): Measure {
  const title = `64-byte frames, 64 flows, ${addresses.toLocaleString("en")} addresses`;
  const sources = { first: "02:a1:00:00:00:00", count: addresses / 2 };
  const destinations = { first: "02:a2:00:00:00:00", count: addresses / 2 };
  return {
    name: `addresses-${addresses}`,
    title,
    // A third port gets what is flooded: it shows that the addresses are known.
    layout: { extraPorts: 1, addressesMax: ADDRESSES_MAX },
    run: async (setting) => {
      await prepare();
      await teach(THERE, sources);
      await teach(BACK, destinations);
      const window = await observe(setting, { ...FRAMES, rate: AT_FULL_RATE, sources, destinations });
      const flooded = (window.deliveredToExtra / window.delivered) * 100;
      const curve = { title: "64-byte frames by number of addresses", axis: "addresses", x: addresses };
      return [
        { ...rate(title, window.delivered / window.seconds), curve },
        { title: `${title}: flooded`, unit: "%", digits: 2, detail: true, value: flooded },
        ...details(cpuFigures(title, setting.peer, window)),
      ];
    },
  };
}

/** Frames to an address that nobody has: each leaves by so many ports. */
export function growFlood(ports: number): Measure {
  const title = `flood to ${ports} ports`;
  return {
    name: `flood-${ports}`,
    title,
    layout: { extraPorts: ports - 1 },
    run: async (setting) => {
      await prepare();
      const window = await observe(setting, { ...FRAMES, rate: AT_FULL_RATE, destinations: UNKNOWN });
      const copiesPerSecond = (window.delivered + window.deliveredToExtra) / window.seconds;
      const share = (window.deliveredToExtra / (window.delivered * (ports - 1))) * 100;
      return [
        {
          ...rate(`${title}: copies`, copiesPerSecond),
          curve: { title: "Copies of floods", axis: "ports", x: ports },
        },
        {
          curve: { title: "Time that a flooded frame takes", axis: "ports", x: ports },
          title: `${title}: time a frame takes`,
          unit: "µs",
          digits: 1,
          better: "less",
          value: (ports * 1e6) / copiesPerSecond,
        },
        {
          title: `${title}: copies to the others, a copy to client2`,
          unit: "%",
          digits: 0,
          detail: true,
          value: share,
        },
        ...details(cpuFigures(`${title}: a copy`, setting.peer, window)),
      ];
    },
  };
}

/** Code that has become hot in an earlier row must be hot in the first one too. */
async function prepare(): Promise<void> {
  hush();
  await generate({ ...FRAMES, rate: AT_FULL_RATE, seconds: WARM_UP_SECONDS }).sent;
}

/** Sends one frame from each address. */
export async function teach(
  route: Route,
  sources: Addresses,
  perSecond = TEACHING_PER_SECOND,
): Promise<void> {
  const seconds = sources.count / perSecond + 2;
  await generate({ ...FRAMES, route, sources, rate: perSecond, frames: sources.count, seconds }).sent;
}

function rate(title: string, perSecond: number): Figure {
  return { title, unit: "kpps", digits: 0, better: "more", value: perSecond / 1000 };
}

function details(figures: readonly Figure[]): Figure[] {
  return figures.map((figure) => ({ ...figure, detail: true }));
}
