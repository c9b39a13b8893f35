// Mirrors of real traffic: on a TAP as tcpdump sees it, in pcapng files as tshark reads them, on a disk that is full.
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run, waitUntil } from "../../src/control/lab/command.ts";
import type { LabConfig } from "../../src/control/lab/config.ts";
import { Capture, decode } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { MirrorRow } from "./harness/rows.ts";
import { expectTcp } from "./harness/transfer.ts";

const PINGS = 10;
const SNAPLEN = 64;
const ROTATE_BYTES = 20_000;
const FILES = 3;
const WRITE_TIMEOUT_MS = 5000;

describe("mirrors of a running switch", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({ configure: configureMirrors });
  });
  afterAll(() => lab?.end());

  test("a mirror of all sees each frame exactly once, unicast and flooded", async () => {
    const capture = await Capture.start(lab.test, "all0", join(lab.directory, "all.pcap"));
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
    await lab.client1.run("ping", "-b", "-c", "1", "-W", "1", "192.168.0.255").catch(() => {});
    await capture.stop();
    expect(await decode(capture.path, `icmp && ip.dst == ${CLIENT2.ipv4}`, ["frame.number"])).toHaveLength(
      PINGS,
    );
    expect(await decode(capture.path, `icmp && ip.src == ${CLIENT2.ipv4}`, ["frame.number"])).toHaveLength(
      PINGS,
    );
    expect(await decode(capture.path, "icmp && ip.dst == 192.168.0.255", ["frame.number"])).toHaveLength(1);
  });

  test("a mirror of what one port receives sees nothing else", async () => {
    const capture = await Capture.start(lab.test, "src0", join(lab.directory, "src.pcap"));
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
    expect(await lab.client2.ping(OWN_LEG.ipv4, { count: PINGS })).toBe(PINGS);
    await capture.stop();
    expect(await decode(capture.path, "icmp", ["icmp.type"])).toEqual(Array(PINGS).fill(["8"]));
  });

  test("a mirror of what one port transmits sees nothing else", async () => {
    const capture = await Capture.start(lab.test, "dst0", join(lab.directory, "dst.pcap"));
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
    expect(await lab.client2.ping(OWN_LEG.ipv4, { count: PINGS })).toBe(PINGS);
    await capture.stop();
    expect(await decode(capture.path, "icmp", ["icmp.type"])).toEqual(Array(PINGS).fill(["0"]));
  });

  test("a sample holds every fifth of the frames that the same selection shows", async () => {
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
    const sampled = async () => {
      const rows = await lab.show<MirrorRow>("mirrors");
      const packets = (name: string) => rows.find(({ mirror }) => mirror === name)?.packets ?? -1;
      return packets("fifth") > 0 && packets("fifth") === Math.floor(packets("src") / 5);
    };
    expect(await waitUntil(sampled, WRITE_TIMEOUT_MS, 200)).toBe(true);
  });

  test("a filter lets those frames through alone that tcpdump would show", async () => {
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS, size: 300 })).toBe(PINGS);
    expect(await lab.client2.ping(OWN_LEG.ipv4, { count: PINGS, size: 300 })).toBe(PINGS);
    const path = join(lab.directory, "filtered.pcapng");
    const shown = async () => await decode(path, "frame", ["icmp.type", "ip.dst"]);
    const replies = Array(PINGS).fill(["0", CLIENT2.ipv4]);
    expect(await waitUntil(async () => (await shown()).length >= PINGS, WRITE_TIMEOUT_MS, 200)).toBe(true);
    expect(await shown()).toEqual(replies);

    // The file goes on with what the mirror selects from now on.
    await lab.vxswitch("mirror", "set", "br0", "filtered", "filter=icmp and len = 343");
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: 1, size: 301 })).toBe(1);
    expect(await waitUntil(async () => (await shown()).length > PINGS + 1, WRITE_TIMEOUT_MS, 200)).toBe(true);
    expect(await shown()).toEqual([...replies, ["8", CLIENT2.ipv4], ["0", CLIENT1.ipv4]]);
  });

  test("what enters the output of a mirror goes nowhere", async () => {
    await lab.test.run("ip", "addr", "replace", "192.168.7.1/24", "dev", "all0");
    await lab.test.run("ip", "link", "set", "all0", "up");
    const capture = await Capture.start(lab.client1, "vxlan0", join(lab.directory, "reserved.pcap"));
    expect(await lab.test.ping("192.168.7.2", { count: 1 })).toBe(0);
    expect(await capture.stopAndCount("arp && arp.dst.proto_ipv4 == 192.168.7.0/24")).toBe(0);
  });

  test("a pcapng file holds each frame once, cut to the snaplen, its true length beside it", async () => {
    const path = join(lab.directory, "snap.pcapng");
    const before = (await decode(path, "icmp", ["frame.number"])).length;
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS, size: 600 })).toBe(PINGS);
    const written = async () => (await decode(path, "icmp", ["frame.number"])).length - before === 2 * PINGS;
    expect(await waitUntil(written, WRITE_TIMEOUT_MS, 200)).toBe(true);

    const lengths = await decode(path, "icmp && frame.len > 600", ["frame.len", "frame.cap_len"]);
    expect(lengths).toEqual(Array(2 * PINGS).fill(["642", String(SNAPLEN)]));
    expect(await run("capinfos", ["-t", path])).toContain("pcapng");
  });

  test("the timestamps of a pcapng file are the time of day", async () => {
    const seconds = await decode(join(lab.directory, "snap.pcapng"), "icmp", ["frame.time_epoch"]);
    expect(Math.abs(Number(seconds.at(-1)) - Date.now() / 1000)).toBeLessThan(60);
  });

  test("a file that is full is rotated, the oldest is given up, and each can be read", async () => {
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4, 500_000);
    await lab.client1.ping(CLIENT2.ipv4, { count: 50, size: 1400, intervalSeconds: 0.01 });
    const path = join(lab.directory, "rotated.pcapng");
    const files = [path, ...Array.from({ length: FILES - 1 }, (_, index) => `${path}.${index + 1}`)];
    for (const file of files) {
      expect((await stat(file)).size).toBeLessThanOrEqual(ROTATE_BYTES);
      expect((await decode(file, "frame", ["frame.number"])).length).toBeGreaterThan(0);
    }
    expect(existsSync(`${path}.${FILES}`)).toBe(false);
  });

  test("mirrors do not disturb the transfer that they see", async () => {
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
  });
});

