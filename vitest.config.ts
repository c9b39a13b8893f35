// Two groups of tests: those of the code alone, and those with real kernel endpoints in network namespaces, more of them at
// a time than there are cores, since most of them wait most of the time; then those that count how many of a stream arrive,
// one file after the other, for they want the cores for themselves.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const SIDE_BY_SIDE = {
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  sequence: { groupOrder: 0 },
};

const KERNEL = {
  globalSetup: "test/kernel/harness/global-setup.ts",
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** Files of test/kernel that run alone; `lab` is one because it looks at the devices of the machine itself. */
const ALONE = [
  "forwarding",
  "impairment",
  "lab",
  "reload",
  "ring-crash",
  "ring-reload",
  "trains",
  "workers",
].map((name) => `test/kernel/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...SIDE_BY_SIDE,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/kernel/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...SIDE_BY_SIDE,
          ...KERNEL,
          name: "kernel",
          include: ["test/kernel/**/*.test.ts"],
          exclude: ALONE,
        },
      },
      {
        test: {
          ...KERNEL,
          name: "kernel, alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
