// The capabilities that `vxswitch doctor` names: whose they are, which are missing, and what they are read from.
import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../src/control/doctor/finding.ts";
import {
  type Capabilities,
  capabilitiesIn,
  readCapabilities,
} from "../../src/dataplane/inventory/capabilities.ts";
import { EVERYTHING } from "./fake-abilities.ts";
import { Harness } from "./harness.ts";

/** Process numbers stay below 2^22. */
const NO_PROCESS = 0x7fff_ffff;
const WAIT = "setInterval(() => {}, 1000)";

const REMEDY =
  "run it as root, or with 'AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF' in a systemd unit, as " +
  "contrib/systemd/vxswitch.service has it";

describe("the finding", () => {
  let harness: Harness;
  beforeEach(() => {
    harness = new Harness();
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  async function finding(capabilities: Capabilities | null): Promise<Finding | undefined> {
    harness.abilities = { ...EVERYTHING, capabilities };
    const { code, out } = await harness.run("doctor", "--json");
    expect(code).toBe(0);
    return (JSON.parse(out) as Finding[]).find(({ check }) => check === "capabilities");
  }

  test("is ok where this process holds them all", async () => {
    expect(await finding(EVERYTHING.capabilities)).toEqual({
      check: "capabilities",
      state: "ok",
      evidence: "this process holds CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF",
      remedy: "",
      needed_for: "TAP ports, io: ring, packet sockets",
    });
  });

  test("notes those that are missing with what they are for, and those that are there", async () => {
    expect(await finding({ pid: 4711, held: ["CAP_NET_RAW"] })).toMatchObject({
      state: "note",
      evidence:
        "this process lacks CAP_NET_ADMIN (TAPs, receive rings), CAP_BPF (receive rings); it holds CAP_NET_RAW",
      remedy: REMEDY,
    });
  });

  test("ends after what is missing where nothing is held", async () => {
    const found = await finding({ pid: 4711, held: [] });
    expect(found?.evidence).toMatch(/^this process lacks CAP_NET_ADMIN .*CAP_BPF \(receive rings\)$/);
  });

  test("speaks of the running switch where it was looked at, and of this process where it may not be", async () => {
    await harness.start();
    const own = await finding({ pid: process.pid, held: ["CAP_NET_ADMIN", "CAP_NET_RAW"] });
    expect(own?.evidence).toMatch(
      new RegExp(`^the running switch \\(process ${process.pid}\\) lacks CAP_BPF .*; it holds CAP_NET_ADMIN`),
    );
    expect((await finding(EVERYTHING.capabilities))?.evidence).toMatch(/^this process holds/);
  });

  test("notes that nothing can be told without /proc", async () => {
    expect(await finding(null)).toMatchObject({
      state: "note",
      evidence: "not looked at: /proc/self/status cannot be read",
      remedy: "mount -t proc proc /proc",
    });
  });
});

/** Whether a process with these words in its command is taken for the daemon. */
function ofChild(...args: string[]): { isChild: boolean } {
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  try {
    return { isChild: readCapabilities(child.pid ?? null)?.pid === child.pid };
  } finally {
    child.kill("SIGKILL");
  }
}

describe("a mask of /proc", () => {
  test.each<[string, string[]]>([
    ["0000000000000000", []],
    ["0000000000001000", ["CAP_NET_ADMIN"]],
    ["0000000000002000", ["CAP_NET_RAW"]],
    ["0000008000000000", ["CAP_BPF"]],
    ["0000000000200000", ["CAP_BPF"]],
    ["0000008000003000", ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"]],
    ["ffffff7fffdfcfff", []],
  ])("of %s means %j", (mask, names) => {
    expect(capabilitiesIn(mask)).toEqual(names);
  });

  test("is that of this process where no daemon runs, or its number is another process's here", () => {
    expect(readCapabilities(null)?.pid).toBe(process.pid);
    expect(readCapabilities(NO_PROCESS)?.pid).toBe(process.pid);
    expect(ofChild("-e", WAIT)).toEqual({ isChild: false });
  });

  test("is that of the daemon where it may be looked at", () => {
    expect(ofChild("-e", WAIT, "run")).toEqual({ isChild: true });
  });
});
