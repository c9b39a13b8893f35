// The JSON Schema for editors, in the eyes of a validator that knows nothing of zod: it is what the configuration's schema
// makes now, refuses nothing that the switch takes, and finds what an editor can find.
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { jsonSchema } from "../../src/control/config/json-schema.ts";
import { validate } from "../../src/control/config/validate.ts";
import { EXAMPLE } from "../repo/readme.ts";
import { read } from "../repo/sources.ts";

const COMMITTED = JSON.parse(read("contrib/vxswitch.schema.json"));
const isValid = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(COMMITTED);

/** Where the editor would underline something. */
function underlined(document: unknown): string[] {
  isValid(document);
  return (isValid.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const inBridge = (text: string) => parse(`bridges: { br0: { ${text} } }`) as unknown;
const vxlan = (words: string) =>
  inBridge(`ports: { p: { type: vxlan, vni: 1, remote: 10.0.0.1, ${words} } }`);

test("what is committed is what the configuration's schema makes now (npm run schema)", () => {
  expect(COMMITTED).toEqual(jsonSchema());
});

test("the README's example is as it should be", () => {
  expect(underlined(parse(EXAMPLE))).toEqual([]);
});

test("a misspelt word in it is found", () => {
  const document = parse(EXAMPLE.replace("loop_guard", "loop_gard"));
  expect(underlined(document)).toEqual(["/bridges/br0 must NOT have additional properties"]);
});

describe("nothing is refused that the switch takes:", () => {
  test.each([
    ["an empty file", null],
    ["sections with nothing in them", parse("underlay:\nbridges:\nmetrics:\ncontrol:")],
    ["a bridge with nothing in it", parse("bridges: { br0: }")],
    ["no ports and mirrors", inBridge("ports:, mirrors:")],
    ["one value for a list", vxlan("trunks: 10, fdb: 02:00:00:00:00:01 vlan 10")],
    ["lists", vxlan("trunks: [0, 10], fdb: [02:00:00:00:00:01, 02:00:00:00:00:02]")],
    ["words and numbers", vxlan("ttl: inherit, tos: 0xb8, df: inherit")],
    ["numbers and words", vxlan("ttl: 255, tos: inherit")],
    [
      "a bare zero",
      vxlan("impair_in: { delay: 0, jitter: 0, loss: 0, duplicate: 1%, rate: 1gbit, seed: 0 }"),
    ],
    ["plain seconds", inBridge("ageing: 0, loop_guard: 60")],
    ["a duration", inBridge("ageing: 5m, loop_guard: 1h")],
    ["a hub", inBridge("ports: { p: { type: vxlan, vni: 0, remote: any, allow: 10.0.0.0/8, idle: 5m } }")],
    ["several VTEPs", inBridge("ports: { p: { type: vxlan, vni: 0, remotes: [10.0.0.1, 10.0.0.2] } }")],
    ["a group", inBridge("ports: { p: { type: vxlan, vni: 0, group: 239.1.1.1, dev: eth0 } }")],
    ["a TAP", inBridge("ports: { p: { type: tap, mtu: 1450, address: [10.0.0.1/24, fd00::1/64] } }")],
    [
      "plain bytes",
      inBridge("mirrors: { m: { select_all: true, output: { pcapng: /m, rotate_bytes: 4096 } } }"),
    ],
    ["a size", inBridge("mirrors: { m: { select_all: true, output: { pcapng: /m, rotate_bytes: 1GiB } } }")],
    ["whole frames", inBridge("mirrors: { m: { select_all: true, snaplen: 0, output: { tap: m0 } } }")],
  ])("%s", (_, document) => {
    expect(validate(document)).toHaveProperty("config");
    expect(underlined(document)).toEqual([]);
  });

  test("what it makes of a configuration itself", () => {
    const validated = validate(parse(EXAMPLE));
    if (!("config" in validated)) throw new Error(JSON.stringify(validated.faults));
    expect(underlined(JSON.parse(JSON.stringify(validated.config)))).toEqual([]);
  });
});

describe("it finds", () => {
  test.each([
    ["an unknown section", parse("underlai: {}")],
    ["a number out of its bounds", vxlan("tag: 4095")],
    ["a TOS byte with bits of ECN", vxlan("tos: 3")],
    ["a word that is none", vxlan("df: maybe")],
    ["text for a flag", vxlan('isolated: "yes"')],
    ["a port without a type", inBridge("ports: { p: { vni: 1 } }")],
    ["a port of no kind", inBridge("ports: { p: { type: gre } }")],
    ["a tunnel without VNI", inBridge("ports: { p: { type: vxlan, remote: 10.0.0.1 } }")],
    ["a TAP with a VNI", inBridge("ports: { p: { type: tap, vni: 1 } }")],
    ["a name that is none", inBridge('ports: { "1p": { type: tap } }')],
    ["a mirror without an output", inBridge("mirrors: { m: { select_all: true } }")],
    ["a mirror with two", inBridge("mirrors: { m: { select_all: true, output: { tap: m0, pcapng: /m } } }")],
    ["a time without a unit", vxlan("impair_in: { delay: 10 }")],
  ])("%s", (_, document) => {
    expect(validate(document)).toHaveProperty("faults");
    expect(underlined(document)).not.toEqual([]);
  });
});

test("a value says what belongs there, and what it is when left out", () => {
  const { ageing } = COMMITTED.properties.bridges.additionalProperties.properties;
  expect(ageing).toMatchObject({
    description: expect.stringMatching(/^a duration such as 300s/),
    default: 300,
  });
});

test("the line that the README shows leads an editor to it", () => {
  const [, path = ""] = /^ +# yaml-language-server: \$schema=(\S+)$/m.exec(read("README.md")) ?? [];
  expect(JSON.parse(read(path))).toEqual(COMMITTED);
});
