// `vxswitch capture`: what the daemon streams and what tshark reads of it; the ends of a capture; files and a full disk.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Block, BlockReader, blockType } from "../../src/control/capture/pcapng-blocks.ts";
import { stream } from "../../src/control/cli/stream.ts";
import { waitUntil } from "../../src/control/lab/command.ts";
import type { CapturedFrame, FramePlace } from "../../src/dataplane/spec.ts";
import { Harness } from "./harness.ts";

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

const CLIENT1: FramePlace = { bridge: "br0", port: "client1", remote: "10.122.0.22", vni: 4100 };
const CLIENT2: FramePlace = { bridge: "br0", port: "client2", remote: "10.122.3.152", vni: 4101 };
const TAP: FramePlace = { bridge: "br0", port: "br0", remote: null, vni: null };
/** An echo request from 192.168.0.1 to 192.168.0.2. */
const PING = Buffer.from(
  "0200000000020200000000010800" +
    "4500001c00000000400100000000000000000000".replace(/0{16}$/, "c0a80001c0a80002") +
    "0800f7ff00000000",
  "hex",
);

function seen(more: Partial<CapturedFrame> = {}): CapturedFrame {
  return {
    seconds: 1_700_000_000,
    nanoseconds: 123_456_789,
    originalBytes: PING.length,
    from: CLIENT1,
    sender: null,
    bytes: PING,
    fates: [{ kind: "sent", place: CLIENT2 }],
    hasMore: false,
    ...more,
  };
}

function decode(path: string, ...fields: string[]): string[][] {
  const columns = fields.flatMap((field) => ["-e", field]);
  const text = execFileSync("tshark", ["-n", "-r", path, "-T", "fields", ...columns], { encoding: "utf8" });
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t"));
}

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

test("a file has the frames with their ports, nanoseconds, direction and verdicts", async () => {
  await harness.start();
  const path = join(harness.directory, "x.pcapng");
  const dropped = { kind: "dropped", place: CLIENT1, reason: "split_horizon" } as const;
  harness.dataplane.captured = [seen(), seen({ from: TAP, fates: [] }), seen({ fates: [dropped] }), seen()];
  const result = await harness.run("capture", "-w", path, "-c", "3");
  expect(result).toMatchObject({ code: 0, err: "3 frames captured, 0 lost\n" });
  const fields = [
    "frame.interface_name",
    "frame.time_epoch",
    "frame.packet_flags_direction",
    "frame.comment",
  ];
  const [time, into] = ["1700000000.123456789", "0x00000001"];
  expect(decode(path, ...fields)).toEqual([
    ["br0/client1", time, into, "in client1 (10.122.0.22, VNI 4100); out client2 (10.122.3.152, VNI 4101)"],
    ["br0/br0", time, into, "in br0"],
    [
      "br0/client1",
      time,
      into,
      "in client1 (10.122.0.22, VNI 4100); dropped: split_horizon (the destination was learnt where the frame came from)",
    ],
  ]);
  expect(harness.dataplane.openCaptures).toBe(0);
});

test("the daemon's stream ends with how many frames were lost, of whatever was taken", async () => {
  await harness.start();
  harness.dataplane.capturesLost = 7;
  harness.dataplane.captured = [seen()];
  const path = join(harness.directory, "x.pcapng");
  const result = await harness.run("capture", "-w", path, "-c", "1");
  expect(result.err).toBe("1 frames captured, 7 lost\n");
  const capinfos = execFileSync("capinfos", ["-M", path], { encoding: "utf8" });
  expect(capinfos).toMatch(/Number of stat entries = 1/);
});

