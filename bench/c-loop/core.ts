// The C core as TypeScript calls it, and its compilation. The calls and their tables are told in core.c.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Bytes, Words } from "../../src/dataplane/io/native.ts";
import { run } from "../process.ts";

/** Words of a port's row: device, VNI, four of the remote, destination, index of its first counter. */
export const CORE_PORT_WORDS = 8;

/** A core with its FDB; held by the addon. */
export type CoreState = object;

export interface Core {
  /** Throws EINVAL unless there are 1 to 16 ports and all tables are whole. */
  open(
    ports: Int32Array,
    destinations: Int32Array,
    counters: Uint8Array,
    underlay: number,
    bridge: number,
  ): CoreState;
  /** Forwards `count` rows; returns the copies to transmit. `infer`: the device told nothing about offloads. */
  forward(
    frames: Words,
    count: number,
    arena: Bytes,
    copies: Words,
    state: CoreState,
    nowSeconds: number,
    infer: number,
  ): number;
  /** Counts what became of the copies, once they are transmitted. */
  account(frames: Words, copies: Words, count: number, state: CoreState): void;
}

/** Compiles the core of the repository at `root`; returns the addon's path. */
export function buildCore(root: string, directory = join(root, "build/bench")): string {
  const target = join(directory, "c-loop.node");
  mkdirSync(directory, { recursive: true });
  const language = ["-std=gnu11", "-D_GNU_SOURCE", "-DNAPI_VERSION=8"];
  const warnings = ["-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion"];
  const headers = [
    "-I",
    join(root, "native"),
    "-isystem",
    join(root, "node_modules/node-api-headers/include"),
  ];
  const output = ["-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-o", target];
  const files = ["bench/c-loop/core.c", "native/arguments.c", "native/view.c"].map((file) =>
    join(root, file),
  );
  run(["cc", ...language, ...warnings, ...headers, ...output, ...files]);
  return target;
}

export function loadCore(path: string): Core {
  return createRequire(import.meta.url)(path) as Core;
}
