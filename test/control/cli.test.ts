// The command line end to end: real socket, real HTTP, the fake data plane behind the daemon.
import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { programFault } from "../../src/dataplane/packet-filter.ts";
import { Harness, SCENARIO } from "./harness.ts";

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

describe("show", () => {
  test("an overview reads like ovs-vsctl show", async () => {
    await harness.start();
    harness.dataplane.down.set("br0/client2", "the socket is gone");
    expect(await harness.run("show")).toEqual({ code: 0, err: "", out: OVERVIEW });
  });
  test("everything can be had as JSON with the public names", async () => {
    await harness.start();
    harness.dataplane.rows = [LEARNT];
    harness.dataplane.drops.set("br0/client1", { split_horizon: 3 });
    harness.dataplane.loops.set("br0/client2", {
      wallMs: 1_700_000_000_000,
      frame: Buffer.from("00ff", "hex"),
    });
    const json = async (what: string) => JSON.parse((await harness.run("show", what, "--json")).out);
    expect(await json("fdb")).toEqual([
      {
        bridge: "br0",
        vlan: 0,
        mac: "02:00:00:00:00:01",
        port: "client1",
        remote: "10.122.0.22",
        vni: 4100,
        age_seconds: 12,
        static: false,
      },
    ]);
    const ports = await json("ports");
    expect(ports[0]).toMatchObject({ bridge: "br0", port: "client1", type: "vxlan", state: "up" });
    expect(ports[0]).toMatchObject({
      rx_packets: 10,
      rx_bytes: 1000,
      tx_packets: 20,
      tx_bytes: 2000,
      too_big_replies: 3,
      neigh_replies: 5,
      mss_clamped: 4,
    });
    expect(ports[0].drops).toEqual({ split_horizon: 3 });
    expect(ports[0]).toMatchObject({ quarantined_seconds_left: 0, quarantines: 0, loop_evidence: null });
    expect(ports[1]).toMatchObject({
      quarantined_seconds_left: 12,
      quarantines: 2,
      loop_evidence: { time: "2023-11-14T22:13:20.000Z", frame: "00ff" },
    });
    expect(await json("drops")).toEqual([
      {
        ...{ bridge: "br0", port: "client1", reason: "split_horizon", count: 3 },
        ...{
          text: expect.stringContaining("learnt"),
          remedy: expect.stringContaining("same VTEP"),
          recent: [],
        },
      },
    ]);
    expect(await json("mirrors")).toMatchObject([
      { mirror: "m0", packets: 6, drops: { queue: 1, output: 2 } },
    ]);
    expect(await json("vteps")).toMatchObject([{ remote: "10.122.0.22", path_mtu: 1500, overlay_mtu: 1450 }]);
    const { out } = await harness.run("show", "--json");
    expect(JSON.parse(out)).toMatchObject({
      alive: true,
      bridges: [{ bridge: "br0" }],
      underlay: { io: "udp" },
    });
    expect(await json("config")).toMatchObject({ bridges: { br0: { ageing: 300 } } });
  });
  test("says how many forwarding threads there are where it is more than one, and if one is silent", async () => {
    await harness.start();
    harness.dataplane.workerCount = 2;
    harness.dataplane.alive = false;
    const { out } = await harness.run("show");
    const [first, second] = out.split("\n");
    expect(first).toBe("vxswitch 0.1.0, underlay udp (the only make), 2 workers");
    expect(second).toBe("    a forwarding thread does not answer");
  });
  test("tables are aligned, numbers to the right", async () => {
    await harness.start();
    harness.dataplane.rows = [
      LEARNT,
      { ...LEARNT, mac: "02:00:00:00:00:02", port: "br0", remote: null, vni: null },
    ];
    expect((await harness.run("show", "fdb")).out).toBe(
      [
        "bridge  port     vlan  mac                remote        vni  age",
        "br0     client1     0  02:00:00:00:00:01  10.122.0.22  4100   12",
        "br0     br0         0  02:00:00:00:00:02  -               -   12",
        "",
      ].join("\n"),
    );
  });
  test("the configuration it prints is a file that makes the same switch", async () => {
    await harness.start();
    const { out } = await harness.run("show", "config");
    const file = harness.writeAsIs("again.yaml", out);
    expect(await harness.run("apply", "--dry-run", file)).toEqual({
      code: 0,
      out: "",
      err: "nothing differs\n",
    });
  });
});