test.each([
  ["10.9.9.9", "ip.src", "ip.dst", "0.0.0.0"],
  ["fd00::9", "ipv6.src", "ipv6.dst", "::"],
])(
  "a datagram that no port took, from %s, is decoded as VXLAN",
  async (sender, source, destination, nobody) => {
    await harness.start();
    const bytes = Buffer.concat([Buffer.from("0800000000100400", "hex"), PING]);
    const fates = [{ kind: "dropped", place: null, reason: "vtep_unknown" }] as const;
    harness.dataplane.captured = [seen({ from: null, sender, bytes, originalBytes: bytes.length, fates })];
    const path = join(harness.directory, "x.pcapng");
    expect(await harness.run("capture", "-w", path, "-c", "1")).toMatchObject({ code: 0 });
    const fields = ["frame.interface_name", source, destination, "udp.dstport", "vxlan.vni", "icmp.type"];
    const [[name, from, to, ...rest]] = decode(path, ...fields, "frame.comment", "_ws.expert.severity");
    expect([name, from.split(",")[0], to.split(",")[0]]).toEqual(["underlay", sender, nobody]);
    expect(rest.slice(0, 3)).toEqual(["4789", "4100", "8"]);
    expect(rest[3]).toBe(
      `from ${sender}; dropped: vtep_unknown (no port of this switch has the sender as its remote)`,
    );
  },
);

test("without a file there is a line a frame", async () => {
  await harness.start();
  const held = { kind: "held", place: CLIENT2 } as const;
  const fates = [{ kind: "mirrored", mirror: "m0" }, held] as const;
  harness.dataplane.captured = [seen(), seen({ fates, hasMore: true })];
  const { out } = await harness.run("capture", "-c", "2");
  const start =
    /^\d\d:\d\d:\d\d\.123456789 br0\/client1 192\.168\.0\.1 > 192\.168\.0\.2 icmp, length 42: in client1 /;
  const lines = out.split("\n").filter(Boolean);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toMatch(start);
  expect(lines[1]).toContain("; held by the cable of client2 (10.122.3.152, VNI 4101); mirror m0; and more");
});

test("the daemon is asked for what the command line says", async () => {
  await harness.start();
  harness.dataplane.captured = Array.from({ length: 2 }, () => seen());
  const words = [
    "client1",
    "br0/br0",
    "--direction",
    "in",
    "--drops-only",
    "-f",
    "icmp",
    "-s",
    "64",
    "--sample",
    "3",
  ];
  await harness.run("capture", ...words, "-c", "1");
  await harness.run("capture", "--mirror", "m0", "-c", "1");
  const [first, second] = harness.dataplane.captures;
  expect(first).toMatchObject({
    ports: [
      { bridge: "br0", name: "client1" },
      { bridge: "br0", name: "br0" },
    ],
    direction: "in",
    mirror: null,
    dropsOnly: true,
    sampleEvery: 3,
    snaplenBytes: 64,
  });
  expect(first?.program?.length).toBeGreaterThan(4);
  expect(second).toMatchObject({ ports: null, mirror: { bridge: "br0", name: "m0" }, direction: "both" });
});

test.each([
  [["nobody"], "there is no port nobody; there are: br0/client1, br0/client2, br0/br0"],
  [["--mirror", "m9"], "there is no mirror m9; there are: br0/m0"],
  [["client1", "--mirror", "m0"], "expected ports or a mirror to capture, got both"],
  [["-f", "nonsense("], "filter: expected an expression of pcap-filter(7), got"],
  [["--files", "3"], "--files: expected --file-size too"],
  [["--file-size", "3", "-w", "-"], "--file-size: expected a file to write"],
])("%j is refused in a sentence, and what is in the file stays", async (args, sentence) => {
  await harness.start();
  const path = join(harness.directory, "x.pcapng");
  writeFileSync(path, "old");
  const more = args.includes("-w") ? [] : ["-w", path];
  const result = await harness.run("capture", ...args, ...more);
  expect([result.code, result.err]).toEqual([1, expect.stringContaining(sentence)]);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(harness.dataplane.openCaptures).toBe(0);
});

test("as many captures as may be are open: one more is refused", async () => {
  await harness.start();
  harness.dataplane.capturesMax = 0;
  const { code, err } = await harness.run("capture", "-c", "1");
  expect([code, err]).toEqual([1, expect.stringContaining("8 captures are open already; end one of them")]);
});

test("a capture ends with whoever reads it", async () => {
  await harness.start();
  const stop = new AbortController();
  const chunks = stream(harness.socket, "/v1/capture", stop.signal);
  await chunks.next();
  expect(harness.dataplane.openCaptures).toBe(1);
  stop.abort();
  await chunks.next();
  expect(await waitUntil(async () => harness.dataplane.openCaptures === 0, 2000, 10)).toBe(true);
});

