// What the demo shows, step by step. A step returns the lines that a reader is to see, or refuses with what was wrong;
// it asserts what it shows, so a demo that ends well has proved it.
import { once } from "node:events";
import { join } from "node:path";
import { Refusal } from "../refusal.ts";
import { isInstalled, waitUntil } from "./command.ts";
import { type Host, namespaces } from "./host.ts";
import type { Lab } from "./lab.ts";
import { countFrames } from "./pcapng.ts";
import { inUserNamespace } from "./privilege.ts";
import { balances, isBalanced, parseScrape, sum } from "./scrape.ts";
import type { SwitchProcess } from "./switch-process.ts";
import { Tcpdump } from "./tcpdump.ts";
import { addressOf } from "./topology.ts";

const PING_COUNT = 5;
const IPERF_SECONDS = 4;
const MIRROR_PING_COUNT = 3;
const MIRROR_DEVICE = "mirror0";
const CAPTURE_TIMEOUT_MS = 10_000;
const BALANCE_TIMEOUT_MS = 5000;

export interface DemoScene {
  readonly lab: Lab;
  readonly mirror: DemoMirror;
  readonly startSwitch: () => SwitchProcess;
  /** null before the switch is started. */
  running: SwitchProcess | null;
}

export interface DemoStep {
  readonly title: string;
  readonly show: (scene: DemoScene) => Promise<string[]>;
}

/** Where the demo looks at mirrored frames: on a TAP with tcpdump, or in a file. */
export interface DemoMirror {
  readonly config: Record<string, unknown>;
  /** null = tcpdump reads the TAP. */
  readonly path: string | null;
}

/** A TAP if tcpdump can read it here; in a user namespace it cannot give up its privileges and therefore refuses. */
export async function demoMirror(directory: string): Promise<DemoMirror> {
  const select = { select_src_port: ["client1"], select_dst_port: ["client1"] };
  if ((await isInstalled("tcpdump")) && !inUserNamespace())
    return { config: { ...select, output: { tap: MIRROR_DEVICE } }, path: null };
  const path = join(directory, "mirror.pcapng");
  return { config: { ...select, output: { pcapng: path } }, path };
}

export const DEMO_STEPS: readonly DemoStep[] = [
  { title: "Three hosts on one campus network, each a network namespace", show: buildLab },
  { title: "The switch starts on the test host", show: startSwitch },
  { title: "client1 pings client2, through the switch", show: ({ lab }) => ping(lab, overlay(lab, 1)) },
  {
    title: "client1 pings the switch's own leg br0",
    show: ({ lab }) => ping(lab, addressOf(lab.testSpec.addresses[0])),
  },
  { title: "client1 sends TCP to client2 (iperf3), both with the offloads they came with", show: transfer },
  { title: "What the switch has learnt (vxswitch show fdb)", show: learntAddresses },
  { title: "A mirror of the port client1 sees each frame of a ping once", show: mirroredFrames },
  { title: "What a Prometheus server would scrape", show: metrics },
  { title: "Every frame is accounted for", show: conservation },
  { title: "The switch stops, and nothing is left behind", show: takeDown },
];

async function buildLab({ lab }: DemoScene): Promise<string[]> {
  await lab.up();
  return [
    "client1 vxlan0 192.168.0.1 ─ eth0 10.122.0.22 ───┐",
    "test    br0  192.168.0.103 ─ eth0 10.122.1.103 ──┼── campus network",
    "client2 vxlan0 192.168.0.2 ─ eth0 10.122.3.152 ──┘",
    `vxlan0 is the kernel's own VXLAN device, VNI ${lab.clients[0].spec.cables[0].vni}; the switch is the other end of both cables`,
  ];
}

async function startSwitch(scene: DemoScene): Promise<string[]> {
  const startedAt = performance.now();
  scene.running = scene.startSwitch();
  await scene.running.ready();
  const milliseconds = Math.round(performance.now() - startedAt);
  const ports = await scene.running.show<{ port: string; type: string; state: string }>("ports");
  for (const port of ports) need(port.state === "up", `port ${port.port} is ${port.state}`);
  return [`ready after ${milliseconds} ms; ports up: ${ports.map((port) => port.port).join(", ")}`];
}

async function ping(lab: Lab, address: string): Promise<string[]> {
  const args = ["-c", String(PING_COUNT), "-i", "0.2", "-W", "2", address];
  const { code, stdout, stderr } = await lab.clients[0].host.outcome("ping", args);
  const summary = stdout.trim().split("\n").slice(-2);
  need(code === 0 && stdout.includes(" 0% packet loss"), `${summary.join("; ")} ${stderr}`);
  return summary;
}

