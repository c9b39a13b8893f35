// A lab with a running switch for one file of tests: real kernel endpoints in namespaces of their own, so that nothing
// collides with another run or with `lab up`. Every lab ends by checking that each frame is accounted for and that the
// switch stops cleanly.
//
//    const lab = await KernelLab.start({ … });      in beforeAll
//    await lab.client1.ping("192.168.0.2");
//    await lab.end();                               in afterAll
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { EventType, SwitchEvent } from "../../../src/control/events.ts";
import { waitUntil } from "../../../src/control/lab/command.ts";
import { configText, type LabConfig, labConfig } from "../../../src/control/lab/config.ts";
import { runPrefix } from "../../../src/control/lab/host.ts";
import { createLab, type Lab } from "../../../src/control/lab/lab.ts";
import { balances, differenceOf, parseScrape, type Sample, sum } from "../../../src/control/lab/scrape.ts";
import { type SwitchFiles, SwitchProcess, switchFiles } from "../../../src/control/lab/switch-process.ts";
import {
  type LabOptions,
  scenarioCable,
  scenarioClient,
  type TestSpec,
} from "../../../src/control/lab/topology.ts";
import { Peer } from "./peer.ts";
import type { PortRow } from "./rows.ts";

/** Namespaces of kernel tests start with this word and the process that runs them. */
export const LAB_FAMILY = "vxlab-run";
export const PROGRAM = fileURLToPath(new URL("../../../dist/control/cli/main.js", import.meta.url));

/** The addresses of the scenario, and an IPv6 address beside each. */
export const CLIENT1 = { ipv4: "192.168.0.1", ipv6: "fd00::1", underlay: "10.122.0.22" };
export const CLIENT2 = { ipv4: "192.168.0.2", ipv6: "fd00::2", underlay: "10.122.3.152" };
export const OWN_LEG = { ipv4: "192.168.0.103", ipv6: "fd00::103", underlay: "10.122.1.103" };
const OWN_LEG_HOST: TestSpec = {
  underlay: `${OWN_LEG.underlay}/16`,
  addresses: [`${OWN_LEG.ipv4}/24`, `${OWN_LEG.ipv6}/64`],
};

const SETTLE_TIMEOUT_MS = 5000;

let labCount = 0;

/** The addresses of a client's overlay device by its number, IPv4 and IPv6. */
function overlayAddresses(number: number): string[] {
  return [`192.168.0.${number}/24`, `fd00::${number}/64`];
}

/** A client of the scenario with an IPv6 address as well, on the VNI given. */
export function client(number: number, vni = 4100) {
  return scenarioClient(number, {
    cables: [scenarioCable(number, { vni, addresses: overlayAddresses(number) })],
  });
}

export interface KernelLabOptions extends LabOptions {
  /** Changes the configuration of the scenario before the switch reads it. */
  readonly configure?: (config: LabConfig, directory: string) => void;
  /** Words in front of the switch's command. */
  readonly wrapper?: (directory: string) => readonly string[];
}

/** The network without a switch; for tests that expect the switch to refuse. */
export function network(options: LabOptions = {}): Lab {
  labCount += 1;
  return createLab({
    prefix: `${runPrefix(LAB_FAMILY)}${labCount}-`,
    clients: [client(1), client(2)],
    test: OWN_LEG_HOST,
    ...options,
  });
}

export class KernelLab {
  readonly network: Lab;
  readonly files: SwitchFiles;
  readonly client1: Peer;
  readonly client2: Peer;
  readonly test: Peer;
  readonly config: LabConfig;
  private readonly wrapper: readonly string[];
  private process: SwitchProcess | null = null;

  private constructor(options: KernelLabOptions) {
    this.network = network(options);
    this.files = switchFiles(mkdtempSync(join(tmpdir(), "vxswitch-test-")));
    this.client1 = new Peer(this.network.clients[0].host);
    this.client2 = new Peer(this.network.clients[1].host);
    this.test = new Peer(this.network.test);
    this.config = labConfig(this.network, this.files);
    const { directory } = this.files;
    options.configure?.(this.config, directory);
    this.wrapper = options.wrapper?.(directory) ?? [];
  }

