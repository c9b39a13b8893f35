// `vxswitch capture` of real traffic: what a ping between two clients leaves in a file, with its verdicts; what is dropped.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../../src/control/lab/command.ts";
import { decode } from "./harness/capture.ts";
import { CLIENT1, CLIENT2, KernelLab } from "./harness/kernel-lab.ts";

const PINGS = 3;
const START_TIMEOUT_MS = 5000;
const NOBODY = "192.168.0.77";
const NOBODYS_MAC = "02:00:00:00:0f:0f";

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
});
afterAll(() => lab?.end());

/** Runs what is to be seen while a capture writes to a file of this name; returns the file. */
async function captured(
  name: string,
  args: readonly string[],
  work: () => Promise<unknown>,
): Promise<string> {
  const path = join(lab.directory, name);
  const ended = lab.vxswitch("capture", "-w", path, ...args);
  // The file is made when the capture has begun.
  const hasBegun = waitUntil(async () => existsSync(path), START_TIMEOUT_MS, 20);
  expect(await Promise.race([hasBegun, ended])).toBe(true);
  await work();
  await ended;
  return path;
}

test("a ping between two clients is in the file with where it came in and where it went", async () => {
  await lab.client1.ping(CLIENT2.ipv4);
  const args = ["client1", "-f", "icmp", "-c", String(2 * PINGS)];
  const path = await captured("ping.pcapng", args, async () => {
    expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS })).toBe(PINGS);
  });
  const [one, two] = [`client1 (${CLIENT1.underlay}, VNI 4100)`, `client2 (${CLIENT2.underlay}, VNI 4100)`];
  const fields = ["frame.interface_name", "frame.comment"];
  expect(await decode(path, "icmp.type == 8", fields)).toEqual(
    Array(PINGS).fill(["br0/client1", `in ${one}; out ${two}`]),
  );
  expect(await decode(path, "icmp.type == 0", fields)).toEqual(
    Array(PINGS).fill(["br0/client2", `in ${two}; out ${one}`]),
  );
  const [[seconds]] = await decode(path, "icmp", ["frame.time_epoch"]);
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
});

test("a frame that is dropped is there with the reason, live and among those that the switch keeps", async () => {
  await lab.vxswitch("fdb", "add", "br0", NOBODYS_MAC, "client1");
  await lab.client1.run("ip", "neigh", "replace", NOBODY, "lladdr", NOBODYS_MAC, "dev", "vxlan0");
  const args = ["--drops-only", "-f", `icmp and dst host ${NOBODY}`, "-c", "1"];
  const live = await captured("live.pcapng", args, async () => {
    expect(await lab.client1.ping(NOBODY, { count: 1 })).toBe(0);
  });
  const kept = join(lab.directory, "kept.pcapng");
  await lab.vxswitch("capture", "client1", "--drops", "-w", kept);
  const verdict =
    `in client1 (${CLIENT1.underlay}, VNI 4100); ` +
    "dropped: split_horizon (the destination was learnt where the frame came from)";
  const fields = ["frame.time_epoch", "frame.comment"];
  const [[time, comment]] = await decode(live, "icmp", fields);
  expect(comment).toBe(verdict);
  expect(await decode(kept, `icmp && ip.dst == ${NOBODY}`, fields)).toEqual([[time, verdict]]);
  expect(await lab.vxswitch("show", "drops")).toMatch(
    new RegExp(`^last split_horizon: \\S+ from client1 ${CLIENT1.ipv4} > ${NOBODY} icmp, length 98$`, "m"),
  );
});
