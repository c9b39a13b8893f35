// A data plane in memory: it keeps what it is told, refuses what contradicts it as the real one would, and reports the
// figures that a test puts into it. Nothing is forwarded.
import { isDeepStrictEqual } from "node:util";
import { remoteText } from "../../src/dataplane/remotes.ts";
import type {
  BridgeSpec,
  CapturedFrame,
  CaptureHandle,
  CaptureSpec,
  Change,
  Dataplane,
  DataplaneEvent,
  DropCounts,
  DroppedFrame,
  FdbRow,
  HostRow,
  MirrorSpec,
  PortSpec,
  PortStatus,
  StaticFdbSpec,
  SwitchStatus,
} from "../../src/dataplane/spec.ts";
import { checkFrame, type TraceAnswer, type TraceQuestion } from "../../src/dataplane/trace/answer.ts";

type Activity = Pick<PortStatus, "rxPackets" | "txPackets" | "lastReceived" | "unfilledChecksums">;

const ACTIVE: Activity = {
  rxPackets: 10,
  txPackets: 20,
  lastReceived: { wallMs: 1_700_000_000_000, agoSeconds: 2 },
  unfilledChecksums: 0,
};

export class FakeDataplane implements Dataplane {
  readonly bridges = new Map<string, BridgeSpec>();
  readonly ports = new Map<string, PortSpec>();
  readonly mirrors = new Map<string, MirrorSpec>();
  /** Every list of changes that was applied. */
  readonly applied: (readonly Change[])[] = [];
  /** Ports and mirrors, as bridge/name, that are to be down, and why. */
  readonly down = new Map<string, string>();
  readonly drops = new Map<string, DropCounts>();
  /** What ports, as bridge/name, have received, where it is not the usual. */
  readonly activity = new Map<string, Partial<typeof ACTIVE>>();
  /** Counters of ports, as bridge/name, where they are not the usual. */
  readonly counts = new Map<string, Partial<PortStatus>>();
  /** Ports, as bridge/name, that are quarantined, and for which frame. */
  readonly loops = new Map<string, { wallMs: number; frame: Buffer }>();
  /** Figures of ports, as bridge/name, other than the usual ones. */
  readonly figures = new Map<string, Partial<PortStatus>>();
  rows: FdbRow[] = [];
  dropped: DroppedFrame[] = [];
  /** What captures find from now on; each was asked for with a spec. */
  captured: CapturedFrame[] = [];
  capturesLost = 0;
  readonly captures: CaptureSpec[] = [];
  openCaptures = 0;
  capturesMax = 8;
  hostRows: HostRow[] = [];
  io: "udp" | "ring" = "udp";
  alive = true;
  closed = false;
  workerCount = 1;
  workerRestarts = 0;
  /** Runs before a list of changes is applied: a test waits or fails here. */
  beforeApply: () => Promise<void> = async () => {};
  #listener: (event: DataplaneEvent) => void = () => {};

  async apply(changes: readonly Change[]): Promise<void> {
    await this.beforeApply();
    for (const change of changes) this.#applyOne(change);
    this.applied.push(changes);
  }

