// The record of a quarantine, by a clock that is a number.
import { expect, test } from "vitest";
import { Quarantine } from "../../src/dataplane/inventory/quarantine.ts";

const EVIDENCE = { wallMs: 1_700_000_000_000, frame: Buffer.from("ffffffffffff", "hex") };

test("a quarantine is over when its time has passed and somebody ends it, and is remembered", () => {
  const quarantine = new Quarantine();
  expect([quarantine.isOn, quarantine.isDue(0), quarantine.secondsLeft(0)]).toEqual([false, false, 0]);
  quarantine.begin(5000, 2000, EVIDENCE);
  expect([quarantine.isOn, quarantine.isDue(6999), quarantine.secondsLeft(5001)]).toEqual([true, false, 2]);
  expect([quarantine.isOn, quarantine.isDue(7000), quarantine.secondsLeft(7500)]).toEqual([true, true, 1]);
  quarantine.end();
  expect([quarantine.isOn, quarantine.isDue(9000), quarantine.secondsLeft(9000)]).toEqual([false, false, 0]);
  quarantine.begin(9000, 1000, { ...EVIDENCE, wallMs: 1 });
  expect([quarantine.count, quarantine.evidence?.wallMs]).toEqual([2, 1]);
});
