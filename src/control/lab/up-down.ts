// `vxswitch lab up` and `lab down`: the lab with a switch that runs on in the background, to be played with by hand.
import { mkdirSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { Progress } from "../progress.ts";
import { configText, labConfig } from "./config.ts";
import { removeLeftovers } from "./host.ts";
import { createLab, type Lab } from "./lab.ts";
import { requireLabPrivileges } from "./privilege.ts";
import { answers, METRICS_LISTEN, type SwitchFiles, SwitchProcess, switchFiles } from "./switch-process.ts";
import { LAB_PREFIX } from "./topology.ts";

/** Namespaces of demos, which `lab down` clears away if their process was killed. */
export const DEMO_FAMILY = "vxlab-demo";

export interface LabCommandOptions {
  /** In front of the name of every namespace. */
  readonly prefix: string;
}

/** Builds the lab, starts the switch unless it runs, and prints what to try. */
export async function labUp({ prefix }: LabCommandOptions): Promise<void> {
  await requireLabPrivileges();
  const lab = createLab({ prefix });
  const files = switchFiles(directoryOf(prefix));
  const progress = new Progress(lab.stepCount + 1);
  try {
    await lab.up((what) => progress.step(what));
    mkdirSync(files.directory, { recursive: true });
    progress.step("switch");
    if (!(await answers(files.socket))) await startInBackground(lab, files);
  } finally {
    progress.end();
  }
  process.stdout.write(whatToTry(lab, files));
}

/** Stops the switch and removes the lab; where there is nothing, does nothing. */
export async function labDown({ prefix }: LabCommandOptions): Promise<void> {
  await requireLabPrivileges();
  await createLab({ prefix }).down();
  await removeLeftovers(DEMO_FAMILY);
  rmSync(directoryOf(prefix), { recursive: true, force: true });
  process.stderr.write("the lab is down\n");
}

/** Configuration, control socket and log of the switch that `lab up` starts. */
function directoryOf(prefix: string): string {
  return `/run/${prefix}switch`;
}

async function startInBackground(lab: Lab, files: SwitchFiles): Promise<void> {
  const config = configText(labConfig(lab, files));
  const running = new SwitchProcess(lab.test, { files, config });
  await running.ready();
  running.leaveRunning();
}

function whatToTry(lab: Lab, files: SwitchFiles): string {
  const [first, second] = lab.clients.map((client) => client.host.namespace);
  const vxswitch = programName();
  const prefixOption = lab.prefix === LAB_PREFIX ? "" : ` --prefix ${lab.prefix}`;
  return `The lab is up: ${lab.hosts.map((host) => host.namespace).join(", ")}
The switch runs on ${lab.test.namespace}; its configuration, socket and log are in ${files.directory}

  export VXSWITCH_SOCKET=${files.socket}
  ip netns exec ${first} ping 192.168.0.2
  ip netns exec ${first} ping 192.168.0.103
  ip netns exec ${second} iperf3 -s -D; ip netns exec ${first} iperf3 -c 192.168.0.2
  ${vxswitch} show ports
  ${vxswitch} show fdb
  ${vxswitch} mirror add br0 m0 select_all=true output.tap=mirror0
  ip netns exec ${lab.test.namespace} tcpdump -ni mirror0
  ip netns exec ${lab.test.namespace} curl -s http://${METRICS_LISTEN}/metrics
  ${vxswitch} lab down${prefixOption}
`;
}

/** What the user typed to get here, to be typed again. */
function programName(): string {
  const script = process.argv[1] ?? "";
  return script.endsWith(".js") ? `node ${relative(process.cwd(), script)}` : "vxswitch";
}
