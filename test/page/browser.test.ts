// The page in a real browser, Debian's Chromium, before a daemon with the fake data plane: what it shows is what is counted, it
// asks nobody else, comes again after the daemon, and does what it offers.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { portDown, portUp } from "../../src/dataplane/events.ts";
import type { CapturedFrame } from "../../src/dataplane/spec.ts";
import { Harness, SCENARIO } from "../control/harness.ts";

const TOKEN = "correct-horse-battery-staple";
/** Of a phone that is held upright. */
const PHONE = { width: 360, height: 740 };
/** For what the page shows within a second or three. */
const WAIT_MS = 10_000;
const SCREEN = { width: 1400, height: 900 };

let browser: Browser;
let harness: Harness;
let url: string;
/** What went wrong in the pages of a test: errors on their consoles, requests to anyone but the daemon. */
let complaints: string[];

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
afterAll(() => browser?.close());
beforeEach(() => {
  harness = new Harness();
  complaints = [];
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await harness[Symbol.asyncDispose]();
});

async function start(config = SCENARIO): Promise<void> {
  await harness.start(config);
  url = harness.metricsUrl.replace("metrics", "");
}

/** A page that watches the daemon; resolves once it shows ports. */
async function open(
  options: { viewport?: typeof PHONE; colorScheme?: "light" | "dark" } = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: SCREEN, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) complaints.push(request.url());
  });
  await page.goto(url);
  await page.locator("tr[data-port]").first().waitFor();
  return page;
}

const counter = (page: Page, port: string, name: string) =>
  page.locator(`tr[data-port="${port}"] td[data-counter="${name}"]`);
/** Grouped as the page does it. */
const digits = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const evaluate = <T>(page: Page, expression: string) => page.evaluate(expression) as Promise<T>;

