// The numbers that TypeScript and C share stand in both: whoever changes one side alone learns it here.
import { expect, test } from "vitest";
import * as destinations from "../../src/dataplane/destinations.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import * as frames from "../../src/dataplane/frames.ts";
import * as arena from "../../src/dataplane/io/arena.ts";
import * as nextHop from "../../src/dataplane/io/next-hop.ts";
import * as probe from "../../src/dataplane/io/probe.ts";
import { DEVICES_MAX, WORKERS_MAX } from "../../src/dataplane/limits.ts";
import * as vteps from "../../src/dataplane/vteps.ts";
import * as erspan from "../../src/dataplane/wire/erspan.ts";
import { VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } from "../../src/dataplane/wire/vxlan.ts";
import { read, sources } from "./sources.ts";

/** Names that C spells otherwise. */
const OTHERWISE: Record<string, string> = {
  FRAME_NEEDS_CSUM: "FLAG_NEEDS_CSUM",
  FRAME_TRUNCATED: "FLAG_TRUNCATED",
  FRAME_BAD_OFFLOAD: "FLAG_BAD_OFFLOAD",
  FRAME_BAD_OUTER: "FLAG_BAD_OUTER",
  FRAME_BAD_ECN: "FLAG_BAD_ECN",
  FRAME_ZERO_CSUM6: "FLAG_ZERO_CSUM6",
  FRAME_ECN_SHIFT: "FLAG_ECN_SHIFT",
  FRAME_GBP: "FLAG_GBP",
  FRAME_GBP_BITS_SHIFT: "FLAG_GBP_BITS_SHIFT",
  FRAME_GBP_POLICY_SHIFT: "FLAG_GBP_POLICY_SHIFT",
};
const SHARED: Record<string, unknown> = { ...frames, ...destinations, ...nextHop, ...erspan };

test("every number of native/layout.h is the same in src/dataplane", () => {
  const numbers = enumerators(read("native/layout.h"));
  const drops = Array.from(numbers).filter(([name]) => name.startsWith("DROP_"));
  const words = Array.from(numbers).filter(([name]) => !name.startsWith("DROP_"));
  expect(words.length).toBeGreaterThan(20);
  for (const [name, value] of words) expect(SHARED[OTHERWISE[name] ?? name], name).toBe(value);
  expect(drops.length).toBeGreaterThan(4);
  for (const [name, value] of drops)
    expect(DROP_REASONS[value]?.name, name).toBe(name.slice(5).toLowerCase());
});

test("a row of the VTEP table is the same in native/outer.h", () => {
  const numbers = enumerators(read("native/outer.h"));
  const shared: Record<string, unknown> = { ...vteps };
  expect(numbers.size).toBe(4);
  for (const [name, value] of numbers) expect(shared[name], name).toBe(value);
});

test("kinds of sockets to try are the same in native/probe.c", () => {
  const numbers = enumerators(read("native/probe.c"));
  const shared: Record<string, unknown> = { ...probe };
  expect(numbers.size).toBe(2);
  for (const [name, value] of numbers) expect(shared[name], name).toBe(value);
});

test("segmentation types are those of virtio, here and there", () => {
  const numbers = enumerators(read("native/segment.h"));
  for (const name of ["GSO_NONE", "GSO_TCPV4", "GSO_TCPV6", "GSO_UDP_L4"]) {
    expect(numbers.get(name), name).toBe(SHARED[name]);
  }
});

test("what one call takes is as much as the other side hands over", () => {
  const transmit = enumerators(read("native/udp-transmit.c"));
  expect(enumerators(read("native/train-order.h")).get("COPIES_MAX")).toBe(frames.COPIES_MAX);
  const sender = enumerators(read("native/sender.h"));
  expect(sender.get("VXLAN_HEADER")).toBe(VXLAN_HEADER_BYTES);
  expect(transmit.get("VXLAN_FLAG_VNI")).toBe(VXLAN_FLAG_VNI);
  expect(sender.get("TRAIN_BYTES_MAX")).toBeLessThanOrEqual(arena.STAGING_BYTES);
  expect(enumerators(read("native/udp-receive.c")).get("MESSAGES_MAX")).toBeGreaterThanOrEqual(
    frames.SLOT_COUNT,
  );
  expect(enumerators(read("native/ring.c")).get("BATCH_MAX")).toBeGreaterThanOrEqual(
    frames.RING_BATCH_FRAMES,
  );
  expect(enumerators(read("native/ring-program.h")).get("RING_WORKERS_MAX")).toBe(WORKERS_MAX);
  // The wake-up is polled, too.
  expect(enumerators(read("native/poll.c")).get("POLL_FDS_MAX")).toBeGreaterThan(DEVICES_MAX);
  const rowsOfASlot = enumerators(read("native/datagram.h")).get("ROWS_OF_A_SLOT") as number;
  expect(rowsOfASlot).toBeGreaterThanOrEqual(64);
  expect(frames.SLOT_COUNT * rowsOfASlot).toBeLessThanOrEqual(frames.FRAMES_MAX);
});

test("every call that the addon offers is declared, typed and named alike", () => {
  const offered = Array.from(read("native/module.c").matchAll(/offer\(env, exports, "(\w+)", (\w+)\)/g));
  expect(offered.length).toBeGreaterThan(10);
  const declared = read("native/calls.h");
  const typed = read("src/dataplane/io/native.ts");
  for (const [, name, call] of offered) {
    expect(call.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())).toBe(name);
    expect(declared).toMatch(new RegExp(`napi_value ${call}\\(`));
    expect(typed).toMatch(new RegExp(`^ {2}${name}\\(`, "m"));
  }
  const calls = Array.from(declared.matchAll(/napi_value (\w+)\(/g), ([, call]) => call);
  expect(calls.sort()).toEqual(offered.map(([, , call]) => call).sort());
});

test("each drop reason is told apart: a name of its own, a sentence, no capital, no full stop", () => {
  expect(new Set(DROP_REASONS.map(({ name }) => name)).size).toBe(DROP_REASONS.length);
  for (const { name, text } of DROP_REASONS) {
    expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
    expect(text, name).toMatch(/^[a-z0-9].{10,}[^.]$/);
  }
});

test("every drop reason is counted somewhere: in the engine by name, or in the addon by number", () => {
  const engine = sources("src/dataplane", ".ts").filter(({ path }) => !path.endsWith("drop-reason.ts"));
  const addon = sources("native", ".c")
    .map(({ text }) => text)
    .join("\n");
  for (const { name } of DROP_REASONS) {
    const inEngine = engine.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text));
    expect(inEngine || addon.includes(`DROP_${name.toUpperCase()}`), name).toBe(true);
  }
});

/** The enumerators of C source with a number of their own. */
function enumerators(source: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const [, body] of source.matchAll(/enum\s*\w*\s*\{([^}]*)\}/g)) {
    for (const [, name, value] of body.matchAll(/\b([A-Z][A-Z0-9_]*) = (0x[0-9a-f]+|\d+)\b/g))
      numbers.set(name, Number(value));
  }
  return numbers;
}
