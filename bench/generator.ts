// Compiles generator.c and runs it on the first client, addressed to the second.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CLIENT1, CLIENT2, inside, readLink, SWITCH } from "./lab.ts";
import { run, start } from "./process.ts";
import { ROOT } from "./root.ts";

const PROGRAM = join(ROOT, "build/bench/generator");

/** An address of the overlay that no host has: the second client counts the frames at its vxlan0 and answers nothing. */
const NOBODY = "192.168.0.200";

/** The frames of a stream: `sizes` are inner Ethernet frames without checksum, in turn; `rate` 0 is as fast as can be. */
export interface Stream {
  readonly sizes: readonly number[];
  readonly flows: number;
  readonly rate: number;
  readonly seconds: number;
}

/** A stream under way; `sent` resolves at its end, rejects if the generator fails. */
export interface Sending {
  readonly sent: Promise<{ readonly frames: number; readonly seconds: number }>;
}

/** Compiles the generator. */
export function buildGenerator(): void {
  mkdirSync(join(ROOT, "build/bench"), { recursive: true });
  const flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  run(["cc", ...flags, "-o", PROGRAM, join(ROOT, "bench/generator.c")]);
}

/** Starts a stream from the first client's eth0 to the second client's vxlan0. The clients must be acquainted. */
export function generate(stream: Stream): Sending {
  const options = {
    device: "eth0",
    vni: CLIENT1.vni,
    "outer-mac-from": readLink(CLIENT1.namespace, "eth0").mac,
    "outer-mac-to": readLink(SWITCH.namespace, CLIENT1.uplink).mac,
    "outer-from": CLIENT1.underlay,
    "outer-to": SWITCH.underlay,
    "inner-mac-from": readLink(CLIENT1.namespace, "vxlan0").mac,
    "inner-mac-to": readLink(CLIENT2.namespace, "vxlan0").mac,
    "inner-from": CLIENT1.overlay,
    "inner-to": NOBODY,
    sizes: stream.sizes.join(","),
    flows: stream.flows,
    rate: stream.rate,
    seconds: Math.ceil(stream.seconds),
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const running = start(inside(CLIENT1.namespace, [PROGRAM, ...words]), (stream.seconds + 10) * 1000);
  const sent = running.finished.then((output) => JSON.parse(output));
  sent.catch(() => undefined);
  return { sent };
}
