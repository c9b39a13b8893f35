// Another measure again, while a mirror copies every frame that the switch receives to a device of its own.

import { readLink, SWITCH } from "../lab.ts";
import { table } from "../report.ts";
import type { Samples } from "../samples.ts";
import type { Figure, Measure, Setting } from "./measure.ts";

/** What is added to the title of a figure that was measured with a mirror. */
export const MIRRORED = ", mirrored";

/** The same measure with a mirror; and how much of what it should have shown it lost, as the switch says. */
export function mirrored(measure: Measure): Measure {
  const title = `${measure.title}${MIRRORED}`;
  return {
    ...measure,
    name: `${measure.name}-mirrored`,
    title,
    layout: { ...measure.layout, mirror: true },
    run: async (setting) => {
      const before = await look(setting);
      const figures = await measure.run(setting);
      const after = await look(setting);
      const rename = (figure: Figure) => ({
        ...figure,
        title: figure.title.includes(measure.title)
          ? figure.title.replace(measure.title, title)
          : `${figure.title}${MIRRORED}`,
      });
      return [...figures.map(rename), ...mirrorFigures(title, before, after)];
    },
  };
}

/** What each peer loses of a figure while it mirrors: a table of percentages of the medians. */
export function mirrorLosses(
  measures: readonly Measure[],
  peers: readonly string[],
  samples: Samples,
): string {
  const lossOf = (peer: string, title: string) => {
    const [plain, mirrored] = [samples.median(peer, title), samples.median(peer, `${title}${MIRRORED}`)];
    return plain && mirrored !== undefined ? ((1 - mirrored / plain) * 100).toFixed(0) : "–";
  };
  const rows = measures.map(({ title }) => [title, ...peers.map((peer) => lossOf(peer, title))]);
  return `What forwarding loses by mirroring, in %:\n\n${table(["measure", ...peers], rows)}`;
}

async function look({ peer }: Setting) {
  return { count: await peer.mirrorCount?.(), seen: readLink(SWITCH.namespace, "mirror0").rxPackets };
}

type Look = Awaited<ReturnType<typeof look>>;

function mirrorFigures(title: string, before: Look, after: Look): Figure[] {
  const seen = {
    title: `${title}: seen at mirror0`,
    unit: "Mframes",
    digits: 2,
    detail: true,
    value: (after.seen - before.seen) / 1e6,
  };
  if (before.count === undefined || after.count === undefined) return [seen];
  const lost = after.count.lost - before.count.lost;
  const mirrored = after.count.mirrored - before.count.mirrored;
  const value = lost === 0 ? 0 : (lost / (lost + mirrored)) * 100;
  return [
    seen,
    { title: `${title}: lost by the mirror, by its own count`, unit: "%", digits: 1, detail: true, value },
  ];
}
