// Compiles generator.c and sink.c, and runs them: one sends from a client, the other is there to receive.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CLIENT1, CLIENT2, type Client, inside, readLink, SWITCH } from "./lab.ts";
import { run, start, waitUntil } from "./process.ts";
import { ROOT } from "./root.ts";

const PROGRAM = join(ROOT, "build/bench/generator");
const SINK = join(ROOT, "build/bench/sink");
const SINK_LIFETIME_MS = 30 * 60_000;

/** The frames of a stream: `sizes` are inner Ethernet frames without checksum, in turn; `rate` 0 is as fast as can be. */
export interface Stream {
  readonly sizes: readonly number[];
  readonly flows: number;
  readonly rate: number;
  readonly seconds: number;
  /** Ends after so many frames, if that is before the time is over. */
  readonly frames?: number;
  /** Left out: the first client to the second. */
  readonly route?: Route;
  /** Inner source addresses; left out: that of the sending client's vxlan0. */
  readonly sources?: Addresses;
  /** Inner destination addresses; left out: that of the receiving client's vxlan0. */
  readonly destinations?: Addresses;
  /** Runs at the lowest priority and leaves its core to whoever wants it; left out: runs as any other program. */
  readonly yielding?: boolean;
}

/** Which client sends to which. */
export interface Route {
  readonly from: Client;
  readonly to: Client;
}

export const THERE: Route = { from: CLIENT1, to: CLIENT2 };
export const BACK: Route = { from: CLIENT2, to: CLIENT1 };

/** MAC addresses counted up from the first, whose lower three bytes are zero if there are several. */
export interface Addresses {
  readonly first: string;
  readonly count: number;
}

/** A stream under way; `sent` resolves at its end, rejects if the generator fails. */
export interface Sending {
  readonly sent: Promise<{ readonly frames: number; readonly seconds: number }>;
  /** Ends it before its time. */
  stop(): Promise<void>;
}

/** Compiles the generator and what receives. */
export function buildGenerator(): void {
  mkdirSync(join(ROOT, "build/bench"), { recursive: true });
  const flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  run(["cc", ...flags, "-o", PROGRAM, join(ROOT, "bench/generator.c")]);
  run(["cc", ...flags, "-o", SINK, join(ROOT, "bench/sink.c")]);
}

/**
 * Gives both clients a program that receives, until the lab is taken down. Without it a client would look up a route for
 * each frame, and free them by the thousand at the kernel's next tick: half a millisecond that every measure of time saw.
 */
export async function startSinks(): Promise<void> {
  for (const { namespace } of [CLIENT1, CLIENT2]) {
    const sink = start(inside(namespace, [SINK]), SINK_LIFETIME_MS);
    await waitUntil("a client receives", 5000, () => sink.output().includes("ready"));
  }
}

/** Starts a stream from one client's eth0 to the other's vxlan0. The clients must be acquainted. */
export function generate(stream: Stream): Sending {
  const { from, to } = stream.route ?? THERE;
  const sources = stream.sources ?? { first: readLink(from.namespace, "vxlan0").mac, count: 1 };
  const destinations = stream.destinations ?? { first: readLink(to.namespace, "vxlan0").mac, count: 1 };
  const options = {
    device: "eth0",
    vni: from.vni,
    "outer-mac-from": readLink(from.namespace, "eth0").mac,
    "outer-mac-to": readLink(SWITCH.namespace, from.uplink).mac,
    "outer-from": from.underlay,
    "outer-to": SWITCH.underlay,
    "inner-mac-from": sources.first,
    "inner-mac-to": destinations.first,
    "inner-from": from.overlay,
    "inner-to": to.overlay,
    sources: sources.count,
    destinations: destinations.count,
    sizes: stream.sizes.join(","),
    flows: stream.flows,
    rate: stream.rate,
    frames: stream.frames ?? 0,
    seconds: Math.ceil(stream.seconds),
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const priority = stream.yielding ? ["nice", "-n", "19"] : [];
  const command = inside(from.namespace, [...priority, PROGRAM, ...words]);
  const running = start(command, (stream.seconds + 10) * 1000);
  const sent = running.finished.then((output) => JSON.parse(output));
  sent.catch(() => undefined);
  return { sent, stop: running.stop };
}
