// The page's side of the metrics listener: who may ask, what is answered, and that nobody can hold it.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Activity } from "../../../src/control/activity/activity.ts";
import { parseConfig } from "../../../src/control/config/file.ts";
import { Events } from "../../../src/control/events.ts";
import { createLog } from "../../../src/control/log.ts";
import { RunningSwitch } from "../../../src/control/running-switch.ts";
import { createMetricsApp } from "../../../src/control/server/metrics-listener.ts";
import { NAME_REFUSED, SITE_REFUSED } from "../../../src/control/web/guards.ts";
import { noRefusals } from "../../../src/control/web/refusals.ts";
import { FakeDataplane } from "../fake-dataplane.ts";
import { SCENARIO } from "../harness.ts";

const TOKEN = "correct-horse-battery-staple";
const silent = createLog("silent", () => {});
const OWN = { host: "127.0.0.1:9478" };
const BEARER = { ...OWN, authorization: `Bearer ${TOKEN}` };

let directory: string;
let dataplane: FakeDataplane;
let running: RunningSwitch;
let app: Hono;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
  await start();
});
afterEach(() => rmSync(directory, { recursive: true }));

async function start(metrics = "", onLoopback = true): Promise<void> {
  dataplane = new FakeDataplane();
  running = await RunningSwitch.start(dataplane, parseConfig(SCENARIO + metrics, "F"));
  app = createMetricsApp(
    {
      running,
      activity: new Activity(dataplane),
      events: new Events(silent),
      log: silent,
      refusals: noRefusals(),
    },
    onLoopback,
  );
}

