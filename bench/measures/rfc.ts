// Measures of RFC 2544 and RFC 2889: what a switch does without losing or flooding a single frame, found by binary search.
// Every frame is counted: those that the generator's device took, those that arrived in each of the receiver's devices.
// The clients are hushed, so nothing else does. A trial that fails is tried once more, for the machine has other work
// too. Sizes are those of the inner frame without its checksum. A switch that works on the sender's own core slows the
// sender down instead of losing frames; its figure is then the highest rate that could be offered at all.

import { type Addresses, BACK, THERE } from "../generator.ts";
import { hush } from "../lab.ts";
import { type SearchRange, searchHighest, type Trial } from "../search.ts";
import { teach } from "./growth.ts";
import type { Measure, Setting } from "./measure.ts";
import { AT_FULL_RATE, sendAll } from "./window.ts";

const RETRIES = 1;
const RATE_RESOLUTION = 1 / 64;
const FLOWS = 64;
const BROADCAST: Addresses = { first: "ff:ff:ff:ff:ff:ff", count: 1 };
/** One further VTEP sees what is flooded. */
const THREE_PORTS = { extraPorts: 1 };

/** At most so many addresses are tried. */
const CAPACITY_MAX = 1 << 17;
const CAPACITY_RESOLUTION = 1 / 128;
/** Slow enough for a switch that takes a detour for each new address. */
const CAREFUL_PER_SECOND = 40_000;
const LEARNING_ADDRESSES = 32_768;
const LEARNING_ROOM = 65_536;

type Load = { readonly sizes: readonly number[]; readonly flows: number; readonly destinations?: Addresses };

/** RFC 2544: the highest rate without loss between two ports. */
export function throughput(size: number): Measure {
  const title = `without loss, ${size}-byte frames`;
  return {
    name: `rfc2544-${size}`,
    title,
    layout: THREE_PORTS,
    run: async (setting) => {
      const value = await lossFree(
        setting,
        { sizes: [size], flows: FLOWS },
        ({ sent, delivered }) => delivered >= sent,
      );
      const curve = { title: "Frames without loss by size", axis: "bytes of a frame", x: size };
      return [{ title, unit: "kpps", digits: 0, better: "more", curve, value: value / 1000 }];
    },
  };
}

/** RFC 2889: the highest rate of broadcasts that all reach both other ports. */
export const broadcast: Measure = {
  name: "rfc2889-broadcast",
  title: "without loss, broadcasts of 64 bytes to two ports",
  layout: THREE_PORTS,
  run: async (setting) => {
    const load = { sizes: [64], flows: FLOWS, destinations: BROADCAST };
    const value = await lossFree(
      setting,
      load,
      ({ sent, delivered, deliveredToExtra }) => delivered >= sent && deliveredToExtra >= sent,
    );
    return [{ title: broadcast.title, unit: "kpps", digits: 0, better: "more", value: value / 1000 }];
  },
};

/** RFC 2889: how many addresses behind one port are remembered with none of their frames flooded. */
export const addressCapacity: Measure = {
  name: "rfc2889-capacity",
  title: `addresses remembered, of ${CAPACITY_MAX.toLocaleString("en")} at most`,
  layout: THREE_PORTS,
  run: async (setting) => {
    hush();
    const range = { high: CAPACITY_MAX, resolution: CAPACITY_RESOLUTION, retries: RETRIES };
    const value = await searchHighest(range, async (load) => {
      const addresses = freshAddresses(Math.round(load));
      await teach(THERE, addresses, CAREFUL_PER_SECOND);
      return { load: addresses.count, passed: (await unknownOf(setting, addresses)) === 0 };
    });
    return [{ title: addressCapacity.title, unit: "addresses", digits: 0, better: "more", value }];
  },
};

/** RFC 2889: the highest rate at which new addresses can arrive and are all learnt. */
export const learningRate: Measure = {
  name: "rfc2889-learning",
  title: `addresses learnt a second, ${LEARNING_ADDRESSES.toLocaleString("en")} in a row`,
  layout: { ...THREE_PORTS, addressesMax: LEARNING_ROOM },
  run: async (setting) => {
    hush();
    const value = await searchRate(setting, async (rate) => {
      const sources = freshAddresses(LEARNING_ADDRESSES);
      const stream = { sizes: [64], flows: FLOWS, rate, sources, frames: sources.count, seconds: 10 };
      const { sent, seconds } = await sendAll(setting, stream);
      return { load: sent / seconds, passed: (await unknownOf(setting, sources)) === 0 };
    });
    return [{ title: learningRate.title, unit: "k/s", digits: 0, better: "more", value: value / 1000 }];
  },
};

type Outcome = Awaited<ReturnType<typeof sendAll>>;

async function lossFree(
  setting: Setting,
  load: Load,
  passed: (outcome: Outcome) => boolean,
): Promise<number> {
  hush();
  return searchRate(setting, async (rate) => {
    const outcome = await sendAll(setting, { ...load, rate, seconds: setting.seconds });
    return { load: outcome.sent / outcome.seconds, passed: passed(outcome) };
  });
}

/** Searches up to what the generator can offer this switch. */
async function searchRate(setting: Setting, tryRate: (rate: number) => Promise<Trial>): Promise<number> {
  const { sent, seconds } = await sendAll(setting, {
    sizes: [64],
    flows: FLOWS,
    rate: AT_FULL_RATE,
    seconds: 1,
  });
  const range: SearchRange = { high: sent / seconds, resolution: RATE_RESOLUTION, retries: RETRIES };
  return searchHighest(range, (rate) => tryRate(Math.max(1, Math.round(rate))));
}

/** How many of the first client's addresses the switch does not know: what is sent to those is flooded. */
async function unknownOf(setting: Setting, destinations: Addresses): Promise<number> {
  const seconds = destinations.count / CAREFUL_PER_SECOND + 2;
  const stream = { sizes: [64], flows: FLOWS, rate: CAREFUL_PER_SECOND, frames: destinations.count, seconds };
  const { sent, delivered, deliveredToExtra } = await sendAll(setting, {
    ...stream,
    route: BACK,
    destinations,
  });
  const lost = Math.max(0, sent - delivered);
  return deliveredToExtra + lost;
}

let nextGeneration = 0;

/** Addresses that this switch has not yet seen: it need not be waited for until it has forgotten those of earlier trials. */
function freshAddresses(count: number): Addresses {
  const generation = (nextGeneration++ & 0xff).toString(16).padStart(2, "0");
  return { first: `02:b0:${generation}:00:00:00`, count: Math.max(1, count) };
}
