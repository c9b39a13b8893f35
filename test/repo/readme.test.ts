// The README's configuration: its example is valid and means what it says, its commands can be given, and no word of a port
// is missing.
import { expect, test } from "vitest";
import { gatherOption, type Options } from "../../src/control/cli/options.ts";
import { parseConfig } from "../../src/control/config/file.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { validate } from "../../src/control/config/validate.ts";
import { addThing, setPort } from "../../src/control/edits.ts";
import { EVENT_TYPES } from "../../src/control/events.ts";
import { outerWords } from "../../src/control/outer-words.ts";
import { policyWords } from "../../src/control/policy-words.ts";
import { UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { impairmentWords } from "../../src/dataplane/cables/impairment-words.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import { PLAIN_OUTER } from "../../src/dataplane/outer-options.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import { COMMANDS, CONFIGURATION, EXAMPLE, EVENT_TYPES as TOLD_EVENT_TYPES } from "./readme.ts";

function example() {
  return parseConfig(EXAMPLE, "README.md");
}

test("the example is a valid configuration, and its guest is isolated and locked, its far client impaired", () => {
  const config = example();
  const { bridges, ports, mirrors } = specsOf(config);
  expect([bridges.length, ports.length, mirrors.length]).toEqual([1, 5, 4]);
  expect(mirrors.map(({ output }) => output.type)).toEqual(["tap", "pcapng", "vxlan", "erspan"]);
  expect(mirrors[0].filter).toMatchObject({ expression: "icmp or tcp port 80" });
  expect(mirrors[1]).toMatchObject({ sampleEvery: 10, snaplenBytes: 128 });
  expect(bridges[0]).toMatchObject({ ageingSeconds: 300, loopGuardSeconds: 60, forwardsBpdu: true });
  expect(bridges[0]).toMatchObject({ snoopsMulticast: true });
  expect(ports.find(({ name }) => name === "guest")).toMatchObject({
    policy: { ...OPEN_POLICY, isolated: true, locked: true },
    fdb: [{ vlan: 0, mac: "02:00:00:00:00:1e" }],
  });
  expect(ports.find(({ name }) => name === "far")).toMatchObject({
    impairIn: { ...UNIMPAIRED, delayUs: 10_000, jitterUs: 2000, lossPercent: 1 },
    impairOut: { ...UNIMPAIRED, rateBitsPerSecond: 1e8, limitFrames: 500, seed: 7 },
  });
});

test("its commands make another valid configuration of the example, one after the other", () => {
  expect(COMMANDS.length).toBeGreaterThan(0);
  let config = example();
  for (const command of COMMANDS) {
    const [, kind, verb, bridge, name, ...words] = command.replace(/ +#.*/, "").split(" ");
    const options = words.reduce<Options>((before, word) => gatherOption(word, before), {});
    const edit =
      verb === "set"
        ? setPort(bridge!, name!, options)
        : addThing(kind as "port" | "mirror", bridge!, name!, options);
    const validated = validate(edit(config));
    if (!("config" in validated)) throw new Error(`${command}: ${JSON.stringify(validated.faults)}`);
    config = validated.config;
  }
});

test("every word of what a port may do stands there, with the value that it has unless given", () => {
  const rows = CONFIGURATION.split("\n").filter((line) => line.startsWith("| `"));
  const words = rows.flatMap((row) =>
    Array.from(row.split("|")[1].matchAll(/`([a-z_]+)`/g), ([, word]) => word),
  );
  expect(words).toEqual(expect.arrayContaining(Object.keys(policyWords(OPEN_POLICY))));
  for (const word of [
    "isolated",
    "learning",
    "flood",
    "locked",
    "sticky",
    "neigh_suppress",
    "clamp_mss",
  ] as const) {
    const row = rows.find((line) => line.includes(`\`${word}\``)) ?? "";
    expect(row.split("|")[2]?.trim(), word).toBe(String(policyWords(OPEN_POLICY)[word]));
  }
});

test("every word of an impairment stands there, with the value that it has unless given", () => {
  const table = CONFIGURATION.split("\n\n").find((paragraph) => paragraph.includes("\n| `loss`"));
  const rows = (table ?? "").split("\n").filter((line) => line.startsWith("| `"));
  const given = rows.flatMap((row) => {
    const [, words, values] = row.split("|") as [string, string, string];
    const defaults = values.split(",").map((value) => value.trim());
    return Array.from(words.matchAll(/`([a-z]+)`/g), ([, word], index) => [word, defaults[index]]);
  });
  const usual = Object.entries(impairmentWords(UNIMPAIRED));
  expect(Object.fromEntries(given)).toEqual(
    Object.fromEntries(usual.map(([word, value]) => [word, String(value ?? "none")])),
  );
});

test("so does every word of how outer headers are written", () => {
  const rows = CONFIGURATION.split("\n").filter((line) => /^\| `.*\(VXLAN\)/.test(line));
  const usual = rows.flatMap((row) => {
    const [words, values] = row.split("|").slice(1, 3);
    const names = Array.from(words.matchAll(/`([a-z0-9]+)`/g), ([, word]) => word);
    const each = values.split(",").map((value) => value.trim());
    return names.map((name, i) => [name, each.length === 1 ? each[0] : each[i]]);
  });
  const written = Object.entries(outerWords(PLAIN_OUTER)).map(([word, value]) => [word, String(value)]);
  expect(usual.sort()).toEqual(written.sort());
});

test("drop reasons that it names exist", () => {
  const named = Array.from(CONFIGURATION.matchAll(/dropped,?\s+as\s+`([a-z_]+)`/g), ([, name]) => name);
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(DROP_REASONS.map((reason) => reason.name)).toContain(name);
});

test("the types of events that it lists are those that there are", () => {
  expect([...TOLD_EVENT_TYPES].sort()).toEqual([...EVENT_TYPES].sort());
});