test("a capture ends with the daemon, whole", async () => {
  await harness.start();
  const chunks = stream(harness.socket, "/v1/capture", new AbortController().signal);
  const reading = gathered(chunks);
  expect(await waitUntil(async () => harness.dataplane.openCaptures === 1, 2000, 10)).toBe(true);
  expect(await harness.stop()).toBe(0);
  const blocks = new BlockReader().push(await reading);
  expect(blocks.map(blockType)).toEqual([Block.section, Block.interface, Block.statistics]);
  expect(harness.dataplane.openCaptures).toBe(0);
});

test("who does not read holds up nothing: frames stay in the data plane's queue", async () => {
  await harness.start();
  const many = 2000;
  const bytes = Buffer.alloc(9000);
  harness.dataplane.captured = Array.from({ length: many }, () => seen({ bytes, originalBytes: 9000 }));
  const stop = new AbortController();
  const chunks = stream(harness.socket, "/v1/capture", stop.signal);
  await chunks.next();
  let before = -1;
  const rests = async () => {
    const left = harness.dataplane.captured.length;
    const isAsBefore = left === before;
    before = left;
    return isAsBefore;
  };
  expect(await waitUntil(rests, 5000, 200)).toBe(true);
  expect(harness.dataplane.captured.length).toBeGreaterThan(many / 2);
  stop.abort();
  await chunks.next();
  expect(await waitUntil(async () => harness.dataplane.openCaptures === 0, 2000, 10)).toBe(true);
});

test("the frames that the switch keeps of what it dropped are written, and shown with the counts", async () => {
  await harness.start();
  const { fates: _, hasMore: __, ...frame } = seen();
  const later = { ...frame, seconds: frame.seconds + 1 };
  harness.dataplane.drops.set("br0/client1", { split_horizon: 2 });
  harness.dataplane.drops.set("br0/client2", { too_big: 1 });
  harness.dataplane.dropped = [
    { ...later, reason: "split_horizon", at: CLIENT1 },
    { ...frame, reason: "too_big", at: CLIENT2 },
  ];
  const path = join(harness.directory, "x.pcapng");
  const result = await harness.run("capture", "--drops", "-w", path);
  expect(result).toMatchObject({ code: 0, err: "2 frames captured, 0 lost\n" });
  const [first, second] = decode(path, "frame.time_epoch", "frame.comment");
  expect(first).toEqual([
    "1700000000.123456789",
    expect.stringContaining("; client2: dropped: too_big (the "),
  ]);
  expect(second).toEqual(["1700000001.123456789", expect.stringContaining("; dropped: split_horizon (the ")]);
  expect((await harness.run("capture", "--drops", "client2")).out).toMatch(
    /^\S+ br0\/client1 [^\n]*too_big[^\n]*\n$/,
  );
  expect((await harness.run("show", "drops")).out).toContain(
    "\nlast split_horizon: 2023-11-14T22:13:21.123Z from client1 192.168.0.1 > 192.168.0.2 icmp, length 42\n",
  );
  const rows = JSON.parse((await harness.run("show", "drops", "--json")).out);
  expect(rows[1].recent).toEqual([
    { time: "2023-11-14T22:13:20.123Z", port: "client1", length: 42, bytes: PING.toString("hex") },
  ]);
});

test("the files of a ring can each be read alone, the newest has the name", async () => {
  await harness.start();
  const bytes = Buffer.alloc(60_000);
  const one = (i: number) =>
    seen({ bytes, originalBytes: 60_000, nanoseconds: i, from: i % 2 ? TAP : CLIENT1 });
  harness.dataplane.captured = Array.from({ length: 60 }, (_, i) => one(i));
  const path = join(harness.directory, "r.pcapng");
  await harness.run("capture", "-w", path, "-c", "60", "--file-size", "1", "--files", "3");
  const files = [`${path}.2`, `${path}.1`, path].map((file) =>
    decode(file, "frame.time_epoch", "frame.interface_name"),
  );
  expect(files.map(({ length }) => length)).toEqual([16, 16, expect.any(Number)]);
  const frames = files.flat();
  expect(frames.at(-1)).toEqual(["1700000000.000000059", "br0/br0"]);
  expect(frames.map(([, name]) => name)).toEqual(
    frames.map((_, i) => (i % 2 === frames.length % 2 ? "br0/client1" : "br0/br0")),
  );
  expect(existsSync(`${path}.3`)).toBe(false);
});

