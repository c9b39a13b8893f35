// What `show drops` says beside the counts: sentences that fit a terminal, and remedies that can be followed.
import { expect, test } from "vitest";
import { dropsText } from "../../src/control/cli/drops-text.ts";
import { createProgram } from "../../src/control/cli/program.ts";
import { jsonSchema } from "../../src/control/config/json-schema.ts";
import { DROP_REMEDIES } from "../../src/control/drop-remedies.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";

const EVERY_DROP = DROP_REASONS.map(({ name, text }) => ({
  ...{ bridge: "br0", port: "client1", count: 4_294_967_296, reason: name },
  ...{ text, remedy: DROP_REMEDIES[name], recent: [] },
}));

test("each remedy is a sentence or more, and names a command or says that all is as it should be", () => {
  for (const [name, remedy] of Object.entries(DROP_REMEDIES)) {
    expect(remedy, name).toMatch(/^[A-Z].{20,}\.$/);
    expect(remedy, name).toMatch(/: [a-z]+ -?|'[a-z]+ |Usual|usual|reload|by itself/);
  }
});

test("commands of this program that remedies name exist", () => {
  const program = createProgram({ out: () => {}, err: () => {}, env: {} } as never);
  const named = Object.values(DROP_REMEDIES).flatMap((remedy) =>
    Array.from(remedy.matchAll(/vxswitch ([a-z]+)(?: ([a-z]+))?/g), ([, ...words]) => words),
  );
  expect(named.length).toBeGreaterThan(15);
  for (const [command, word] of named) {
    const found = program.commands.find((each) => each.name() === command);
    expect(found, command).toBeDefined();
    if (found!.commands.length > 0) expect(found!.commands.map((each) => each.name())).toContain(word);
    if (command === "show" && word !== undefined)
      expect(found!.registeredArguments[0].argChoices).toContain(word);
  }
});

test("words of the configuration that remedies name exist", () => {
  const schema = JSON.stringify(jsonSchema());
  const words = Object.values(DROP_REMEDIES).flatMap((remedy) =>
    Array.from(
      remedy.matchAll(/(?<![.a-z0-9_])([a-z0-9_]+)(?:\.([a-z]+))?(?:=|: true|: false)/g),
      ([, ...word]) => word,
    ),
  );
  expect(words.length).toBeGreaterThan(15);
  for (const word of words.flat())
    if (word !== undefined) expect(schema.includes(`"${word}":`), word).toBe(true);
});

test("explains each reason that occurs once, within 80 columns, and no other", () => {
  const text = dropsText([...EVERY_DROP, { ...EVERY_DROP[0], port: "client2" }]);
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(text.match(/^vxlan_short: /gm)).toHaveLength(1);
  expect(dropsText([EVERY_DROP[1]])).toBe(`bridge  port          count  reason
br0     client1  4294967296  vxlan_flags

vxlan_flags: the VXLAN header lacks the I flag, so it carries no VNI (RFC 7348
section 5).
    The sender speaks another protocol at this port (GENEVE, a scan), or is
    misconfigured. See who: tcpdump -nni DEV -xx udp port 4789.
`);
  expect(dropsText([])).toBe("bridge  port  count  reason\n");
});