test("events are shown newest first and read anew, more seldom if their answers are slow", async () => {
  await start();
  harness.dataplane.emit(portDown({ bridge: "br0", name: "client1" }, "gone"));
  const page = await open();
  const sentences = page.getByLabel("Events").locator("li span");
  await expect
    .poll(() => sentences.first().textContent(), { timeout: WAIT_MS })
    .toBe("port br0/client1 is down: gone");
  harness.dataplane.emit(portUp({ bridge: "br0", name: "client1" }));
  await expect
    .poll(() => sentences.allTextContents(), { timeout: WAIT_MS })
    .toEqual(["port br0/client1 is up again", "port br0/client1 is down: gone"]);
  // An answer of half a second is followed by ten of rest; three pass between quick ones.
  const asked: number[] = [];
  await page.route("**/api/v1/events?*", async (route) => {
    asked.push(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await expect.poll(() => asked.length, { timeout: WAIT_MS }).toBe(1);
  await page.waitForTimeout(7000);
  expect(asked).toHaveLength(1);
  expect(complaints).toEqual([]);
});

test("values are the counters, of each port, and follow them", async () => {
  harness.dataplane.figures.set("br0/client1", {
    rxPackets: 1_234_567,
    rxBytes: 9_007_199_254_740_991,
    txPackets: 0,
    txBytes: 1,
    drops: { too_big: 1000, policed: 1 },
  });
  await start();
  const page = await open();
  const rows = JSON.parse((await harness.run("show", "ports", "--json")).out) as Record<
    string,
    number | string
  >[];
  expect(rows).toHaveLength(3);
  for (const row of rows) {
    for (const name of ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes"]) {
      expect(await counter(page, `br0/${row.port}`, name).textContent()).toBe(digits(row[name] as number));
    }
  }
  expect(await counter(page, "br0/client1", "drops").textContent()).toBe(digits(1001));
  harness.dataplane.figures.set("br0/client1", { rxPackets: 1_300_000 });
  await page.getByText("1\u202f300\u202f000").waitFor();
  expect(complaints).toEqual([]);
});

test.each(["light", "dark"] as const)(
  "in %s it follows the system, and can be turned",
  async (colorScheme) => {
    await start();
    const page = await open({ colorScheme });
    const back = () => evaluate<string>(page, "getComputedStyle(document.body).backgroundColor");
    const isDark = (colour: string) => Number(/\d+/.exec(colour)![0]) < 100;
    expect(isDark(await back())).toBe(colorScheme === "dark");
    await page.getByRole("button", { name: /colours/ }).click();
    expect(isDark(await back())).toBe(colorScheme === "light");
    expect(complaints).toEqual([]);
  },
);

test("a phone shows all of it without scrolling sideways", async () => {
  await start();
  const page = await open({ viewport: PHONE });
  expect(await evaluate(page, "document.documentElement.scrollWidth")).toBe(PHONE.width);
  for (const name of ["The switch", "Ports", "Drops", "Health", "Mirrors", "FDB"]) {
    expect(await page.getByRole("region", { name, exact: true }).isVisible(), name).toBe(true);
  }
});

test("a port is chosen by the keyboard on the drawing, and a down one says why", async () => {
  harness.dataplane.drops.set("br0/client2", { too_big: 7 });
  await start();
  harness.dataplane.down.set("br0/client2", "no route to 10.122.3.152");
  const page = await open();
  await page.locator('svg [data-port="br0/client2"]').focus();
  await page.keyboard.press("Enter");
  const panel = page.getByRole("region", { name: "Port client2" });
  await panel.getByText("no route to 10.122.3.152").waitFor();
  expect(await page.getByTestId("ready").textContent()).toBe("✕ 1 obstacle");
  await page.getByRole("region", { name: "Drops" }).getByText("does not fit the path MTU").waitFor();
});

test("what the switch did before the page came is in the plots at once", async () => {
  await start();
  const asked: string[] = [];
  const page = await open();
  page.on("response", (response) => asked.push(`${response.status()} ${response.url().replace(url, "")}`));
  await page.getByRole("button", { name: "1 h", exact: true }).click();
  await expect.poll(() => asked).toContain("200 api/v1/history?port=br0%2Fclient1&span=3600");
  expect(await page.locator(".plot canvas").count()).toBe(3);
  expect(complaints).toEqual([]);
});

test("a hundred ports are a field of cells, each with its name", async () => {
  const ports = Array.from({ length: 100 }, (_, n) => `p${n}: { type: vxlan, vni: ${n}, remote: 10.0.0.1 }`);
  await start(`bridges: { br0: { ports: { ${ports.join(", ")} } } }\n`);
  const page = await open();
  expect(await page.locator(".cell").count()).toBe(100);
  await page.getByRole("button", { name: /^p42, up, 10.0.0.1 · VNI 42/ }).click();
  await page.getByRole("region", { name: "Port p42" }).waitFor();
});

test("the FDB is searched, and who has moved is marked", async () => {
  const row = { bridge: "br0", vlan: 0, remote: null, vni: null, ageSeconds: 1, static: false };
  const rows = (port: string) => [
    { ...row, mac: "02:00:00:00:00:01", port },
    { ...row, mac: "02:00:00:00:00:02", port: "client2" },
  ];
  harness.dataplane.rows = rows("client1");
  await start();
  const page = await open();
  const fdb = page.getByRole("region", { name: "FDB" });
  await fdb.getByText("02:00:00:00:00:02").waitFor();
  await fdb.getByRole("searchbox").fill("client1");
  await fdb.getByText("1 found").waitFor();
  harness.dataplane.rows = rows("br0");
  await fdb.getByRole("searchbox").fill("00:01");
  await fdb.getByText(/^\d\d:\d\d:\d\d from client1$/).waitFor();
});

test("who talks with whom is shown once it is asked for, and frames are not looked at before", async () => {
  await start();
  const page = await open();
  const card = page.getByRole("region", { name: "Talkers" });
  expect(harness.dataplane.openCaptures).toBe(0);
  await card.getByRole("button", { name: /show/ }).click();
  const frame: CapturedFrame = {
    bytes: Buffer.from("0200000000ff02000000000181000007" + "0800", "hex"),
    from: { bridge: "br0", port: "client1", remote: null, vni: null },
    ...{ seconds: 0, nanoseconds: 0, originalBytes: 1000, sender: null, fates: [], hasMore: false },
  };
  harness.dataplane.captured = [frame, frame];
  const row = card.locator("tbody tr");
  await row.first().waitFor();
  expect(await row.count()).toBe(1);
  expect((await row.locator("th, td").allTextContents()).slice(0, 3)).toEqual([
    "02:00:00:00:00:01 br0",
    "02:00:00:00:00:ff",
    "7",
  ]);
  expect(await card.getByRole("heading").textContent()).toMatch(/from 2 frames$/);
  await card.getByRole("button", { name: "hide" }).click();
  await card.getByRole("button", { name: /show/ }).waitFor();
  expect(complaints).toEqual([]);
});

test("names of any content are text, not markup", async () => {
  await start();
  harness.dataplane.down.set("br0/client1", "<img src=x onerror=alert(1)><b>bold</b>");
  const page = await open();
  await page.getByRole("region", { name: "Health" }).getByText("<b>bold</b>").waitFor();
  expect(complaints).toEqual([]);
});

test("while the daemon is away the page says so and keeps what it knew; then it comes again by itself", async () => {
  await start();
  const page = await open();
  const { port } = new URL(url);
  await harness.stop();
  for (const things of ["mirrors", "ports", "bridges"] as const) harness.dataplane[things].clear();
  await page.getByText(/No connection: .* What is shown is of \d\d:\d\d:\d\d\. Trying again\./).waitFor();
  expect(await counter(page, "br0/client1", "rx_packets").textContent()).toBe("10");
  expect(await page.locator(".app.stale").count()).toBe(1);
  harness.dataplane.figures.set("br0/client1", { rxPackets: 77 });
  const file = harness.writeAsIs(
    "again.yaml",
    `${SCENARIO}metrics: { listen: "127.0.0.1:${port}" }\ncontrol: { socket: ${harness.socket} }\n`,
  );
  await harness.startFile(file);
  await page.locator(".app:not(.stale)").waitFor();
  await page.locator('tr[data-port="br0/client1"] td', { hasText: /^77$/ }).waitFor();
});

test("without a token mirrors are shown and nothing else; the page says why", async () => {
  await start();
  const page = await open();
  const mirrors = page.getByRole("region", { name: "Mirrors" });
  expect(await mirrors.getByRole("button", { name: "Stop" }).isDisabled()).toBe(true);
  expect(await mirrors.getByRole("button", { name: "Start" }).isDisabled()).toBe(true);
  await mirrors.getByText("no token is configured (metrics: { token_file: PATH })").waitFor();
});

test("with the token a mirror is stopped and another started; a wrong one is refused", async () => {
  const file = join(harness.directory, "token");
  writeFileSync(file, TOKEN, { mode: 0o600 });
  harness.metricsWords = `, token_file: ${file}`;
  await start();
  const page = await open();
  await page.getByTestId("unlock").click();
  const enter = async (token: string) => {
    await page.getByRole("textbox", { name: "token" }).fill(token);
    await page.keyboard.press("Enter");
  };
  await enter("something-else-entirely");
  await page.getByText("this is not the token").waitFor();
  await enter(TOKEN);
  await page.getByTestId("lock").waitFor();
  const mirrors = page.getByRole("region", { name: "Mirrors" });
  await mirrors.getByRole("button", { name: "Stop" }).click();
  await page.locator("tr[data-mirror]").waitFor({ state: "detached" });
  expect(harness.dataplane.mirrors.size).toBe(0);
  await mirrors.getByRole("textbox", { name: "name of the mirror" }).fill("web");
  await mirrors.getByRole("textbox", { name: "TAP device" }).fill("mirror1");
  await mirrors.getByRole("combobox").selectOption("br0/client1");
  await mirrors.getByRole("button", { name: "Start" }).click();
  await page.locator('tr[data-mirror="br0/web"]').waitFor();
  expect(harness.dataplane.mirrors.get("br0/web")).toMatchObject({
    selectSrcPorts: ["client1"],
    selectDstPorts: ["client1"],
  });
});

test("a capture of a port is downloaded, with the frames that came until then", async () => {
  const file = join(harness.directory, "token");
  writeFileSync(file, TOKEN, { mode: 0o600 });
  harness.metricsWords = `, token_file: ${file}`;
  await start();
  const page = await open();
  const capture = page.getByRole("region", { name: "Capture" });
  expect(await capture.getByRole("button", { name: "Capture" }).isDisabled()).toBe(true);
  await page.getByTestId("unlock").click();
  await page.getByRole("textbox", { name: "token" }).fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByTestId("lock").waitFor();
  await capture.getByRole("combobox").selectOption("br0/client1");
  await capture.getByRole("button", { name: "Capture" }).click();
  await capture.getByText("bytes").waitFor();
  expect(harness.dataplane.captures).toMatchObject([{ ports: [{ bridge: "br0", name: "client1" }] }]);
  const downloaded = page.waitForEvent("download");
  await capture.getByRole("button", { name: "Stop and save" }).click();
  const bytes = readFileSync(await (await downloaded).path());
  expect(bytes.readUInt32BE(0)).toBe(0x0a0d0d0a);
  await expect.poll(() => harness.dataplane.openCaptures).toBe(0);
});
