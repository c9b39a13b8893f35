// `show config`: the configuration as a file, golden, and the promise that reading it again changes nothing.
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/control/config/file.ts";
import { printConfig } from "../../src/control/config/print.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { PLAIN_OUTER } from "../../src/dataplane/outer-options.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";

const WRITTEN = `
underlay:
  local: 10.122.1.103
bridges:
  br0:
    ageing: 5m
    ports:
      client1: { type: vxlan, vni: 4100, remote: 10.122.0.22 }
      client2: { type: vxlan, vni: 4101, remote: 10.122.3.152, local: 10.122.1.104, dstport: 8472, ttl: 9, tos: 0xb8 }
      br0:     { type: tap, address: 192.168.0.103/24, mtu: 1450, impair_out: { delay: 1500us, loss: 0.50%, rate: 2000kbit } }
    mirrors:
      m0: { select_all: true, output: { tap: mirror0 } }
      m1:
        select_src_port: [client1]
        select_dst_port: client1
        select_vlan: [0, 10]
        sample: 10
        snaplen: 128
        output: { pcapng: /tmp//m1.pcapng, rotate_bytes: 100MB, files: 3 }
  br1: { forward_bpdu: false, mcast_snooping: true }
`;

const PRINTED = `underlay: { local: 10.122.1.103, dstport: 4789, srcport: 49152-65535, io: auto, spin: auto, workers: 1 }
bridges:
  br0:
    ageing: 300s
    maxaddress: 65536
    ports:
      client1: { type: vxlan, vni: 4100, remote: 10.122.0.22 }
      client2: { type: vxlan, vni: 4101, remote: 10.122.3.152, local: 10.122.1.104, dstport: 8472, ttl: 9, tos: 184 }
      br0: { type: tap, address: [ 192.168.0.103/24 ], mtu: 1450, impair_out: { delay: 1500us, loss: 0.5%, rate: 2mbit } }
    mirrors:
      m0: { select_all: true, output: { tap: mirror0 } }
      m1: { select_src_port: [ client1 ], select_dst_port: [ client1 ], select_vlan: [ 0, 10 ], sample: 10, snaplen: 128, output: { pcapng: /tmp/m1.pcapng, rotate_bytes: 100000000, files: 3 } }
  br1:
    ageing: 300s
    maxaddress: 65536
    forward_bpdu: false
    mcast_snooping: true
metrics: { listen: 127.0.0.1:9478 }
control: { socket: /run/vxswitch/vxswitch.sock }
`;

describe("a configuration is printed", () => {
  test("with its defaults, a port and a mirror a line", () => {
    expect(printConfig(parseConfig(WRITTEN, "F"))).toBe(PRINTED);
  });
  test("so that it reads back as the same", () => {
    const config = parseConfig(WRITTEN, "F");
    expect(parseConfig(printConfig(config), "F")).toEqual(config);
    expect(printConfig(parseConfig(PRINTED, "F"))).toBe(PRINTED);
  });
  test("also where a value looks like something else in YAML", () => {
    const config = parseConfig(
      'bridges: { "yes": { ports: { "null": { type: vxlan, vni: 1, remote: "fd00::" } } } }',
      "F",
    );
    expect(parseConfig(printConfig(config), "F")).toEqual(config);
  });
});

