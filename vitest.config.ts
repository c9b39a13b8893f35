// Three kinds of tests: those of the code alone, side by side; those with real kernel endpoints in network namespaces, two at a
// time as far as they look at what happens and not at how many of a stream arrive; and the rest of them, one file after
// the other, since they share the machine's cores.
import { defineConfig } from "vitest/config";

const KERNEL = {
  globalSetup: "test/kernel/harness/global-setup.ts",
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** Files of test/kernel that mostly wait. */
const SIDE_BY_SIDE = [
  "collector",
  "conformance",
  "doctor",
  "far-side",
  "fdb",
  "hosts",
  "loop-guard",
  "malformed",
  "metrics",
  "mirror",
  "outer-header",
  "page",
  "port-policy",
  "refusal",
  "ring",
  "too-big",
  "trace",
  "vlan",
  "vni",
  "wire-format",
].map((name) => `test/kernel/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/kernel/**"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...KERNEL,
          name: "kernel, side by side",
          include: SIDE_BY_SIDE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...KERNEL,
          name: "kernel",
          include: ["test/kernel/**/*.test.ts"],
          exclude: SIDE_BY_SIDE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
