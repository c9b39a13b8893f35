// The daemon from start to stop: what it refuses to start with, what a reload does and does not, how it ends.
import { existsSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Activity } from "../../src/control/activity/activity.ts";
import { createClient } from "../../src/control/cli/client.ts";
import { parseConfig } from "../../src/control/config/file.ts";
import { Events } from "../../src/control/events.ts";
import { createLog } from "../../src/control/log.ts";
import { RunningSwitch } from "../../src/control/running-switch.ts";
import { createApi } from "../../src/control/server/api.ts";
import { noRefusals } from "../../src/control/web/refusals.ts";
import { Harness, SCENARIO } from "./harness.ts";

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

async function listen(target: string | { port: number; host: string }): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(target, resolve));
  return server;
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));

describe("at start", () => {
  const run = (bridges = SCENARIO) => harness.run("run", "--config", harness.write("config.yaml", bridges));

  test("a file with faults is refused with all of them, before anything is opened", async () => {
    const { code, err } = await run("bridges:\n  br0: { ageing: x, maxaddress: y }\n");
    expect(code).toBe(1);
    expect(err.trimEnd().split("\n")).toHaveLength(2);
    expect(existsSync(harness.socket)).toBe(false);
  });
  test("a port or a mirror that does not come up is fatal, with its reason", async () => {
    harness.dataplane.down.set("br0/br0", "opening /dev/net/tun: EPERM; it takes CAP_NET_ADMIN");
    harness.dataplane.down.set("br0/m0", "no such device");
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toBe(
      [
        "vxswitch: port br0/br0 is down: opening /dev/net/tun: EPERM; it takes CAP_NET_ADMIN",
        "vxswitch: mirror br0/m0 is down: no such device",
        "",
      ].join("\n"),
    );
    expect(harness.dataplane.closed).toBe(true);
  });
  test("a metrics port that is taken is a sentence with a remedy, and nothing stays open", async () => {
    const taken = await listen({ port: 0, host: "127.0.0.1" });
    const { port } = taken.address() as { port: number };
    const file = harness.writeAsIs(
      "config.yaml",
      `metrics: { listen: "127.0.0.1:${port}" }\ncontrol: { socket: ${harness.socket} }\n`,
    );
    const { code, err } = await harness.run("run", "--config", file);
    expect(code).toBe(1);
    expect(err).toContain(
      `metrics cannot listen on 127.0.0.1:${port}: another program has this port; \`ss -ltnp\` tells which.`,
    );
    expect(harness.dataplane.closed).toBe(true);
    expect(existsSync(harness.socket)).toBe(false);
    await close(taken);
  });
  test("a second daemon on one socket is refused, and the first goes on", async () => {
    await harness.start();
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toContain(`a daemon answers at ${harness.socket} already`);
    expect((await harness.run("show")).code).toBe(0);
  });
  test("a stale socket is replaced", async () => {
    mkdirSync(`${harness.directory}/run`);
    const dead = await listen(`${harness.directory}/run/dead.sock`);
    linkSync(`${harness.directory}/run/dead.sock`, harness.socket);
    await close(dead);
    await harness.start();
    expect((await harness.run("show")).code).toBe(0);
  });
  test("a file where the socket should be is left alone", async () => {
    mkdirSync(`${harness.directory}/run`);
    writeFileSync(harness.socket, "precious");
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toContain(`${harness.socket} is there and is not a socket`);
  });
  test("what the data plane cannot open is a sentence, not a stack", async () => {
    harness.dataplane.beforeApply = async () => {
      throw Object.assign(new Error("the addon is not built; run npm run build"), { code: "ENOENT" });
    };
    expect(await run()).toEqual({
      code: 1,
      out: "",
      err: "vxswitch: the addon is not built; run npm run build\n",
    });
  });
});