test.runIf(process.getuid?.() === 0)(
  "on a full disk it says so, and what was captured can be read",
  async () => {
    await harness.start();
    const mount = join(harness.directory, "full");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]);
    try {
      const bytes = Buffer.alloc(1000);
      harness.dataplane.captured = Array.from({ length: 200 }, () => seen({ bytes, originalBytes: 1000 }));
      const path = join(mount, "x.pcapng");
      const { code, err } = await harness.run("capture", "-w", path);
      const told =
        /no space is left on its device; the capture ends, and the (\d+) frames until then are kept in it\n$/.exec(
          err,
        );
      expect([code, told]).toEqual([1, expect.anything()]);
      expect(Number(told?.[1])).toBeGreaterThan(50);
      expect(decode(path, "frame.number")).toHaveLength(Number(told?.[1]));
      expect(await waitUntil(async () => harness.dataplane.openCaptures === 0, 2000, 10)).toBe(true);
    } finally {
      execFileSync("umount", [mount]);
    }
  },
);

test("standard output gets the same bytes, and a signal ends it with a summary", async () => {
  await harness.start();
  harness.dataplane.captured = [seen()];
  await harness.run("capture", "-w", "-", "-c", "1");
  expect(new BlockReader().push(harness.bytes).map(blockType)).toEqual([
    Block.section,
    Block.interface,
    Block.packet,
    Block.statistics,
  ]);
  // With signals of its own, or what stops the capture would stop the daemon too.
  await using reader = new Harness();
  reader.env = { VXSWITCH_SOCKET: harness.socket };
  const ended = reader.run("capture");
  expect(await waitUntil(async () => harness.dataplane.openCaptures === 1, 2000, 10)).toBe(true);
  reader.signals.emit("SIGINT", "SIGINT");
  expect(await ended).toMatchObject({ code: 0, err: "0 frames captured, 0 lost\n" });
  expect(await waitUntil(async () => harness.dataplane.openCaptures === 0, 2000, 10)).toBe(true);
});

test("Wireshark's questions are answered, and its pipe is filled", async () => {
  await harness.start();
  const { out: interfaces } = await harness.run("extcap", "--extcap-interfaces", "--extcap-version=4.4");
  expect(interfaces).toMatch(
    /^extcap \{version=.*\ninterface \{value=vxswitch\}\{display=.*\ninterface \{value=vxswitch-drops\}/,
  );
  const of = ["--extcap-interface", "vxswitch-drops"];
  expect((await harness.run("extcap", "--extcap-dlts", ...of)).out).toContain("{name=EN10MB}");
  expect((await harness.run("extcap", "--extcap-config", ...of)).out).toContain("{value=br0/client1}");
  const fifo = join(harness.directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  harness.dataplane.captured = [seen(), seen()];
  const tshark = promisify(execFile)("tshark", [
    "-n",
    "-c",
    "2",
    "-r",
    fifo,
    "-T",
    "fields",
    "-e",
    "icmp.type",
  ]);
  const ended = harness.run(
    "extcap",
    "--capture",
    ...of,
    "--fifo",
    fifo,
    "--port",
    "client1",
    "--direction",
    "in",
  );
  expect((await tshark).stdout).toBe("8\n8\n");
  harness.dataplane.captured = Array.from({ length: 10 }, () => seen());
  expect(await ended).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^\d+ frames captured, 0 lost\n$/),
  });
  expect(harness.dataplane.captures[0]).toMatchObject({ dropsOnly: true, direction: "in" });
});

test("the script is installed where Wireshark looks for it", async () => {
  harness.env = { HOME: harness.directory };
  const { code, out } = await harness.run("--socket", "/run/it's.sock", "extcap", "--install");
  const script = join(harness.directory, ".local/lib/wireshark/extcap/vxswitch");
  expect([code, out]).toEqual([0, `${script}\n`]);
  expect(statSync(script).mode & 0o777).toBe(0o755);
  expect(readFileSync(script, "utf8")).toMatch(
    /^#!\/bin\/sh\n.*\nexec '.*main\.js' '--socket' '\/run\/it'\\''s\.sock' 'extcap' "\$@"\n$/,
  );
});