describe("a configuration means", () => {
  test("for the data plane: the underlay's local and port where a port has none, lists where one value was given", () => {
    const { bridges, ports, mirrors } = specsOf(parseConfig(WRITTEN, "F"));
    const common = { ageingSeconds: 300, addressesMax: 65536, loopGuardSeconds: 0 };
    expect(bridges).toEqual([
      { name: "br0", ...common, forwardsBpdu: true, snoopsMulticast: false },
      { name: "br1", ...common, forwardsBpdu: false, snoopsMulticast: true },
    ]);
    expect(ports).toEqual([
      {
        type: "vxlan",
        bridge: "br0",
        name: "client1",
        vni: 4100,
        remotes: ["10.122.0.22"],
        group: null,
        any: null,
        hub: null,
        local: "10.122.1.103",
        dstport: 4789,
        outer: PLAIN_OUTER,
        policy: OPEN_POLICY,
        impairIn: null,
        impairOut: null,
        fdb: [],
      },
      {
        type: "vxlan",
        bridge: "br0",
        name: "client2",
        vni: 4101,
        remotes: ["10.122.3.152"],
        group: null,
        any: null,
        hub: null,
        local: "10.122.1.104",
        dstport: 8472,
        outer: { ...PLAIN_OUTER, ttl: 9, tos: 184 },
        policy: OPEN_POLICY,
        impairIn: null,
        impairOut: null,
        fdb: [],
      },
      {
        type: "tap",
        bridge: "br0",
        name: "br0",
        addresses: ["192.168.0.103/24"],
        mtuBytes: 1450,
        policy: OPEN_POLICY,
        impairIn: null,
        impairOut: { ...UNIMPAIRED, delayUs: 1500, lossPercent: 0.5, rateBitsPerSecond: 2e6 },
        fdb: [],
      },
    ]);
    expect(mirrors[0]).toEqual({
      bridge: "br0",
      name: "m0",
      selectAll: true,
      selectSrcPorts: [],
      selectDstPorts: [],
      selectVlans: [],
      filter: null,
      sampleEvery: 1,
      snaplenBytes: 0,
      output: { type: "tap", device: "mirror0" },
    });
    expect(mirrors[1]).toMatchObject({
      selectSrcPorts: ["client1"],
      selectDstPorts: ["client1"],
      selectVlans: [0, 10],
      sampleEvery: 10,
      snaplenBytes: 128,
      output: { type: "pcapng", path: "/tmp/m1.pcapng", rotateBytes: 100_000_000, filesMax: 3 },
    });
  });
  test("without local, whatever the kernel's route says", () => {
    const text = "bridges: { br0: { ports: { p: { type: vxlan, vni: 1, remote: 10.0.0.1 } } } }";
    expect(specsOf(parseConfig(text, "F")).ports).toMatchObject([{ local: null, dstport: 4789 }]);
  });
  test("an empty file is a switch without bridges", () => {
    expect(specsOf(parseConfig("", "F"))).toEqual({ bridges: [], ports: [], mirrors: [] });
  });
  test.each([
    ["300s", 300],
    ["5m", 300],
    ["1h", 3600],
    ["1d", 86_400],
    [300, 300],
    ["300", 300],
    ["0", 0],
  ])("ageing %s is %i seconds", (text, seconds) => {
    const config = parseConfig(`bridges: { br0: { ageing: ${text} } }`, "F");
    expect(specsOf(config).bridges[0]!.ageingSeconds).toBe(seconds);
  });
  test.each([
    ["delay: 250us", { delayUs: 250 }],
    ["delay: 1.5s, jitter: 20 ms", { delayUs: 1_500_000, jitterUs: 20_000 }],
    ["loss: 33.333333%", { lossPercent: 33.333333 }],
    [
      "delay: 1ms, reorder: 25%, duplicate: 100%",
      { delayUs: 1000, reorderPercent: 25, duplicatePercent: 100 },
    ],
    ["rate: 1.5gbit, limit: 5", { rateBitsPerSecond: 1.5e9, limitFrames: 5 }],
    ["rate: 512kbit, seed: 4294967295", { rateBitsPerSecond: 512_000, seed: 4_294_967_295 }],
  ])("impair_in: { %s } is what tc-netem would do, and is printed so that it reads back", (text, words) => {
    const config = parseConfig(
      `bridges: { br0: { ports: { p: { type: tap, impair_in: { ${text} } } } } }`,
      "F",
    );
    expect(specsOf(config).ports[0]).toMatchObject({
      impairIn: { ...UNIMPAIRED, ...words },
      impairOut: null,
    });
    expect(parseConfig(printConfig(config), "F")).toEqual(config);
  });
  test.each(["", "seed: 3", "delay: 0, loss: 0%, jitter: 0ms"])("impair_in: { %s } is nothing", (text) => {
    const config = parseConfig(
      `bridges: { br0: { ports: { p: { type: tap, impair_in: { ${text} } } } } }`,
      "F",
    );
    expect(specsOf(config).ports[0]).toMatchObject({ impairIn: null });
  });
  test.each([
    ["4096", 4096],
    ["100MB", 100_000_000],
    ["1GiB", 2 ** 30],
    ["64 KiB", 65_536],
  ])("rotate_bytes %s is %i bytes, and five files are kept", (text, bytes) => {
    const mirror = `{ select_all: true, output: { pcapng: /x, rotate_bytes: ${text} } }`;
    const config = parseConfig(`bridges: { br0: { mirrors: { m: ${mirror} } } }`, "F");
    expect(specsOf(config).mirrors[0]!.output).toMatchObject({ rotateBytes: bytes, filesMax: 5 });
  });
});