describe("a mirror to a disk that is full", () => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({ configure: mirrorToSmallDisk, wrapper: withSmallDisk });
  });
  afterAll(() => lab?.end());

  test("forwarding goes on and the frames that the file lost are counted", async () => {
    const pings = { count: 200, size: 1400, intervalSeconds: 0.005 };
    expect(await lab.client1.ping(CLIENT2.ipv4, pings)).toBe(pings.count);
    const lost = async () => (await lab.show<MirrorRow>("mirrors"))[0].drops.output > 0;
    expect(await waitUntil(lost, WRITE_TIMEOUT_MS, 200)).toBe(true);
    const message = expect.stringContaining("mirror br0/m0 loses frames: ENOSPC");
    expect(await lab.events("trouble")).toMatchObject([{ bridge: "br0", mirror: "m0", message }]);
    await expectTcp(lab.client1, lab.client2, CLIENT2.ipv4);
  });
});

function configureMirrors(config: LabConfig, directory: string): void {
  const file = (name: string) => join(directory, name);
  config.bridges.br0.mirrors = {
    all: { select_all: true, output: { tap: "all0" } },
    src: { select_src_port: ["client1"], output: { tap: "src0" } },
    fifth: { select_src_port: ["client1"], sample: 5, output: { pcapng: file("fifth.pcapng") } },
    filtered: {
      select_all: true,
      filter: `icmp[icmptype] = icmp-echoreply and src host ${OWN_LEG.ipv4} and len = 342`,
      output: { pcapng: file("filtered.pcapng") },
    },
    dst: { select_dst_port: ["client1"], output: { tap: "dst0" } },
    snap: { select_all: true, snaplen: SNAPLEN, output: { pcapng: file("snap.pcapng") } },
    rotated: {
      select_all: true,
      snaplen: 1000,
      output: { pcapng: file("rotated.pcapng"), rotate_bytes: ROTATE_BYTES, files: FILES },
    },
  };
}

function mirrorToSmallDisk(config: LabConfig, directory: string): void {
  const output = { pcapng: join(directory, "small", "m.pcapng") };
  config.bridges.br0.mirrors = { m0: { select_all: true, output } };
}

/** `ip netns exec` gives the switch a mount table of its own, so the small disk is there for it alone. */
function withSmallDisk(directory: string): string[] {
  const small = join(directory, "small");
  return ["sh", "-c", `mkdir ${small} && mount -t tmpfs -o size=64k tmpfs ${small} && exec "$@"`, "sh"];
}