  #applyOne(change: Change): void {
    switch (change.op) {
      case "add-bridge":
        add(this.bridges, change.bridge.name, change.bridge);
        break;
      case "set-bridge":
        set(this.bridges, change.bridge.name, change.bridge);
        break;
      case "del-bridge":
        this.#expectEmpty(change.bridge);
        del(this.bridges, change.bridge);
        break;
      case "add-port":
        this.#expectBridge(change.port.bridge);
        this.#expectFreeTunnel(change.port);
        add(this.ports, keyOf(change.port), change.port);
        break;
      case "set-port":
        this.#expectSameType(change.port);
        this.#expectFreeTunnel(change.port);
        set(this.ports, keyOf(change.port), change.port);
        break;
      case "del-port":
        this.#expectUnmirrored(keyOf(change));
        del(this.ports, keyOf(change));
        break;
      case "add-mirror":
        this.#expectBridge(change.mirror.bridge);
        for (const port of selectedBy(change.mirror)) expectThat(this.ports.has(port), `no port ${port}`);
        add(this.mirrors, keyOf(change.mirror), change.mirror);
        break;
      case "set-mirror":
        for (const port of selectedBy(change.mirror)) expectThat(this.ports.has(port), `no port ${port}`);
        this.#expectSameOutput(change.mirror);
        set(this.mirrors, keyOf(change.mirror), change.mirror);
        break;
      case "del-mirror":
        del(this.mirrors, keyOf(change));
        break;
    }
  }

  #expectBridge(name: string): void {
    expectThat(this.bridges.has(name), `no bridge ${name}`);
  }

  #expectEmpty(bridge: string): void {
    const left = [...this.ports.values(), ...this.mirrors.values()].find((thing) => thing.bridge === bridge);
    expectThat(left === undefined, `bridge ${bridge} still has ${left?.name}`);
  }

  #expectSameType(port: PortSpec): void {
    expectThat(this.ports.get(keyOf(port))?.type === port.type, `${keyOf(port)} is of another type`);
  }

  #expectSameOutput({ output, snaplenBytes, ...mirror }: MirrorSpec): void {
    const before = this.mirrors.get(keyOf(mirror));
    const isSame = isDeepStrictEqual([before?.output, before?.snaplenBytes], [output, snaplenBytes]);
    expectThat(isSame, `${keyOf(mirror)} has another output`);
  }

  #expectUnmirrored(key: string): void {
    const mirror = [...this.mirrors.values()].find((mirror) => selectedBy(mirror).includes(key));
    expectThat(mirror === undefined, `port ${key} is still selected by ${mirror?.name}`);
  }

  #expectFreeTunnel(port: PortSpec): void {
    const holder = [...this.ports.values()].find((other) => tunnelOf(other) === tunnelOf(port));
    const isFree = holder === undefined || keyOf(holder) === keyOf(port);
    expectThat(isFree, `${keyOf(port)} takes the tunnel of ${holder && keyOf(holder)}`);
  }

  status(): SwitchStatus {
    return {
      bridges: [...this.bridges.values()].map(({ name }) => ({
        name,
        fdbEntries: this.rows.filter(({ bridge }) => bridge === name).length,
        fdbLearned: 5,
        fdbMoved: 4,
        fdbExpired: 3,
        fdbEvicted: 2,
        neighEvicted: 8,
        mcastGroups: 6,
        mcastEvicted: 9,
        floodCopies: 7,
      })),
      ports: [...this.ports.values()].map((port) => ({
        ...this.#state(keyOf(port)),
        bridge: port.bridge,
        name: port.name,
        type: port.type,
        mtuBytes: port.type === "tap" ? (port.mtuBytes ?? 1450) : 1450,
        vni: port.type === "vxlan" ? port.vni : null,
        remote: port.type === "vxlan" ? remoteText(port) : null,
        hub: port.type === "vxlan" ? port.hub : null,
        local: port.type === "vxlan" ? port.local : null,
        dstport: port.type === "vxlan" ? port.dstport : null,
        device: port.type === "vxlan" ? "eth0" : port.name,
        outer: port.type === "vxlan" ? port.outer : null,
        policy: port.policy,
        impairIn: port.impairIn,
        impairOut: port.impairOut,
        rxBytes: 1000,
        txBytes: 2000,
        tooBigReplies: 3,
        impairDuplicates: 0,
        impairHeld: 0,
        neighReplies: 5,
        mssClamped: 4,
        ...{ ...ACTIVE, ...this.activity.get(keyOf(port)) },
        ...this.counts.get(keyOf(port)),
        ...this.#quarantine(keyOf(port)),
        drops: this.drops.get(keyOf(port)) ?? {},
        ...this.figures.get(keyOf(port)),
      })),
      mirrors: [...this.mirrors.values()].map((mirror) => ({
        ...this.#state(keyOf(mirror)),
        bridge: mirror.bridge,
        name: mirror.name,
        output: outputOf(mirror),
        packets: 6,
        bytes: 600,
        queueBytes: 4096,
        queueDrops: 1,
        outputDrops: 2,
      })),
      vteps: [
        {
          remote: "10.122.0.22",
          local: "10.122.1.103",
          dstport: 4789,
          vnis: [4100],
          pathMtuBytes: 1500,
          overlayMtuBytes: 1450,
        },
      ],
      underlay: {
        io: this.io,
        reason: "the only make",
        receivePackets: 30,
        receiveOverruns: 1,
        receiveQueueBytes: 2048,
        pathChanges: 3,
        drops: this.drops.get("underlay") ?? {},
      },
      workers: Array.from({ length: this.workerCount }, () => ({ alive: this.alive, receivePackets: 30 })),
      hosts: { present: this.hostRows.length, evicted: 11, eventsLost: 12 },
      learningDrops: 0,
      workerRestarts: this.workerRestarts,
    };
  }

  #state(key: string): { state: "up" | "down"; reason: string } {
    const reason = this.down.get(key);
    return reason === undefined ? { state: "up", reason: "" } : { state: "down", reason };
  }

  #quarantine(key: string): Pick<PortStatus, "quarantinedSecondsLeft" | "quarantines" | "loopEvidence"> {
    const evidence = this.loops.get(key);
    if (evidence === undefined) return { quarantinedSecondsLeft: 0, quarantines: 0, loopEvidence: null };
    return { quarantinedSecondsLeft: 12, quarantines: 2, loopEvidence: evidence };
  }

  fdb(): FdbRow[] {
    return this.rows;
  }

  hosts(): HostRow[] {
    return this.hostRows;
  }

  async addStaticFdb(entry: StaticFdbSpec): Promise<boolean> {
    const bound = this.bridges.get(entry.bridge)?.addressesMax ?? 0;
    if (this.rows.length >= bound) return false;
    this.rows.push({ ...entry, remote: null, vni: null, ageSeconds: 0, static: true });
    return true;
  }

  async delFdb(bridge: string, vlan: number, mac: string): Promise<boolean> {
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => row.bridge !== bridge || row.vlan !== vlan || row.mac !== mac);
    return this.rows.length < before;
  }

  async flushFdb(bridge: string, port: string | null): Promise<number> {
    const before = this.rows.length;
    const stays = (row: FdbRow) =>
      row.static || row.bridge !== bridge || (port !== null && row.port !== port);
    this.rows = this.rows.filter(stays);
    return before - this.rows.length;
  }

  droppedFrames(): DroppedFrame[] {
    return this.dropped;
  }

  async capture(spec: CaptureSpec): Promise<CaptureHandle | null> {
    if (this.openCaptures === this.capturesMax) return null;
    this.captures.push(spec);
    this.openCaptures++;
    return {
      read: (atMost, take) => {
        const frames = this.captured.splice(0, atMost);
        for (const frame of frames) take(frame);
        return frames.length;
      },
      lost: this.capturesLost,
      close: async () => {
        this.openCaptures--;
      },
    };
  }

  /** What was asked, the frame in hex. */
  readonly traced: unknown[] = [];

  async trace({ frame, ...question }: TraceQuestion): Promise<TraceAnswer> {
    this.traced.push({ ...question, frame: Buffer.from(frame).toString("hex") });
    checkFrame(frame);
    const row = { remote: "10.122.3.152", vni: 4101, vlan: null, bytes: frame.length, sourcePort: 50_000 };
    return {
      bridge: "br0",
      port: question.port,
      steps: [{ stage: "look up", text: "not known: to be flooded" }],
      drop: null,
      copies: [{ port: "client2", ...row, drop: null }],
      answers: [],
      mirrors: ["m0"],
      verdict: "leaves by client2 (10.122.3.152)",
    };
  }

  onEvent(listener: (event: DataplaneEvent) => void): void {
    this.#listener = listener;
  }

  /** As if the data plane had something to say. */
  emit(event: DataplaneEvent): void {
    this.#listener(event);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function keyOf({ bridge, name }: { bridge: string; name: string }): string {
  return `${bridge}/${name}`;
}

function selectedBy({ bridge, selectSrcPorts, selectDstPorts }: MirrorSpec): string[] {
  return [...selectSrcPorts, ...selectDstPorts].map((name) => keyOf({ bridge, name }));
}

function tunnelOf(port: PortSpec): string {
  return port.type === "vxlan" ? `${port.local} ${remoteText(port)} ${port.vni}` : `device ${port.name}`;
}

function add<T>(map: Map<string, T>, key: string, value: T): void {
  expectThat(!map.has(key), `${key} is there already`);
  map.set(key, value);
}

function set<T>(map: Map<string, T>, key: string, value: T): void {
  expectThat(map.has(key), `${key} is not there`);
  map.set(key, value);
}

function del<T>(map: Map<string, T>, key: string): void {
  expectThat(map.delete(key), `${key} is not there`);
}

function expectThat(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(`the change contradicts the running switch: ${otherwise}`);
}

function outputOf({ output }: MirrorSpec): string {
  if (output.type === "tap") return output.device;
  return output.type === "pcapng" ? output.path : output.remote;
}
