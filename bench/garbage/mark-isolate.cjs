// Loaded first into every thread of a switch whose garbage collections are counted (--require, which worker threads
// inherit). V8 names the isolate of a collection by an address that no thread can ask for. So each thread, before its
// program runs, asks for a few collections, whose number depends on the program: by it the isolate is recognised. Says
// the time of day too, since V8 counts from the isolate's start. See trace.ts.

const { writeSync } = require("node:fs");
const { basename } = require("node:path");

const STDERR = 2;

// In a worker thread the program's name is not known before.
process.nextTick(() => {
  const program = basename(process.argv[1]);
  const { [program]: count = 0 } = JSON.parse(process.env.VXBENCH_GC_MARKS);
  for (let mark = 0; mark < count; mark++) globalThis.gc({ type: "minor" });
  writeSync(STDERR, `gc-mark ${program} ${Date.now()}\n`);
});