describe("a reload", () => {
  test("applies what differs and nothing else", async () => {
    await harness.start();
    harness.write("config.yaml", SCENARIO.replace("4101", "4102"));
    expect(await harness.signal("SIGHUP", /reloaded/)).toContain("changes: 1");
    expect(harness.dataplane.applied.at(-1)).toMatchObject([
      { op: "set-port", port: { name: "client2", vni: 4102 } },
    ]);
    expect(harness.log).toContain("~ port br0/client2 vni 4101 -> 4102");
  });
  test("of the same file changes nothing", async () => {
    await harness.start();
    expect(await harness.signal("SIGHUP", /reloaded/)).toContain("changes: 0");
    expect(harness.dataplane.applied).toHaveLength(1);
  });
  test("of a file with faults logs every one, and the running configuration stays", async () => {
    await harness.start();
    const before = (await harness.run("show", "config")).out;
    const file = harness.write("config.yaml", SCENARIO.replace("4100", "x").replace("1450", "y"));
    await harness.signal("SIGHUP", /not reloaded; the running configuration stays/);
    expect(harness.log).toContain(`error ${file}:4:36: bridges.br0.ports.client1.vni: expected a VNI`);
    expect(harness.log).toContain(`error ${file}:6:57: bridges.br0.ports.br0.mtu: expected an MTU`);
    expect((await harness.run("show", "config")).out).toBe(before);
    expect(harness.dataplane.applied).toHaveLength(1);
  });
  test("undoes what was changed by command since", async () => {
    await harness.start();
    await harness.run("port", "add", "br0", "t9", "type=tap");
    await harness.signal("SIGHUP", /reloaded/);
    expect(harness.dataplane.ports.has("br0/t9")).toBe(false);
  });
  test("that would move a listener is refused: those are bound once", async () => {
    await harness.start();
    harness.writeAsIs("config.yaml", `${SCENARIO}control: { socket: /tmp/elsewhere.sock }\n`);
    await harness.signal("SIGHUP", /not reloaded/);
    expect(harness.log).toContain(
      `control.socket cannot change from ${harness.socket} to /tmp/elsewhere.sock while running; restart the daemon`,
    );
  });
  test("that asks for other forwarding threads is refused: they are started once", async () => {
    await harness.start();
    harness.write("config.yaml", `${SCENARIO}underlay: { workers: 2 }\n`);
    await harness.signal("SIGHUP", /not reloaded/);
    expect(harness.log).toContain(
      "underlay.workers cannot change from 1 to 2 while running; restart the daemon",
    );
  });
  test("that the data plane rejects leaves the running configuration as it was", async () => {
    await harness.start();
    harness.dataplane.beforeApply = async () => {
      throw new Error("an invariant is false");
    };
    const { code, err } = await harness.run("port", "add", "br0", "t9", "type=tap");
    expect({ code, err }).toEqual({
      code: 1,
      err: "vxswitch: the daemon failed: an invariant is false; its log says more\n",
    });
    expect((await harness.run("show", "config")).out).not.toContain("t9");
  });
});

describe("changes are made one at a time", () => {
  test("also when they are asked for at once", async () => {
    await harness.start();
    let inside = 0;
    let most = 0;
    harness.dataplane.beforeApply = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name) => harness.run("port", "add", "br0", name, "type=tap")));
    expect(most).toBe(1);
    for (const name of names) expect(harness.dataplane.ports.has(`br0/${name}`)).toBe(true);
  });
});

describe("the end", () => {
  test("by SIGTERM is clean: data plane closed, socket gone, exit code 0", async () => {
    await harness.start();
    expect(await harness.stop()).toBe(0);
    expect(harness.dataplane.closed).toBe(true);
    expect(existsSync(harness.socket)).toBe(false);
    expect(harness.log).toContain("stopping on SIGTERM");
  });
  test("by a second signal is at once", async () => {
    await harness.start();
    harness.signals.emit("SIGINT", "SIGINT");
    harness.signals.emit("SIGINT", "SIGINT");
    expect(harness.exits).toEqual([1]);
    await harness.stop();
  });
});

describe("what the data plane says", () => {
  test("goes to the log, one line an event", async () => {
    await harness.start();
    harness.dataplane.emit({
      type: "port_down",
      level: "warn",
      message: "port br0/client1 is down: the socket is gone",
    });
    expect(harness.log).toMatch(/^\S+Z warn {2}port br0\/client1 is down: the socket is gone$/m);
  });
});

describe("over HTTP", () => {
  const ask = (method: "GET" | "PUT" | "POST", path: string, body?: unknown) =>
    createClient(harness.socket).ask(method, path, body);

  test("what there is not, is said", async () => {
    await harness.start();
    await expect(ask("GET", "/v1/nothing")).rejects.toThrow("there is no GET /v1/nothing");
  });
  test("the addresses can be had of one port, and so many of them at most", async () => {
    await harness.start();
    const row = { bridge: "br0", vlan: 0, remote: null, vni: null, ageSeconds: 1, static: false };
    harness.dataplane.rows = ["client1", "client2", "client1"].map((port, i) => {
      return { ...row, port, mac: `02:00:00:00:00:0${i}` };
    });
    expect(await ask("GET", "/v1/fdb?port=br0/client1")).toHaveLength(2);
    expect(await ask("GET", "/v1/fdb?port=br0/client1&limit=1")).toMatchObject([
      { mac: "02:00:00:00:00:00" },
    ]);
    await expect(ask("GET", "/v1/fdb?limit=-1")).rejects.toThrow("limit: expected a whole number");
  });
  test("a body of another shape is refused", async () => {
    await harness.start();
    await expect(ask("POST", "/v1/apply", { file: 1 })).rejects.toThrow(
      "the body of the request is not what is expected",
    );
    await expect(ask("PUT", "/v1/bridges/br0/ports/p")).rejects.toThrow("the body of the request");
  });
  test("a body without bounds is refused", async () => {
    const running = await RunningSwitch.start(harness.dataplane, parseConfig(SCENARIO, "F"));
    const log = createLog("silent", () => {});
    const activity = new Activity(harness.dataplane);
    const api = createApi({ running, activity, events: new Events(log), log, refusals: noRefusals() });
    const text = "x".repeat(9 * 1024 * 1024);
    const body = JSON.stringify({ file: "F", text, dry_run: true });
    const response = await api.request("/v1/apply", { method: "POST", body });
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ error: "expected a request of at most 8392704 bytes" });
  });
  test("metrics are served where the log says", async () => {
    await harness.start();
    const response = await fetch(harness.metricsUrl);
    expect(await response.text()).toContain("vxswitch_port_up");
  });
});