describe("changes", () => {
  test("a port is added, changed and deleted in the running switch", async () => {
    await harness.start();
    const added = await harness.run(
      "port",
      "add",
      "br0",
      "client3",
      "type=vxlan",
      "vni=4100",
      "remote=10.0.0.9",
    );
    expect(added).toEqual({ code: 0, out: "", err: "" });
    expect(harness.dataplane.ports.get("br0/client3")).toMatchObject({ vni: 4100, remotes: ["10.0.0.9"] });
    expect((await harness.run("port", "set", "br0", "client3", "vni=5", "local=10.0.0.1")).code).toBe(0);
    expect(harness.dataplane.applied.at(-1)).toMatchObject([
      { op: "set-port", port: { vni: 5, local: "10.0.0.1" } },
    ]);
    expect((await harness.run("port", "set", "br0", "client3", "local=")).code).toBe(0);
    expect(harness.dataplane.ports.get("br0/client3")).toMatchObject({ vni: 5, local: null });
    expect((await harness.run("port", "del", "br0", "client3")).code).toBe(0);
    expect(harness.dataplane.ports.has("br0/client3")).toBe(false);
  });
  test("a mirror is added with a filter as a shell hands it over; a faulty one is refused in tcpdump's words", async () => {
    await harness.start();
    const add = (filter: string) =>
      harness.run("mirror", "add", "br0", "m1", "select_all=true", `filter=${filter}`, "output.tap=mirror1");
    const { code, err } = await add("tcp prt 80");
    expect([code, err]).toEqual([
      1,
      "vxswitch: bridges.br0.mirrors.m1.filter: expected an expression of pcap-filter(7), " +
        `got "tcp prt 80", of which tcpdump says: can't parse filter expression: syntax error\n`,
    ]);
    expect((await add("tcp[13] & 2 != 0")).code).toBe(0);
    const { filter } = harness.dataplane.mirrors.get("br0/m1")!;
    expect([filter?.expression, programFault(filter?.program ?? [])]).toEqual(["tcp[13] & 2 != 0", ""]);
    const [, shown] = JSON.parse((await harness.run("show", "mirrors", "--json")).out);
    expect(shown.select).toEqual({ select_all: "true", filter: '"tcp[13] & 2 != 0"' });
  });
  test("an impairment is set word by word, shown, and taken away word by word or at once", async () => {
    await harness.start();
    const set = async (...words: string[]) => {
      expect(await harness.run("port", "set", "br0", "client1", ...words)).toMatchObject({
        code: 0,
        err: "",
      });
      return harness.dataplane.ports.get("br0/client1");
    };
    expect(await set("impair_in.delay=10ms", "impair_in.loss=1%")).toMatchObject({
      impairIn: { delayUs: 10_000, lossPercent: 1, limitFrames: 1000, seed: 1 },
      impairOut: null,
    });
    await set("impair_in.seed=7", "impair_out.rate=20mbit");
    const { out } = await harness.run("show", "ports");
    const line =
      "impair_in delay 10ms loss 1% seed 7 impair_out rate 20mbit (0 frames held, 0 duplicates made)";
    expect(out).toContain(`br0/client1 is impaired: ${line}\n`);
    expect((await harness.run("show")).out).toContain(
      "dstport 4789 impair_in delay 10ms loss 1% seed 7 impair_out",
    );
    const [row] = JSON.parse((await harness.run("show", "ports", "--json")).out);
    expect(row).toMatchObject({
      impair_in: { delay: "10ms", loss: "1%", jitter: "0s", rate: null, limit: 1000, seed: 7 },
      impair_out: { rate: "20mbit", loss: "0%" },
      impair_held: 0,
      impair_duplicates: 0,
    });
    expect(await set("impair_in.delay=")).toMatchObject({
      impairIn: { delayUs: 0, lossPercent: 1, seed: 7 },
    });
    await set("impair_in.loss=", "impair_in.seed=", "impair_out=");
    expect((await harness.run("show", "config")).out).not.toContain("impair");
  });

  test("a mirror is changed in place, and one that is not there is refused", async () => {
    await harness.start();
    const set = (name: string, ...words: string[]) => harness.run("mirror", "set", "br0", name, ...words);
    expect((await set("m0", "filter=arp", "sample=5")).code).toBe(0);
    expect(harness.dataplane.applied.at(-1)).toMatchObject([
      { op: "set-mirror", mirror: { sampleEvery: 5, filter: { expression: "arp" } } },
    ]);
    expect((await set("m0", "filter=")).code).toBe(0);
    expect(harness.dataplane.mirrors.get("br0/m0")).toMatchObject({ sampleEvery: 5, filter: null });
    expect((await set("m9", "sample=5")).err).toMatch("br0 has no mirror m9; its mirrors are: m0");
  });
  test("a mirror is added and deleted", async () => {
    await harness.start();
    const words = [
      "select_src_port=client1,client2",
      "snaplen=64",
      "output.pcapng=/tmp/x.pcapng",
      "output.files=3",
    ];
    const add = await harness.run("mirror", "add", "br0", "m1", ...words, "output.rotate_bytes=1MB");
    expect(add).toEqual({ code: 0, out: "", err: "" });
    expect(harness.dataplane.mirrors.get("br0/m1")).toMatchObject({
      selectSrcPorts: ["client1", "client2"],
      output: { type: "pcapng", path: "/tmp/x.pcapng", rotateBytes: 1e6, filesMax: 3 },
    });
    expect((await harness.run("mirror", "del", "br0", "m1")).code).toBe(0);
    expect(harness.dataplane.mirrors.has("br0/m1")).toBe(false);
  });
  test("an address is bound, forgotten and flushed", async () => {
    await harness.start();
    const mac = "02:00:00:00:00:AA";
    expect(await harness.run("fdb", "add", "br0", mac, "client1", "vlan=7")).toMatchObject({
      code: 0,
      err: "",
    });
    expect(harness.dataplane.rows).toMatchObject([{ mac: "02:00:00:00:00:aa", vlan: 7, static: true }]);
    const elsewhere = await harness.run("fdb", "del", "br0", mac);
    expect(elsewhere.err).toBe("vxswitch: the FDB of br0 has no 02:00:00:00:00:aa in VLAN 0\n");
    expect((await harness.run("fdb", "del", "br0", mac, "vlan=7")).code).toBe(0);
    harness.dataplane.rows = [LEARNT];
    expect(await harness.run("fdb", "flush", "br0", "client1")).toMatchObject({
      code: 0,
      err: "1 forgotten\n",
    });
  });
  test("apply prints the difference and applies it, unless it is a dry run", async () => {
    await harness.start();
    const file = harness.write("next.yaml", SCENARIO.replace("4101", "4102").replace(/ +br0: .*\n/, ""));
    const difference = "- port br0/br0\n~ port br0/client2 vni 4101 -> 4102\n";
    expect(await harness.run("apply", "--dry-run", file)).toEqual({ code: 0, out: difference, err: "" });
    expect(harness.dataplane.applied).toHaveLength(1);
    expect(await harness.run("apply", file)).toEqual({ code: 0, out: difference, err: "" });
    expect(harness.dataplane.ports.has("br0/br0")).toBe(false);
    expect(await harness.run("apply", file)).toEqual({ code: 0, out: "", err: "nothing differs\n" });
  });
  test("what is applied but does not work is said, with exit code 1", async () => {
    await harness.start();
    harness.dataplane.down.set("br0/t1", "no permission");
    const { code, err } = await harness.run("port", "add", "br0", "t1", "type=tap");
    expect(code).toBe(1);
    expect(err).toContain("vxswitch: port br0/t1 is down: no permission\n");
    expect(harness.dataplane.ports.has("br0/t1")).toBe(true);
  });
});

