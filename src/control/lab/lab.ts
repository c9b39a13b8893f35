// Builds and removes the network of topology.ts. `vxswitch lab`, the kernel tests and the benchmark all use it.
// Each step looks before it makes, so `up` repairs what is missing and a second one does nothing; `down` needs to know
// nothing but the names, so it also clears away what a crash has left half built.
import { Host } from "./host.ts";
import {
  addressOf,
  type CableSpec,
  type ClientSpec,
  LAB_PREFIX,
  type LabOptions,
  SCENARIO_TEST,
  scenarioClient,
  type TestSpec,
  UNDERLAY_MTU_BYTES,
  VXLAN_PORT,
} from "./topology.ts";

const CAMPUS_BRIDGE = "campus";

export interface LabClient {
  readonly host: Host;
  readonly spec: ClientSpec;
}

export class Lab {
  /** In front of the name of every namespace. */
  readonly prefix: string;
  readonly campus: Host;
  readonly test: Host;
  readonly testSpec: TestSpec;
  readonly clients: readonly LabClient[];
  readonly underlayMtuBytes: number;

  constructor(options: LabOptions) {
    const prefix = options.prefix ?? LAB_PREFIX;
    this.prefix = prefix;
    const clients = options.clients ?? [scenarioClient(1), scenarioClient(2)];
    this.campus = new Host("campus", `${prefix}campus`);
    this.test = new Host("test", `${prefix}test`);
    this.testSpec = options.test ?? SCENARIO_TEST;
    this.clients = clients.map((spec) => ({ host: new Host(spec.name, prefix + spec.name), spec }));
    this.underlayMtuBytes = options.underlayMtuBytes ?? UNDERLAY_MTU_BYTES;
  }

  get hosts(): Host[] {
    return [this.campus, this.test, ...this.clients.map((client) => client.host)];
  }

  /** A client by name; throws for a name that the lab was not made with. */
  client(name: string): LabClient {
    const client = this.clients.find((candidate) => candidate.spec.name === name);
    if (client === undefined) throw new Error(`no client ${name} in this lab`);
    return client;
  }

  /** Steps that `up` tells of. */
  get stepCount(): number {
    return 2 + this.clients.length;
  }

  /** Makes whatever is missing. `onStep` hears what comes next. Rejects with a Refusal that names the failing command. */
  async up(onStep: (what: string) => void = () => {}): Promise<void> {
    onStep("namespaces");
    for (const host of this.hosts) await host.ensure();
    onStep("campus network");
    await this.ensureCampus();
    await this.plugIn(this.test, this.testSpec.underlay);
    for (const { host, spec } of this.clients) {
      onStep(host.name);
      await this.plugIn(host, spec.underlay);
      for (const cable of spec.cables) await this.ensureCable(host, spec, cable);
    }
  }

  /** Ends what runs in the lab and removes it, clients first. */
  async down(): Promise<void> {
    for (const host of this.hosts.reverse()) await host.remove();
  }

  /** The campus network: the kernel's own bridge, which plays no part in what is tested. */
  private async ensureCampus(): Promise<void> {
    const { campus } = this;
    if (!(await campus.hasLink(CAMPUS_BRIDGE)))
      await campus.ip("link", "add", CAMPUS_BRIDGE, "type", "bridge");
    await campus.ip("link", "set", CAMPUS_BRIDGE, "mtu", String(this.underlayMtuBytes), "up");
  }

  /** A host's `eth0`, its other end in the campus under the host's name. */
  private async plugIn(host: Host, underlay: string): Promise<void> {
    const { campus } = this;
    const mtu = String(this.underlayMtuBytes);
    if (!(await host.hasLink("eth0"))) {
      const peer = ["peer", "name", host.name, "netns", campus.namespace];
      await host.ip("link", "add", "eth0", "type", "veth", ...peer);
    }
    await campus.ip("link", "set", host.name, "mtu", mtu, "master", CAMPUS_BRIDGE, "up");
    await host.ip("link", "set", "eth0", "mtu", mtu, "up");
    await ensureAddress(host, "eth0", underlay);
  }

  /** One end of a virtual cable, as the scenario types it. */
  private async ensureCable(host: Host, client: ClientSpec, cable: CableSpec): Promise<void> {
    const { device } = cable;
    if (!(await host.hasLink(device))) {
      const ends = ["remote", addressOf(this.testSpec.underlay), "local", addressOf(client.underlay)];
      const vxlan = ["id", String(cable.vni), "dstport", String(VXLAN_PORT), ...ends, "dev", "eth0"];
      await host.ip("link", "add", device, "type", "vxlan", ...vxlan);
      if (cable.mac !== undefined) await host.ip("link", "set", device, "address", cable.mac);
    }
    for (const address of cable.addresses) await ensureAddress(host, device, address);
    await host.ip("link", "set", device, "up");
  }
}

/** A lab by its options; nothing is made before `up()`. */
export function createLab(options: LabOptions = {}): Lab {
  return new Lab(options);
}

/** Without duplicate address detection, an IPv6 address can be used at once. */
async function ensureAddress(host: Host, device: string, address: string): Promise<void> {
  const flags = address.includes(":") ? ["nodad"] : [];
  await host.ip("addr", "replace", address, "dev", device, ...flags);
}
