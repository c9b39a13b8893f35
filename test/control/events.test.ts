// Events: the history and its bounds, the stream with its resumption and its slow readers, `vxswitch events` and `show hosts`.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventsIn, stream } from "../../src/control/cli/stream.ts";
import { Events, HISTORY_MAX, type SwitchEvent } from "../../src/control/events.ts";
import { createLog } from "../../src/control/log.ts";
import { QUEUED_MAX } from "../../src/control/server/event-stream.ts";
import { hostLearnt, portDown, portUp } from "../../src/dataplane/events.ts";
import { Harness } from "./harness.ts";

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

const CLIENT1 = { bridge: "br0", name: "client1" };
const learnt = (i: number) =>
  hostLearnt({ ...CLIENT1, vlan: 0, mac: `02:00:00:00:00:${(i & 255).toString(16).padStart(2, "0")}` });
const events = async (...args: string[]) => {
  const { code, out, err } = await harness.run("events", "--no-follow", "--json", ...args);
  return {
    code,
    err,
    list: out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as SwitchEvent),
  };
};

test("a flood of what hosts do leaves the rest in the history", () => {
  const log = createLog("silent", () => {});
  const history = new Events(log, () => 5);
  history.emit(portDown(CLIENT1, "gone"));
  for (let i = 0; i < 3 * HISTORY_MAX; i++) history.emit(learnt(i));
  const kept = history.history();
  expect(kept).toHaveLength(1 + HISTORY_MAX);
  expect(kept[0]).toMatchObject({
    id: 5,
    type: "port_down",
    bridge: "br0",
    port: "client1",
    time: "1970-01-01T00:00:00.005Z",
  });
  expect(kept.at(-1)?.id).toBe(5 + 3 * HISTORY_MAX);
});

test("what hosts do is not in the log unless it has all, a change is there with each of its lines", async () => {
  await harness.start();
  harness.dataplane.emit(learnt(1));
  await harness.run("port", "set", "br0", "client1", "vni=4999");
  expect(harness.log).not.toContain("is learnt");
  expect(harness.log).toMatch(/info {2}~ port br0\/client1 vni 4100 -> 4999\n.*changed, changes: 1\n/);
  const { list } = await events("--type", "apply");
  expect(list).toMatchObject([
    { type: "apply", changes: ["~ port br0/client1 vni 4100 -> 4999"], warnings: [] },
  ]);
});

test("the command prints the last ones, those of some types, or those since a time", async () => {
  await harness.start();
  for (let i = 0; i < 20; i++) harness.dataplane.emit(learnt(i));
  harness.dataplane.emit(portDown(CLIENT1, "gone"));
  expect((await events()).list).toHaveLength(10);
  expect((await events("-n", "3")).list.map(({ type }) => type)).toEqual(["learnt", "learnt", "port_down"]);
  expect((await events("--type", "port_down")).list).toMatchObject([
    { message: "port br0/client1 is down: gone" },
  ]);
  expect((await events("--since", "1h")).list).toHaveLength(21);
  expect((await events("--since", "2999-01-01T00:00:00Z")).list).toEqual([]);
  const { out } = await harness.run("events", "--no-follow", "-n", "1");
  expect(out).toMatch(/^\S+Z port_down {7} port br0\/client1 is down: gone\n$/);
});

test.each([
  [["--type", "x,learnt"], "there is no event type x; the types are: learnt, moved,"],
  [
    ["--since", "soon"],
    'since: expected a duration such as 300s, 10m or 1h, or a time such as 2026-01-31T12:00:00Z, got "soon"',
  ],
  [["-n", "many"], 'last: expected a whole number, got "many"'],
])("%j is refused in a sentence", async (args, sentence) => {
  await harness.start();
  const { code, err } = await events(...args);
  expect([code, err]).toEqual([1, expect.stringContaining(sentence)]);
});

test("without a daemon it says so", async () => {
  expect(await events()).toMatchObject({ code: 1, err: expect.stringContaining("no daemon answers at") });
});

test("followed, it prints what comes, and says that the daemon has stopped", async () => {
  await harness.start();
  // With signals of its own, or what stops the daemon would stop it too.
  await using other = new Harness();
  other.env = { VXSWITCH_SOCKET: harness.socket };
  const following = other.run("events", "-n", "0", "--type", "port_up");
  // Its connection came first.
  await reader(harness);
  await reader(harness);
  harness.dataplane.emit(portUp(CLIENT1));
  await harness.stop();
  const { code, out, err } = await following;
  expect(err).toBe("vxswitch: the daemon has stopped\n");
  expect(out).toMatch(/^\S+Z port_up {9} port br0\/client1 is up again\n\S+Z stop {12} vxswitch stops\n$/);
  expect([code, err]).toEqual([0, "vxswitch: the daemon has stopped\n"]);
});

test("followed, it says which it was if the daemon ends the events without a word", async () => {
  let isThere = true;
  const daemon = createServer((request, response) => {
    if (!request.url?.startsWith("/v1/events")) return void response.end("{}");
    response.write(": nothing new\n\n", () => {
      if (!isThere) daemon.close();
      response.destroy();
    });
  });
  daemon.listen(join(harness.directory, "sock"));
  harness.env = { VXSWITCH_SOCKET: join(harness.directory, "sock") };
  expect(await harness.run("events")).toMatchObject({
    code: 1,
    err: "vxswitch: the daemon has cut these events off, for they were read too slowly; --since begins with those of the past again\n",
  });
  isThere = false;
  const { code, err } = await harness.run("events");
  expect([code, err]).toEqual([
    1,
    "vxswitch: the daemon has ended without having been stopped; its log may say why\n",
  ]);
});

