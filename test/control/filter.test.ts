// Compiling filters when tcpdump is missing, silent or strange: a sentence each, and nothing waits for long.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { faultText } from "../../src/control/config/fault.ts";
import { filterFaults, filterProgram } from "../../src/control/config/filter.ts";
import { Refusal } from "../../src/control/refusal.ts";
import { programFault } from "../../src/dataplane/packet-filter.ts";

let directories: string[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const directory of directories) rmSync(directory, { recursive: true });
  directories = [];
});

/** From now on there is no program but this tcpdump, a shell script; "" = none at all. */
function onlyTcpdump(script: string): void {
  const directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
  directories.push(directory);
  if (script !== "") {
    writeFileSync(join(directory, "tcpdump"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, "tcpdump"), 0o755);
  }
  vi.stubEnv("PATH", directory);
}

const sentences = (...texts: string[]): string[] =>
  filterFaults(texts.map((text, index) => ({ path: [index], text }))).map(faultText);

test("without tcpdump a filter is refused with the remedy, and taken once it is there", () => {
  onlyTcpdump("");
  expect(sentences("udp port 1001")).toEqual([
    "[0]: expected tcpdump on this machine, which compiles filters, got none; apt-get install tcpdump",
  ]);
  vi.unstubAllEnvs();
  expect(sentences("udp port 1001")).toEqual([]);
});

test("an expression is compiled once: tcpdump may even be gone afterwards", () => {
  const program = filterProgram("udp port 1002");
  expect(programFault(program)).toBe("");
  onlyTcpdump("");
  expect([filterProgram("udp port 1002"), sentences("udp port 1002")]).toEqual([program, []]);
  expect(() => filterProgram("udp port 1003")).toThrow(Refusal);
});

test("a tcpdump that does not answer is ended, and asked for nothing more", () => {
  onlyTcpdump("while :; do :; done");
  expect(sentences("host slow.invalid", "host slower.invalid")).toEqual([
    '[0]: expected an expression that tcpdump compiles within 1000 ms, got "host slow.invalid"; addresses instead of names wait for no name server',
  ]);
});

test("an expression is one word of the command, and no option of tcpdump", () => {
  onlyTcpdump('[ "$#" = 5 ] && [ "$4" = -- ] && echo 1 && echo "6 0 0 1"');
  expect(filterProgram("-w /etc/passwd; $(reboot)")).toEqual([6, 0, 0, 1]);
});

test("what tcpdump writes is believed only if it is a program that can be run", () => {
  const LOOP = "expected an expression whose program has no loops, as protochain has";
  expect(sentences("ip6 protochain 6")[0]).toMatch(`${LOOP}, got "ip6 protochain 6", of whose program`);
  onlyTcpdump("echo 1; echo nonsense");
  expect(sentences("x")[0]).toMatch(LOOP);
  onlyTcpdump('echo 2; echo "6 0 0 1"');
  expect(sentences("x")[0]).toMatch("the length is another than it says");
  onlyTcpdump('echo 5000; i=0; while [ $i -lt 5000 ]; do echo "6 0 0 1"; i=$((i+1)); done');
  expect(sentences("x")[0]).toMatch("compiles to at most 4096 instructions");
  onlyTcpdump('while :; do echo "6 0 0 4294967295"; done');
  expect(sentences("x")[0]).toMatch("compiles to at most 4096 instructions");
  onlyTcpdump("exit 3");
  expect(sentences("x")[0]).toMatch('got "x", of which tcpdump says: nothing');
});
