// The demo's step with a mirror: added to the running switch, it shows each frame of a ping exactly once.
// tcpdump reads it from a TAP. Where there is no tcpdump, or in a user namespace, in which it cannot give up its privileges
// and therefore refuses, the frames go to a file and are counted there.
import { join } from "node:path";
import { isInstalled, waitUntil } from "./command.ts";
import { type DemoScene, lines, need, overlayAddress, theSwitch } from "./demo-scene.ts";
import type { Lab } from "./lab.ts";
import { countFrames } from "./pcapng.ts";
import { inUserNamespace } from "./privilege.ts";
import { Tcpdump } from "./tcpdump.ts";

const PING_COUNT = 3;
/** A ping sends two frames a packet through client1's port: one from it, one to it. */
const FRAMES = 2 * PING_COUNT;
const DEVICE = "mirror0";
const MIRROR = ["mirror", "add", "br0", "m0", "select_src_port=client1", "select_dst_port=client1"];
const WRITE_TIMEOUT_MS = 10_000;

export async function mirroredFrames(scene: DemoScene): Promise<string[]> {
  return (await isInstalled("tcpdump")) && !inUserNamespace() ? seenByTcpdump(scene) : writtenToFile(scene);
}

async function seenByTcpdump(scene: DemoScene): Promise<string[]> {
  const command = [...MIRROR, `output.tap=${DEVICE}`];
  await theSwitch(scene).command(command);
  const tcpdump = new Tcpdump(scene.lab.test, DEVICE, ["-t", "icmp"]);
  await tcpdump.listening();
  await ping(scene.lab);
  const seen = await tcpdump.stop();
  need(seen.length === FRAMES, `tcpdump saw ${seen.length} frames instead of ${FRAMES} on ${DEVICE}`);
  return [`vxswitch ${command.join(" ")}`, `tcpdump -i ${DEVICE} icmp`, ...lines(seen.join("\n"), "  ")];
}

async function writtenToFile(scene: DemoScene): Promise<string[]> {
  const path = join(scene.directory, "mirror.pcapng");
  const command = [...MIRROR, `output.pcapng=${path}`];
  await theSwitch(scene).command(command);
  await ping(scene.lab);
  // Beside the ping, the file may hold the ARP of the two.
  const written = await waitUntil(() => countFrames(path) >= FRAMES, WRITE_TIMEOUT_MS);
  need(written, `${countFrames(path)} of ${FRAMES} frames are in ${path}`);
  return [
    `vxswitch ${command.join(" ")}`,
    `${countFrames(path)} frames are in the file, ${FRAMES} of them this ping's`,
  ];
}

async function ping(lab: Lab): Promise<void> {
  await lab.clients[0].host.run("ping", ["-c", String(PING_COUNT), "-i", "0.2", overlayAddress(lab, 1)]);
}
