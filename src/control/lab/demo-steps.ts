// What the demo shows, step by step. A step returns the lines that a reader is to see, or refuses with what was wrong;
// it asserts what it shows, so a demo that ends well has proved it.
import { isInstalled, waitUntil } from "./command.ts";
import { mirroredFrames } from "./demo-mirror.ts";
import { type DemoScene, type DemoStep, lines, need, overlayAddress, theSwitch } from "./demo-scene.ts";
import { type Host, namespaces } from "./host.ts";
import type { Lab } from "./lab.ts";
import { balances, isBalanced, parseScrape, sum } from "./scrape.ts";
import { addressOf } from "./topology.ts";

const PING_COUNT = 5;
const IPERF_SECONDS = 4;
const LISTEN_TIMEOUT_MS = 5000;
const BALANCE_TIMEOUT_MS = 5000;

export const DEMO_STEPS: readonly DemoStep[] = [
  { title: "Three hosts on one campus network, each a network namespace", show: buildLab },
  { title: "The switch starts on the test host", show: startSwitch },
  {
    title: "client1 pings client2, through the switch",
    show: ({ lab }) => ping(lab, overlayAddress(lab, 1)),
  },
  {
    title: "client1 pings the switch's own leg br0",
    show: ({ lab }) => ping(lab, addressOf(lab.testSpec.addresses[0])),
  },
  { title: "client1 sends TCP to client2 (iperf3), both with the offloads they came with", show: transfer },
  { title: "What the switch has learnt (vxswitch show fdb)", show: learntAddresses },
  {
    title: "A mirror of the port client1, added while the switch runs, sees each frame of a ping once",
    show: mirroredFrames,
  },
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
  await listen(server);
  const args = ["-c", overlayAddress(lab, 1), "-t", String(IPERF_SECONDS), "-J"];
  const result = JSON.parse(await client.run("iperf3", args)) as IperfResult;
  const { bits_per_second: rate, bytes } = result.end.sum_received;
  need(bytes > 0, "no byte arrived");
  const retransmits = result.end.sum_sent.retransmits ?? 0;
  return [
    `${(bytes / 1e9).toFixed(2)} GB arrived, ${(rate / 1e9).toFixed(2)} Gbit/s, ${retransmits} retransmits`,
  ];
}

/** Starts an iperf3 that serves one client and ends; resolves when it listens. */
async function listen(server: Host): Promise<void> {
  const listener = server.start("iperf3", ["-s", "-1", "--forceflush"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [listener.stdout, listener.stderr]) {
    stream?.on("data", (text) => {
      said += text;
    });
  }
  const listens = await waitUntil(() => said.includes("listening"), LISTEN_TIMEOUT_MS, 10);
  need(listens, `iperf3 does not listen: ${said.trim()}`);
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
  const { received, copies, replies, delivered, dropped } = balance;
  const come = `${received} received + ${copies} flood copies + ${replies} own replies`;
  const account = `${come} = ${delivered} delivered + ${dropped} dropped`;
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

async function macOf(host: Host, device: string): Promise<string> {
  const [link] = JSON.parse(await host.run("ip", ["-j", "link", "show", "dev", device])) as {
    address: string;
  }[];
  return link.address;
}