describe("refusals are sentences, with exit code 1", () => {
  const REFUSED: readonly [string, readonly string[], string][] = [
    ["an unknown bridge", ["port", "del", "br9", "x"], "there is no bridge br9; the bridges are: br0"],
    [
      "an unknown port",
      ["port", "set", "br0", "x", "vni=1"],
      "br0 has no port x; its ports are: client1, client2, br0",
    ],
    [
      "a name that is taken",
      ["port", "add", "br0", "client1", "type=tap"],
      "br0 has a port client1 already; change it with port set",
    ],
    [
      "a bad value",
      ["port", "set", "br0", "client1", "vni=99999999"],
      "bridges.br0.ports.client1.vni: expected a VNI, a whole number from 0 to 16777215, got 99999999",
    ],
    [
      "a tunnel that another port has",
      ["port", "set", "br0", "client1", "vni=4101", "remote=10.122.3.152"],
      "bridges.br0.ports.client2: expected another local, remote or vni, got those of bridges.br0.ports.client1: vni 4101 remote 10.122.3.152",
    ],
    [
      "a name that would be a prototype",
      ["port", "add", "br0", "__proto__", "type=tap"],
      '"__proto__" cannot be',
    ],
    ["an inherited name", ["port", "del", "br0", "constructor"], "br0 has no port constructor"],
    [
      "a mirror that is not there",
      ["mirror", "del", "br0", "m9"],
      "br0 has no mirror m9; its mirrors are: m0",
    ],
    [
      "a multicast address",
      ["fdb", "add", "br0", "01:00:00:00:00:01", "br0"],
      "expected the MAC address of one station",
    ],
    [
      "no MAC address",
      ["fdb", "add", "br0", "x", "br0"],
      'expected the MAC address of one station, such as 02:00:00:00:00:01, got "x"',
    ],
    ["an address to nowhere", ["fdb", "add", "br0", "02:00:00:00:00:01", "x"], "br0 has no port x"],
    [
      "a VLAN that is none",
      ["fdb", "add", "br0", "02:00:00:00:00:01", "br0", "4095"],
      "expected a VLAN ID from 0",
    ],
  ];
  test.each(REFUSED)("%s", async (_, args, sentence) => {
    await harness.start();
    const { code, out, err } = await harness.run(...args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`vxswitch: ${sentence}`);
    expect(err).not.toMatch(/\n {4}at /);
    expect(harness.dataplane.applied).toHaveLength(1);
  });
  test("a file with faults is refused with every position, and nothing changes", async () => {
    await harness.start();
    const file = harness.writeAsIs("bad.yaml", "bridges:\n  br0: { ageing: x }\n  br1: { foo: 1 }\n");
    const { code, err } = await harness.run("apply", file);
    expect(code).toBe(1);
    expect(err).toContain(`${file}:2:18: bridges.br0.ageing: expected a duration`);
    expect(err).toContain(`${file}:3:10: bridges.br1.foo: expected one of the keys`);
  });
  test("the daemon is not running", async () => {
    const { code, err } = await harness.run("show");
    expect(code).toBe(1);
    expect(err).toBe(
      `vxswitch: no daemon answers at ${harness.socket}; start one with vxswitch run --config FILE, or name its socket with --socket\n`,
    );
  });
  test("--socket goes before $VXSWITCH_SOCKET", async () => {
    await harness.start();
    expect((await harness.run("--socket", "/nonexistent", "show")).err).toContain("/nonexistent");
    expect((await harness.run("show", "--socket", "/nonexistent")).err).toContain("/nonexistent");
  });
});