  /** Builds the network and starts the switch; resolves when it answers. */
  static async start(options: KernelLabOptions = {}): Promise<KernelLab> {
    const lab = new KernelLab(options);
    try {
      await lab.network.up();
      lab.process = lab.launch();
      await lab.process.ready();
      return lab;
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  /** Starts the switch again after it has ended; resolves when it answers. */
  async restart(): Promise<void> {
    this.process = this.launch();
    await this.process.ready();
  }

  get running(): SwitchProcess {
    if (this.process === null) throw new Error("start() makes the switch before anyone can ask for it");
    return this.process;
  }

  /** A client by its name, for labs with more than two. */
  peer(name: string): Peer {
    return new Peer(this.network.client(name).host);
  }

  get directory(): string {
    return this.files.directory;
  }

  /** Runs a `vxswitch` command against the switch; its standard output. */
  vxswitch(...args: string[]): Promise<string> {
    return this.running.command(args);
  }

  show<Row>(what: string): Promise<Row[]> {
    return this.running.show<Row>(what);
  }

  /** Events of a type that the switch remembers, oldest first. */
  async events(type: EventType): Promise<SwitchEvent[]> {
    const text = await this.vxswitch("events", "--no-follow", "--json", "-n", "1000", "--type", type);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as SwitchEvent)
      .filter((event) => event.type === type);
  }

  async metrics(): Promise<Sample[]> {
    return parseScrape(await this.running.scrape());
  }

  /** Drops counted under a reason so far, over all ports and the underlay. */
  async drops(reason: string): Promise<number> {
    return sum(await this.metrics(), "vxswitch_drops_total", { reason });
  }

  /** Writes the configuration as it now is and has the switch read it. */
  reload(): void {
    writeFileSync(this.files.config, configText(this.config));
    this.running.signal("SIGHUP");
  }

  /** The same, and waits until the switch has exactly the ports of the configuration, all of them up. */
  async reloadUntilUp(): Promise<void> {
    const wanted = Object.values(this.config.bridges).flatMap(({ ports }) => Object.keys(ports));
    this.reload();
    const reached = async () => {
      const up = (await this.show<PortRow>("ports")).filter(({ state }) => state === "up");
      const names = up.map(({ port }) => port);
      return names.sort().join() === wanted.sort().join();
    };
    expect(await waitUntil(reached, SETTLE_TIMEOUT_MS), this.running.log()).toBe(true);
  }

  /**
   * Every bridge has delivered or dropped what it received, and every datagram of the underlay has entered a port or been
   * dropped. Frames may be on their way while the counters are read, so this waits for them to rest.
   */
  async expectConservation(): Promise<void> {
    let account = accountOf(await this.metrics(), this.config);
    await waitUntil(
      async () => {
        account = accountOf(await this.metrics(), this.config);
        return account.every((line) => line.difference === 0);
      },
      SETTLE_TIMEOUT_MS,
      200,
    );
    expect(account.filter((line) => line.difference !== 0)).toEqual([]);
  }

  /** The end of every lab: the account balances, the switch stops cleanly, everything is removed. */
  async end(): Promise<void> {
    try {
      await this.expectConservation();
      expect(await this.running.stop(), this.running.log()).toEqual({ code: 0, signal: null });
    } finally {
      await this.remove();
    }
  }

  private async remove(): Promise<void> {
    await this.network.down();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private launch(): SwitchProcess {
    const { files, wrapper } = this;
    return new SwitchProcess(this.network.test, {
      files,
      wrapper,
      config: configText(this.config),
      program: PROGRAM,
    });
  }
}

interface AccountLine {
  readonly of: string;
  /** What came in less what became of it. */
  readonly difference: number;
}

function accountOf(samples: readonly Sample[], config: LabConfig): AccountLine[] {
  const bridges = balances(samples).map((balance) => ({
    of: `bridge ${balance.bridge}`,
    difference: differenceOf(balance),
  }));
  return [...bridges, { of: "underlay", difference: underlayDifference(samples, config) }];
}

function underlayDifference(samples: readonly Sample[], config: LabConfig): number {
  let difference = sum(samples, "vxswitch_underlay_receive_packets_total");
  difference -= sum(samples, "vxswitch_drops_total", { port: "underlay" });
  for (const { name, labels, value } of samples) {
    // A port that the file does not have was added by a test, or by a hub: a VXLAN port.
    const type = config.bridges[labels.bridge]?.ports[labels.port]?.type ?? "vxlan";
    if (name === "vxswitch_port_receive_packets_total" && type === "vxlan") difference -= value;
  }
  return difference;
}

const CRASH_FILE = "crash";
const CRASH_SCRIPT = fileURLToPath(new URL("peers/crash.mjs", import.meta.url));

/** Words in front of the switch's command (KernelLabOptions.wrapper) with which `crashThread` works. */
export function crashable(directory: string): readonly string[] {
  return [
    "env",
    `NODE_OPTIONS=--import ${CRASH_SCRIPT}`,
    `VXSWITCH_CRASH_FILE=${join(directory, CRASH_FILE)}`,
  ];
}

/** One forwarding thread of a `crashable` switch fails, within a second. */
export function crashThread(lab: KernelLab): void {
  writeFileSync(join(lab.directory, CRASH_FILE), "");
}