test("a reader that comes back hears what it has missed, and no more", async () => {
  await harness.start();
  for (let i = 0; i < 5; i++) harness.dataplane.emit(learnt(i));
  const { list } = await events();
  const lastId = list[2]!.id;
  const text = await ask(harness.socket, `Last-Event-ID: ${lastId}\r\n`);
  const ids = Array.from(text.matchAll(/^id: (\d+)/gm), ([, id]) => Number(id));
  expect(ids).toEqual(list.slice(3).map(({ id }) => id));
});

test("a reader that does not read is cut off, and the others go on", async () => {
  await harness.start();
  const slow = connect(harness.socket);
  slow.on("error", () => {});
  slow.write("GET /v1/events?last=0 HTTP/1.1\r\nHost: x\r\n\r\n");
  await new Promise((resolve) => slow.once("data", resolve));
  slow.pause();
  const closed = new Promise((resolve) => slow.once("close", resolve));
  const quick = await reader(harness);
  // More than the kernel holds for him, and than may wait.
  const message = "x".repeat(1000);
  for (let i = 0; i < QUEUED_MAX + 2000; i++) {
    harness.dataplane.emit({ ...learnt(i), message });
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  slow.resume();
  await closed;
  harness.dataplane.emit(portUp(CLIENT1));
  expect(await quick("port_up")).toMatchObject({ type: "port_up" });
});

test("readers that never read are cut off and counted, at both addresses; the log has the first", async () => {
  await harness.start();
  const { hostname, port } = new URL(harness.metricsUrl);
  const deaf = [connect(harness.socket), connect(Number(port), hostname)];
  for (const connection of deaf) {
    connection.on("error", () => {}).pause();
    connection.write(
      `GET ${connection === deaf[0] ? "" : "/api"}/v1/events?last=0 HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`,
    );
  }
  // What came is there to be read, and stays there.
  await Promise.all(deaf.map((connection) => once(connection, "readable")));
  expect(await cutOff(harness)).toBe(0);
  const message = "x".repeat(10_000);
  const all = async () => {
    for (let i = 0; i < 500; i++) harness.dataplane.emit({ ...learnt(i), message });
    return cutOff(harness);
  };
  await expect.poll(all, { timeout: 10_000, interval: 1 }).toBe(deaf.length);
  expect(
    harness.log.match(/warn {2}a reader of \/v1\/events was cut off: it was 2000 events behind/g),
  ).toHaveLength(1);
  for (const connection of deaf) connection.destroy();
});

test("show hosts has a line a host, with what it is known by", async () => {
  await harness.start();
  const address = { address: "10.0.0.1", by: ["arp" as const], firstSeenMs: 0, lastSeenMs: 5000 };
  harness.dataplane.hostRows = [
    {
      ...{
        bridge: "br0",
        vlan: 0,
        mac: "02:00:00:00:00:01",
        port: "client1",
        remote: "10.122.0.22",
        vni: 4100,
      },
      ...{ static: false, name: "alice", firstSeenMs: 0, lastSeenMs: 5000, goneMs: 6000, moves: 1 },
      addresses: [{ ...address, conflict: { mac: "02:00:00:00:00:02", timeMs: 4000 } }],
      lastMove: { timeMs: 3000, port: "client2", remote: null },
    },
  ];
  const { out } = await harness.run("show", "hosts");
  expect(out.split("\n").slice(1)).toEqual([
    "br0     client1     0  02:00:00:00:00:01  10.122.0.22  4100  1970-01-01 00:00:00  1970-01-01 00:00:05, gone      1  client2  alice  10.0.0.1!",
    "10.0.0.1 of 02:00:00:00:00:01 was claimed by 02:00:00:00:00:02 at 1970-01-01T00:00:04.000Z",
    "",
  ]);
  const [host] = JSON.parse((await harness.run("show", "hosts", "--json")).out) as [unknown];
  expect(host).toMatchObject({
    gone: "1970-01-01T00:00:06.000Z",
    last_move: { port: "client2" },
    addresses: [{ by: ["arp"] }],
  });
});

/** Follows the events; resolves once the daemon has begun to answer. The result waits for one of a type. */
async function reader({ socket, dataplane }: Harness) {
  const end = new AbortController();
  const list = eventsIn<SwitchEvent>(stream(socket, "/v1/events?last=1", end.signal));
  dataplane.emit(portDown(CLIENT1, "for the reader"));
  await list.next();
  const seen = new Map<string, SwitchEvent>();
  const ended = (async () => {
    for await (const event of list) {
      seen.set(event.type, event);
      if (event.type === "port_up") return;
    }
  })();
  return async (type: string) => {
    await ended;
    return seen.get(type);
  };
}

/** How many readers were, as a scrape says it. */
async function cutOff({ metricsUrl }: Harness): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  return Number(/^vxswitch_web_refusals_total\{reason="slow_events"\} (\d+)$/m.exec(text)?.[1]);
}

/** One raw request for what is remembered. */
function ask(socket: string, headers: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const connection = connect(socket);
    connection.on("data", (chunk) => {
      text += chunk;
    });
    connection.on("end", () => resolve(text));
    connection.on("error", reject);
    connection.write(
      `GET /v1/events?follow=false HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`,
    );
  });
}
