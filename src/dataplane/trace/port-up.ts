// What would become of a frame at a port that is down, were it up: the question that an operator has who waits for it. In the
// replica the port gets a device that nobody else has, by which frames come in bare, and answers to them leave.
import { DESTINATION_DEVICE, DESTINATION_SHIFT } from "../destinations.ts";
import type { Command } from "../engine.ts";
import type { FdbMemory } from "../fdb/fdb.ts";
import { DEVICES_MAX } from "../limits.ts";
import type { Image } from "./image.ts";

/** No other device has this index. */
export const SPARE_DEVICE = DEVICES_MAX - 1;

/** The port that is to be taken for up. */
export interface DownPort {
  readonly index: number;
  /** Whoever of its VTEPs sends, or the TAP. */
  readonly source: number;
  /** All its destinations. */
  readonly destinations: readonly number[];
}

/** The commands of a replica in which the port is up; `make` makes its device. Writes to the image, which is the caller's own. */
export function withPortUp<Make, Output, CaptureOutput>(
  commands: readonly Command<Make, Output, FdbMemory, CaptureOutput>[],
  image: Image,
  { index, source, destinations }: DownPort,
  make: Make,
): Command<Make, Output, FdbMemory, CaptureOutput>[] {
  const rows = new Int32Array(image.memory.destinations);
  for (const destination of destinations)
    rows[(destination << DESTINATION_SHIFT) + DESTINATION_DEVICE] = SPARE_DEVICE;
  const isPort = (command: (typeof commands)[number]) => command.op === "add-port" && command.port === index;
  const opening = { device: SPARE_DEVICE, destination: source, ingress: null };
  return [
    { op: "add-device", device: SPARE_DEVICE, make, fallback: SPARE_DEVICE },
    ...commands.map((command) => (isPort(command) ? { ...command, ...opening } : command)),
  ] as Command<Make, Output, FdbMemory, CaptureOutput>[];
}
