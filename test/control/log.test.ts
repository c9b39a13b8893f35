// The log as people read it, and as journald does, which knows the time and wants the priority in front (sd-daemon(3)).
import { fstatSync } from "node:fs";
import { expect, test } from "vitest";
import { createLog } from "../../src/control/log.ts";
import { type LogReader, logReader } from "../../src/control/log-reader.ts";
import { Harness } from "./harness.ts";

/** What is written if each level says its name. */
function written(reader?: LogReader): string[] {
  const lines: string[] = [];
  const log = createLog("debug", (line) => lines.push(line), reader);
  log.debug("debug");
  log.info({ port: "client1" }, "info");
  log.warn("warn");
  log.error("error");
  return lines;
}

test("for people a line begins with the time and the level", () => {
  const [debug, info] = written();
  expect(debug).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z debug debug\n$/);
  expect(info).toMatch(/Z info {2}info port="client1"\n$/);
});

test("for journald it begins with the priority, and the time is left to it", () => {
  expect(written("journald")).toEqual(["<7>debug\n", '<6>info port="client1"\n', "<4>warn\n", "<3>error\n"]);
});

test("journald reads if JOURNAL_STREAM is stderr's device and inode, and in no other case", () => {
  const { dev, ino } = fstatSync(2, { bigint: true });
  expect(logReader({ JOURNAL_STREAM: `${dev}:${ino}` })).toBe("journald");
  for (const JOURNAL_STREAM of [undefined, "", `${dev}:${ino + 1n}`, `${dev + 1n}:${ino}`])
    expect(logReader({ JOURNAL_STREAM })).toBe("people");
});

test("the last words of a program that fails are an error to journald too", async () => {
  const harness = new Harness();
  const { dev, ino } = fstatSync(2, { bigint: true });
  const lastWords = async (JOURNAL_STREAM: string | undefined) => {
    harness.env = { JOURNAL_STREAM };
    return (await harness.run("check", "/nonexistent.yaml")).err;
  };
  expect(await lastWords(undefined)).toMatch(/^vxswitch: .*nonexistent/);
  expect(await lastWords(`${dev}:${ino}`)).toMatch(/^<3>vxswitch: .*nonexistent/);
  await harness[Symbol.asyncDispose]();
});