describe("exit codes of usage", () => {
  const USAGE: readonly [number, readonly string[]][] = [
    [0, ["--help"]],
    [0, ["show", "--help"]],
    [0, ["--version"]],
    [0, ["help", "show"]],
    [2, []],
    [2, ["port"]],
    [2, ["nonsense"]],
    [2, ["run"]],
    [2, ["run", "--config", "x", "--log-level", "loud"]],
    [2, ["check"]],
    [2, ["show", "nonsense"]],
    [2, ["show", "--nonsense"]],
    [2, ["port", "add", "br0", "x"]],
    [2, ["port", "add", "br0", "x", "vni"]],
    [2, ["port", "add", "br0", "x", "__proto__=1"]],
    [2, ["fdb", "add", "br0", "02:00:00:00:00:01", "p", "vlan=x"]],
    [2, ["apply", "a", "b"]],
    [1, ["check", "/nonexistent"]],
  ];
  test.each(USAGE)("%i for %j", async (code, args) => {
    expect((await harness.run(...args)).code).toBe(code);
  });
});

test("check says what a valid file holds", async () => {
  const file = harness.write("config.yaml", SCENARIO);
  const { code, out, err } = await harness.run("check", file);
  expect({ code, out, err }).toEqual({
    code: 0,
    out: "",
    err: `${file}: valid; bridges 1, ports 3, mirrors 1\n`,
  });
});

test("the control socket is for root and its group", async () => {
  await harness.start();
  expect(statSync(harness.socket).mode & 0o777).toBe(0o660);
});

const LEARNT = {
  bridge: "br0",
  vlan: 0,
  mac: "02:00:00:00:00:01",
  port: "client1",
  remote: "10.122.0.22",
  vni: 4100,
  ageSeconds: 12,
  static: false,
} as const;

const OVERVIEW = `vxswitch 0.1.0, underlay udp (the only make)
    Bridge br0
        ageing 300s, addresses 0 of 65536
        Port client1
            type vxlan vni 4100 remote 10.122.0.22 dstport 4789
        Port client2
            type vxlan vni 4101 remote 10.122.3.152 dstport 4789
            down: the socket is gone
        Port br0
            type tap mtu 1450
        Mirror m0
            select_all true output mirror0
`;
