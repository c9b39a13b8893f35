// The page before a real switch with kernel clients, in a browser on the switch's own host: what it shows is what
// `show ports` tells.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { METRICS_LISTEN } from "../../src/control/lab/switch-process.ts";
import { CLIENT2, KernelLab } from "./harness/kernel-lab.ts";
import type { PortRow } from "./harness/rows.ts";

const COUNTERS = ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes"] as const;
const SETTLE_MS = 10_000;

let lab: KernelLab;
let browser: Browser;
beforeAll(async () => {
  lab = await KernelLab.start();
  // The pipe by which the browser is driven stays open over both.
  const inside = join(lab.directory, "chromium");
  const script = `#!/bin/sh\nexec ip netns exec ${lab.test.host.namespace} chromium "$@"\n`;
  writeFileSync(inside, script, { mode: 0o755 });
  browser = await chromium.launch({ executablePath: inside, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  await lab?.end();
});

test("after traffic the page shows the counters that `show ports` tells", async () => {
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: 20 })).toBe(20);
  const page = await browser.newPage();
  await page.goto(`http://${METRICS_LISTEN}/`);
  await page.locator("tr[data-port]").first().waitFor();
  const shown = async () => {
    const cells = COUNTERS.map((name) => page.locator(`tr[data-port] td[data-counter="${name}"]`));
    const columns = await Promise.all(cells.map((cell) => cell.allTextContents()));
    return columns.map((column) => column.map((text) => Number(text.replaceAll("\u202f", ""))));
  };
  const told = async () => {
    const rows = (await lab.show("ports")) as (PortRow & Record<(typeof COUNTERS)[number], number>)[];
    return COUNTERS.map((name) => rows.map((row) => row[name]));
  };
  // The endpoints chatter now and then, and the page is told once a second.
  const equal = async () => JSON.stringify(await shown()) === JSON.stringify(await told());
  expect(await waitUntil(equal, SETTLE_MS)).toBe(true);
  expect(Math.max(...(await shown())[0]!)).toBeGreaterThanOrEqual(20);
});
