// The lab itself: building it twice changes nothing, what is missing is repaired, and taking it down leaves nothing.
import { afterEach, expect, test } from "vitest";
import { run } from "../../src/control/lab/command.ts";
import { namespaces, runPrefix } from "../../src/control/lab/host.ts";
import { LAB_FAMILY, network, PROGRAM } from "./harness/kernel-lab.ts";
import { Peer } from "./harness/peer.ts";

const UP_DOWN_PREFIX = `${runPrefix(LAB_FAMILY)}cli-`;

let lab = network();
afterEach(async () => {
  await lab.down();
  await run(process.execPath, [PROGRAM, "lab", "down", "--prefix", UP_DOWN_PREFIX]);
  lab = network();
});

test("a second up changes nothing", async () => {
  await lab.up();
  const before = await picture();
  await lab.up();
  expect(await picture()).toEqual(before);
});

test("up repairs what is missing", async () => {
  await lab.up();
  await lab.clients[0].host.ip("link", "del", "vxlan0");
  await lab.campus.ip("link", "del", "client2");
  await lab.test.ip("addr", "flush", "dev", "eth0");
  await lab.up();
  const client2 = new Peer(lab.clients[1].host);
  expect(await client2.ping("10.122.1.103")).toBe(3);
  expect(await lab.clients[0].host.hasLink("vxlan0")).toBe(true);
});

test("down leaves nothing, and a second down finds nothing to do", async () => {
  const machineBefore = await run("ip", ["-o", "link"]);
  await lab.up();
  lab.test.start("sleep", ["1000"], { stdio: "ignore" });
  await lab.down();
  expect((await namespaces()).filter((name) => name === lab.test.namespace)).toEqual([]);
  expect(await run("ip", ["-o", "link"])).toBe(machineBefore);
  await lab.down();
});

test("lab up and lab down, each twice, start one switch and leave nothing", async () => {
  const vxlab = (verb: string) => run(process.execPath, [PROGRAM, "lab", verb, "--prefix", UP_DOWN_PREFIX]);
  const said = await vxlab("up");
  expect(await vxlab("up")).toBe(said);
  const test = lab.test.namespace.replace(/\d+-test$/, "cli-test");
  expect((await run("ip", ["netns", "pids", test])).trim().split("\n")).toHaveLength(1);
  await vxlab("down");
  await vxlab("down");
  expect((await namespaces()).filter((name) => name.startsWith(UP_DOWN_PREFIX))).toEqual([]);
});

/**
 * Every device with its index and addresses, so that one made anew shows; but not whether the kernel is still looking for
 * duplicates of a link-local address, which ends by itself.
 */
async function picture(): Promise<string[]> {
  const rows = await Promise.all(
    lab.hosts.map(({ namespace }) => run("ip", ["-n", namespace, "-o", "addr"])),
  );
  return rows.map((text) => text.replaceAll(" tentative", ""));
}
