// The bridges as the control thread knows them: their options, and an FDB for each worker.
import { formatAddress } from "../address.ts";
import { BRIDGE_COUNTERS, bridgeCounter } from "../counters.ts";
import { allocateFdb, Fdb, type FdbMemory } from "../fdb/fdb.ts";
import { BRIDGES_MAX } from "../limits.ts";
import type { Listeners } from "../listeners.ts";
import type { BridgeSpec, FdbRow } from "../spec.ts";
import { everyWorker, type ForwardingCommand, type PerWorker } from "../threads/workers.ts";
import { formatMac } from "../wire/mac.ts";
import type { AllCounters } from "./all-counters.ts";
import type { Ends } from "./ends.ts";
import { IndexPool } from "./index-pool.ts";

export interface BridgeRecord {
  readonly index: number;
  spec: BridgeSpec;
  memory: PerWorker<FdbMemory>;
  /** The first worker's: they all come to hold the same. */
  fdb: Fdb;
}

export interface BridgesOptions {
  readonly workers: number;
  readonly counters: AllCounters;
  readonly destinations: Int32Array;
  readonly listeners: Listeners;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
}

export class Bridges {
  private readonly records = new Map<string, BridgeRecord>();
  private readonly indices = new IndexPool("bridges", 0, BRIDGES_MAX);
  private readonly options: BridgesOptions;

  constructor(options: BridgesOptions) {
    this.options = options;
  }

  get byName(): ReadonlyMap<string, BridgeRecord> {
    return this.records;
  }

  all(): Iterable<BridgeRecord> {
    return this.records.values();
  }

  /** Throws if there is none of this name. */
  get(name: string): BridgeRecord {
    const bridge = this.records.get(name);
    if (!bridge) throw new Error(`no bridge ${name}`);
    return bridge;
  }

  async add(spec: BridgeSpec): Promise<void> {
    const index = this.indices.take();
    this.options.counters.clear(bridgeCounter(index), BRIDGE_COUNTERS);
    const memory = this.allocateFdbs(index, spec.addressesMax);
    const bridge = { index, spec, memory, fdb: this.readFdb(memory) };
    this.options.listeners.forget(index);
    this.records.set(spec.name, bridge);
    await this.options.send([commandOf(bridge)]);
  }

  async set(spec: BridgeSpec): Promise<void> {
    const bridge = this.get(spec.name);
    if (spec.addressesMax !== bridge.spec.addressesMax)
      bridge.memory = this.allocateFdbs(bridge.index, spec.addressesMax);
    // Nobody has listened until now: what is known may be true no longer.
    if (!bridge.spec.snoopsMulticast) this.options.listeners.forget(bridge.index);
    bridge.spec = spec;
    await this.options.send([commandOf(bridge)]);
    bridge.fdb = this.readFdb(bridge.memory);
  }

  async del(name: string): Promise<void> {
    const { index } = this.get(name);
    this.records.delete(name);
    await this.options.send([{ op: "del-bridge", bridge: index }]);
    this.indices.give(index);
  }

  /** What a new forwarding thread must be told of them. */
  commands(): ForwardingCommand[] {
    return Array.from(this.all(), commandOf);
  }

  /** Destinations at which a bridge has learnt addresses. */
  learntAt(index: number): Set<number> {
    const bridge = Array.from(this.all()).find((record) => record.index === index);
    return new Set(bridge?.fdb.entries().map(({ destination }) => destination));
  }

  /** All entries of all FDBs, but those at ports that have just gone. */
  fdbRows(ends: Ends, nowSeconds: number): FdbRow[] {
    const rows: FdbRow[] = [];
    for (const { spec, fdb } of this.all()) {
      for (const entry of fdb.entries()) {
        const port = ends.portOf(entry.destination)?.spec;
        if (!port) continue;
        const remote = ends.remoteOf(entry.destination);
        rows.push({
          bridge: spec.name,
          vlan: entry.vlan,
          mac: formatMac(entry.macHigh, entry.macLow),
          port: port.name,
          remote: remote && formatAddress(remote.words),
          vni: port.type === "vxlan" ? port.vni : null,
          ageSeconds: entry.static ? 0 : Math.max(0, nowSeconds - entry.lastSeenSeconds),
          static: entry.static,
        });
      }
    }
    return rows;
  }

  private allocateFdbs(bridge: number, addressesMax: number): PerWorker<FdbMemory> {
    return everyWorker(this.options.workers, () => allocateFdb(bridge, addressesMax));
  }

  /** Only read: nothing is counted. */
  private readFdb(memory: PerWorker<FdbMemory>): Fdb {
    return new Fdb(memory[0]!, this.options.destinations, new Float64Array(0));
  }
}

function commandOf({ memory, spec }: BridgeRecord): ForwardingCommand {
  const { ageingSeconds, forwardsBpdu, loopGuardSeconds, snoopsMulticast } = spec;
  const options = { ageingSeconds, forwardsBpdu, guardsLoops: loopGuardSeconds > 0, snoopsMulticast };
  return { op: "set-bridge", memory, options };
}