async function transfer({ lab }: DemoScene): Promise<string[]> {
  if (!(await isInstalled("iperf3"))) return ["skipped: iperf3 is not installed (apt-get install iperf3)"];
  const [client, server] = lab.clients.map(({ host }) => host);
  const listener = server.start("iperf3", ["-s", "-1", "--forceflush"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(listener.stdout!, "data");
  const args = ["-c", overlay(lab, 1), "-t", String(IPERF_SECONDS), "-J"];
  const result = JSON.parse(await client.run("iperf3", args)) as IperfResult;
  const { bits_per_second: rate, bytes } = result.end.sum_received;
  need(bytes > 0, "no byte arrived");
  const retransmits = result.end.sum_sent.retransmits ?? 0;
  return [
    `${(bytes / 1e9).toFixed(2)} GB arrived, ${(rate / 1e9).toFixed(2)} Gbit/s, ${retransmits} retransmits`,
  ];
}

interface IperfResult {
  end: { sum_sent: { retransmits?: number }; sum_received: { bytes: number; bits_per_second: number } };
}

async function learntAddresses(scene: DemoScene): Promise<string[]> {
  const rows = await theSwitch(scene).show<{ mac: string; port: string }>("fdb");
  for (const { host, spec } of scene.lab.clients) {
    const mac = await macOf(host, spec.cables[0].device);
    const found = rows.some((row) => row.mac === mac && row.port === spec.name);
    need(found, `${mac} of ${spec.name} was not learnt on port ${spec.name}`);
  }
  return lines(await theSwitch(scene).command(["show", "fdb"]));
}

/** A ping sends two frames a packet through client1's port: one from it, one to it. */
async function mirroredFrames(scene: DemoScene): Promise<string[]> {
  const { lab, mirror } = scene;
  const frames = 2 * MIRROR_PING_COUNT;
  if (mirror.path !== null) {
    const before = countFrames(mirror.path);
    await pingForMirror(lab);
    const { path } = mirror;
    const arrived = await waitUntil(() => countFrames(path) - before >= frames, CAPTURE_TIMEOUT_MS);
    need(arrived, `${countFrames(path) - before} of ${frames} frames are in ${path}`);
    return [`${countFrames(path)} frames so far are in mirror.pcapng, the last ${frames} from this ping`];
  }
  const tcpdump = new Tcpdump(lab.test, MIRROR_DEVICE, ["-t", "icmp"]);
  await tcpdump.listening();
  await pingForMirror(lab);
  const shown = await tcpdump.stop();
  need(
    shown.length === frames,
    `tcpdump saw ${shown.length} frames instead of ${frames} on ${MIRROR_DEVICE}`,
  );
  return [`tcpdump -i ${MIRROR_DEVICE} icmp:`, ...shown];
}

async function pingForMirror(lab: Lab): Promise<void> {
  await lab.clients[0].host.run("ping", ["-c", String(MIRROR_PING_COUNT), "-i", "0.2", overlay(lab, 1)]);
}

async function metrics(scene: DemoScene): Promise<string[]> {
  const wanted =
    /^vxswitch_(port_(receive|transmit)_packets_total|fdb_entries|underlay_receive_overruns_total)\b/;
  const shown = lines(await theSwitch(scene).scrape()).filter((line) => wanted.test(line));
  need(shown.length > 0, "the scrape holds no metric of the switch");
  return shown;
}

/** Frames may be on their way while the counters are read, so this asks until they rest. */
async function conservation(scene: DemoScene): Promise<string[]> {
  let samples = parseScrape(await theSwitch(scene).scrape());
  await waitUntil(
    async () => {
      samples = parseScrape(await theSwitch(scene).scrape());
      return balances(samples).every(isBalanced);
    },
    BALANCE_TIMEOUT_MS,
    200,
  );
  const [balance] = balances(samples);
  need(balance !== undefined && balance.received > 0, "the switch counted no frame");
  const { received, copies, delivered, dropped } = balance;
  const account = `${received} received + ${copies} flood copies = ${delivered} delivered + ${dropped} dropped`;
  need(isBalanced(balance), `the account does not balance: ${account}`);
  return [account, ...dropReasons(samples)];
}

async function takeDown(scene: DemoScene): Promise<string[]> {
  const { code, signal } = await theSwitch(scene).stop();
  need(code === 0, `the switch did not stop cleanly: exit code ${code}, signal ${signal}`);
  await scene.lab.down();
  const left = await namespaces();
  for (const { namespace } of scene.lab.hosts) need(!left.includes(namespace), `${namespace} is still there`);
  return [`exit code ${code}; ${scene.lab.hosts.length} namespaces removed`];
}

function dropReasons(samples: ReturnType<typeof parseScrape>): string[] {
  const name = "vxswitch_drops_total";
  const reasons = new Set(
    samples.filter((row) => row.name === name && row.value > 0).map((row) => row.labels.reason),
  );
  return [...reasons].map((reason) => `dropped: ${reason} ${sum(samples, name, { reason })}`);
}

function overlay(lab: Lab, clientIndex: number): string {
  return addressOf(lab.clients[clientIndex].spec.cables[0].addresses[0]);
}

async function macOf(host: Host, device: string): Promise<string> {
  const [link] = JSON.parse(await host.run("ip", ["-j", "link", "show", "dev", device])) as {
    address: string;
  }[];
  return link.address;
}

function theSwitch({ running }: DemoScene): SwitchProcess {
  if (running === null) throw new Error("no step needs the switch before it is started");
  return running;
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

function need(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Refusal(otherwise);
}
