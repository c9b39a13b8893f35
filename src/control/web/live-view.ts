// What the page is told once a second: every counter that it shows, one row a port. What does not count (types, VNIs,
// policies) is in /v1/status, which the page reads again when `revision` has moved.
import type { DropCounts, PortStatus, SwitchStatus } from "../../dataplane/spec.ts";
import { keyOf } from "../key.ts";
import type { RunningSwitch } from "../running-switch.ts";

export type LiveView = ReturnType<typeof liveView>;

/** A function that makes the view of now; each remembers what the last one was like, to know when the rest changed. */
export function liveViews(running: RunningSwitch, nowMs: () => number): () => LiveView {
  let revision = 0;
  let known = "";
  let { config } = running;
  return () => {
    const status = running.dataplane.status();
    const shape = shapeOf(status);
    if (shape !== known || config !== running.config) revision += 1;
    known = shape;
    config = running.config;
    return liveView(status, running.dataplane.alive, revision, nowMs());
  };
}

/** Everything but counters that changes without anyone's doing. */
function shapeOf({ ports, mirrors, vteps, workers, underlay }: SwitchStatus): string {
  const states = [...ports, ...mirrors].map(({ bridge, name, state, reason }) => [
    bridge,
    name,
    state,
    reason,
  ]);
  const quarantined = ports.map(({ quarantinedSecondsLeft }) => quarantinedSecondsLeft > 0);
  return JSON.stringify([states, quarantined, vteps, workers.map(({ alive }) => alive), underlay.io]);
}

function liveView(status: SwitchStatus, alive: boolean, revision: number, nowMs: number) {
  return {
    time_ms: nowMs,
    revision,
    alive,
    obstacles: obstacles(status, alive),
    underlay: {
      rx_packets: status.underlay.receivePackets,
      rx_overruns: status.underlay.receiveOverruns,
      path_changes: status.underlay.pathChanges,
      drops: counted(status.underlay.drops),
    },
    workers: status.workers.map(({ receivePackets }) => receivePackets),
    worker_restarts: status.workerRestarts,
    learning_drops: status.learningDrops,
    bridges: status.bridges.map((bridge) => ({
      bridge: bridge.name,
      fdb_entries: bridge.fdbEntries,
      fdb_moved: bridge.fdbMoved,
      fdb_evicted: bridge.fdbEvicted,
      flood_copies: bridge.floodCopies,
    })),
    ports: status.ports.map(portCounters),
    mirrors: status.mirrors.map((mirror) => ({
      bridge: mirror.bridge,
      mirror: mirror.name,
      packets: mirror.packets,
      bytes: mirror.bytes,
      drops: mirror.queueDrops + mirror.outputDrops,
    })),
  };
}

function portCounters(port: PortStatus) {
  return {
    bridge: port.bridge,
    port: port.name,
    rx_packets: port.rxPackets,
    rx_bytes: port.rxBytes,
    tx_packets: port.txPackets,
    tx_bytes: port.txBytes,
    drops: counted(port.drops),
  };
}

/** Only what has happened: there are many reasons, and most of them never come up. */
function counted(drops: DropCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0)) as Record<string, number>;
}

/** Why the switch is not ready, a sentence each. */
export function obstacles(status: SwitchStatus, alive: boolean): string[] {
  const down = status.ports.filter(({ state }) => state === "down");
  const stuck = alive ? [] : ["a forwarding thread does not answer"];
  return [...stuck, ...down.map((port) => `port ${keyOf(port)} is down: ${port.reason}`)];
}
