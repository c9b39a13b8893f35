// Beside the other stages: frames that may say which IP address a host has (ARP, neighbour discovery, DHCP) are noted by
// inspect, which reads their types anyway, and told to the control thread once `learn` has let them pass. The others
// cost nothing here but the one look at a pair of ports that might be those of DHCP.
import type { Bridge } from "../bridge.ts";
import * as counterLayout from "../counters.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";
import { createInnerReader } from "./inner.ts";

const { HOST_NEWS_DROPS } = counterLayout;
const { DROPPED_PORT, FRAME_LENGTH, FRAME_OFFSET, FRAME_PORT, FRAME_SHIFT, FRAME_SOURCE_KEY } = layout;

/** Of one batch. */
const NOTED_MAX = 64;

export interface SightStage {
  /** The frame of a row (`at` = its first word) may tell of an IP address. */
  note(at: number): void;
  /** Reads rows again that an impaired cable has held, and with them what was noted. */
  noteHeld(count: number): void;
  noted(): number;
  /** Tells of what was noted and not dropped since. */
  tell(): void;
}

export function createSight(tables: Tables, view: DataView): SightStage {
  const { frames, counters, bridges, portBridge, hostNews } = tables;
  const rows = new Int32Array(NOTED_MAX);
  const { ethernetHeader, readInner } = createInnerReader(tables, view, note);
  let noted = 0;

  function note(at: number): void {
    if (noted < NOTED_MAX) rows[noted++] = at;
    else counters[HOST_NEWS_DROPS]++;
  }

  function noteHeld(count: number): void {
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const header = ethernetHeader(frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH]);
      readInner(at, header & 0xffff, false);
    }
  }

  function tell(): void {
    for (let i = 0; i < noted; i++) {
      const at = rows[i];
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      const { index } = bridges[portBridge[port]] as Bridge;
      const vlan = (frames[at + FRAME_SOURCE_KEY] >>> 16) & 0xfff;
      hostNews.tellFrame(index, vlan, view, frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH]);
    }
    noted = 0;
  }

  return { note, noteHeld, noted: () => noted, tell };
}