function tokenFile(text = `${TOKEN}\n`, mode = 0o600): string {
  const file = join(directory, "token");
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const withToken = (onLoopback = true) => start(`metrics: { token_file: ${tokenFile()} }\n`, onLoopback);
const ask = (path: string, headers: Record<string, string> = OWN, init: RequestInit = {}) =>
  app.request(path, { ...init, headers: { ...init.headers, ...headers } });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;
const refusals = async (reason: string) => {
  const text = await (await ask("/metrics")).text();
  return Number(
    new RegExp(`^vxswitch_web_refusals_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)![1],
  );
};

describe("a name that a name server could have turned to us", () => {
  test.each([
    "evil.example",
    "evil.example:9478",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "[x]",
  ])("%j is refused by page and API, and served by /metrics", async (host) => {
    for (const path of ["/", "/api/v1/status", "/api/v1/live"]) {
      const response = await ask(path, { host });
      expect(response.status, path).toBe(421);
      expect(await errorOf(response)).toBe(NAME_REFUSED);
    }
    expect((await ask("/metrics", { host })).status).toBe(200);
    expect((await ask("/readyz", { host })).status).toBe(200);
    expect(await refusals("host")).toBe(3);
  });
  test.each(["127.0.0.1:9478", "localhost", "localhost:8000", "[::1]:9478", "10.1.2.3:80", "lab.localhost"])(
    "%s is none",
    async (host) => {
      expect((await ask("/api/v1/status", { host })).status).toBe(200);
    },
  );
});

describe("a request of another site", () => {
  test.each([
    [{ "sec-fetch-site": "cross-site" }],
    [{ "sec-fetch-site": "same-site" }],
    [{ origin: "http://evil.example" }],
    [{ origin: "http://127.0.0.1:8080" }],
    [{ origin: "null" }],
  ])("%j is refused, read or change", async (headers) => {
    await withToken();
    const read = await ask("/api/v1/status", { ...OWN, ...headers });
    expect(read.status).toBe(403);
    expect(await errorOf(read)).toBe(SITE_REFUSED);
    const change = await ask(
      "/api/v1/bridges/br0/mirrors/m0",
      { ...BEARER, ...headers },
      { method: "DELETE" },
    );
    expect(change.status).toBe(403);
    expect(dataplane.mirrors.size).toBe(1);
    expect(await refusals("site")).toBe(2);
  });
  test("is not the page's own, nor that of a program, nor an address that was typed", async () => {
    for (const headers of [
      { origin: "http://127.0.0.1:9478", "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
    ]) {
      expect((await ask("/api/v1/status", { ...OWN, ...headers })).status).toBe(200);
    }
  });
  test("is never allowed by CORS headers, nor by an answer to a preflight", async () => {
    const headers = { ...OWN, origin: "http://evil.example", "access-control-request-method": "PUT" };
    const response = await ask("/api/v1/bridges/br0/mirrors/m1", headers, { method: "OPTIONS" });
    expect(response.status).toBe(403);
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("reads", () => {
  test("are those of the control socket", async () => {
    for (const path of ["status", "ports", "mirrors", "vteps", "drops", "fdb"]) {
      const response = await ask(`/api/v1/${path}`);
      expect(response.status, path).toBe(200);
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
    const ports = (await (await ask("/api/v1/ports")).json()) as { port: string; rx_packets: number }[];
    expect(ports.map(({ port, rx_packets }) => [port, rx_packets])).toEqual([
      ["client1", 10],
      ["client2", 10],
      ["br0", 10],
    ]);
  });
  test("of the configuration are not among them, and what is not there is said", async () => {
    const response = await ask("/api/v1/config");
    expect(response.status).toBe(404);
    expect(await errorOf(response)).toBe("there is no GET /api/v1/config");
  });
  test("search the FDB for all words, and return no more rows than asked for", async () => {
    const row = { bridge: "br0", vlan: 0, remote: null, vni: null, ageSeconds: 1, static: false };
    dataplane.rows = Array.from({ length: 300 }, (_, n) => ({
      ...row,
      mac: `02:00:00:00:01:${(n % 256).toString(16).padStart(2, "0")}`,
      port: n < 256 ? "client1" : "client2",
    }));
    const search = async (query: string) =>
      (await (await ask(`/api/v1/fdb-search?${query}`)).json()) as { total: number; rows: { mac: string }[] };
    expect(await search("")).toMatchObject({ total: 300, rows: { length: 100 } });
    expect(await search("search=client2&limit=5")).toMatchObject({ total: 44, rows: { length: 5 } });
    expect((await search("search=CLIENT1+01:0a")).rows.map(({ mac }) => mac)).toEqual(["02:00:00:00:01:0a"]);
    expect(await search("search=nobody")).toEqual({ total: 0, rows: [] });
  });
});

describe("changes", () => {
  const put = (headers: Record<string, string>, words: object) =>
    ask("/api/v1/bridges/br0/mirrors/m1", headers, { method: "PUT", body: JSON.stringify(words) });

  test("are nobody's while no token is configured, and the answer says how to have one", async () => {
    for (const [path, method] of [
      ["bridges/br0/mirrors/m0", "DELETE"],
      ["capture", "GET"],
      ["drops/frames", "GET"],
    ] as const) {
      const response = await ask(`/api/v1/${path}`, BEARER, { method });
      expect(response.status).toBe(403);
      expect(await errorOf(response)).toContain("metrics: { token_file: PATH }");
    }
    expect(dataplane.mirrors.size).toBe(1);
  });
  test("are made with the token: a mirror starts and stops as by the control socket", async () => {
    await withToken();
    expect((await put(BEARER, { select_all: true, output: { tap: "mirror1" } })).status).toBe(200);
    expect([...dataplane.mirrors.keys()]).toEqual(["br0/m0", "br0/m1"]);
    const again = await put(BEARER, { select_all: true, output: { tap: "mirror1" } });
    expect(again.status).toBe(422);
    expect(await errorOf(again)).toContain("br0 has a mirror m1 already");
    const stopped = await ask("/api/v1/bridges/br0/mirrors/m1", BEARER, { method: "DELETE" });
    expect(await stopped.json()).toMatchObject({ changes: [expect.stringContaining("m1")] });
    expect([...dataplane.mirrors.keys()]).toEqual(["br0/m0"]);
  });
  test("write no files of the machine", async () => {
    await withToken();
    const response = await put(BEARER, { select_all: true, output: { pcapng: "/tmp/x.pcapng" } });
    expect(response.status).toBe(422);
    expect(await errorOf(response)).toContain("vxswitch mirror add");
    expect(dataplane.mirrors.size).toBe(1);
  });
  test("of ports, of the FDB and of the whole configuration are not offered", async () => {
    await withToken();
    for (const [method, path] of [
      ["DELETE", "bridges/br0/ports/client1"],
      ["POST", "apply"],
      ["POST", "bridges/br0/flush"],
    ]) {
      expect((await ask(`/api/v1/${path}`, BEARER, { method: method! })).status).toBe(404);
    }
  });
  test("with a body beyond the bound are refused unread", async () => {
    await withToken();
    const headers = { ...BEARER, "content-length": "100000" };
    const response = await ask("/api/v1/bridges/br0/mirrors/m1", headers, {
      method: "PUT",
      body: "x".repeat(100_000),
    });
    expect(response.status).toBe(413);
  });
  test("with a wrong token are refused, counted, and after some not looked at for a while", async () => {
    await withToken();
    const wrong = { ...OWN, authorization: "Bearer correct-horse-battery-stapl_" };
    const statuses = [];
    for (let n = 0; n < 10; n++) statuses.push((await ask("/api/v1/rights", wrong)).status);
    expect(statuses).toEqual([...Array(8).fill(401), 429, 429]);
    const right = await ask("/api/v1/rights", BEARER);
    expect(right.status).toBe(429);
    expect(right.headers.get("retry-after")).toBe("2");
    expect(await refusals("token")).toBe(11);
    expect((await ask("/api/v1/status")).status).toBe(200);
  });
  test("are told to the page beforehand", async () => {
    const rights = async (headers = OWN) => (await ask("/api/v1/rights", headers)).json();
    expect(await rights()).toEqual({ token: false, reads: true, changes: false });
    await withToken();
    expect(await rights()).toEqual({ token: true, reads: true, changes: false });
    expect(await rights(BEARER)).toEqual({ token: true, reads: true, changes: true });
  });
});

describe("beyond the loopback", () => {
  test("the API is read with the token alone, the page and the metrics by anyone", async () => {
    await start("", false);
    expect((await ask("/api/v1/status")).status).toBe(403);
    await withToken(false);
    expect((await ask("/api/v1/status")).status).toBe(401);
    expect((await ask("/api/v1/live")).status).toBe(401);
    expect((await ask("/api/v1/status", BEARER)).status).toBe(200);
    expect((await ask("/metrics")).status).toBe(200);
    expect(await (await ask("/api/v1/rights")).json()).toEqual({ token: true, reads: false, changes: false });
  });
});

describe("the token's file", () => {
  const refused = (file: string, sentence: string) =>
    expect(start(`metrics: { token_file: ${file} }\n`)).rejects.toThrow(sentence);
  test.each([
    ["everyone can read", TOKEN, 0o644, "everyone on this machine can get at"],
    ["is short", "secret", 0o600, "one word of 16 to 256 printable ASCII characters"],
    ["is two words", `${TOKEN} ${TOKEN}`, 0o600, "one word of"],
    ["is long", "x".repeat(257), 0o600, "one word of"],
    ["is empty", "", 0o600, "one word of"],
  ])("that %s is refused", async (_, text, mode, sentence) => {
    await refused(tokenFile(text, mode), sentence);
  });
  test("that is not there, or no file, is refused", async () => {
    await refused(join(directory, "nothing"), "cannot be read: ENOENT");
    await refused(directory, "is not a plain file");
  });
  test("is read again by a reload, and kept if what it then holds is refused", async () => {
    await withToken();
    tokenFile("another-long-enough-token");
    const config = running.config;
    await running.replace(config, { dryRun: false });
    expect((await ask("/api/v1/rights", BEARER)).status).toBe(401);
    tokenFile("short");
    await expect(running.replace(config, { dryRun: false })).rejects.toThrow("one word of");
    expect(running.token).toBe("another-long-enough-token");
  });
});

describe("the page itself", () => {
  test("comes with a policy that lets nothing in from elsewhere, and is asked for anew each time", async () => {
    const response = await ask("/");
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|http/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const again = await ask("/", { ...OWN, "if-none-match": response.headers.get("etag")! });
    expect(again.status).toBe(304);
  });
  test("names assets of its own alone, which are kept for good, and come zipped to who takes that", async () => {
    const html = await (await ask("/")).text();
    const assets = Array.from(html.matchAll(/(?:src|href)="([^"]+)"/g), ([, path]) => path!);
    expect(assets.length).toBeGreaterThan(2);
    for (const path of assets) {
      expect(path).toMatch(/^\.\/assets\//);
      const plain = await ask(path.slice(1));
      expect(plain.headers.get("cache-control")).toContain("immutable");
      const zipped = await ask(path.slice(1), { ...OWN, "accept-encoding": "br, gzip" });
      expect(zipped.headers.get("content-encoding")).toBe("gzip");
      const text = await new Response(zipped.body!.pipeThrough(new DecompressionStream("gzip"))).text();
      expect(text).toBe(await plain.text());
    }
  });
});
