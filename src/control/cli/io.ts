// What a command may touch of the process: handed in, so that tests run commands without one.
import type { Abilities } from "../../dataplane/inventory/abilities.ts";
import type { OpenDataplane } from "../daemon.ts";
import type { HostFacts, HostQuestion } from "../doctor/host.ts";
import type { TerminalStreams } from "../top/terminal.ts";

export interface Io {
  /** Data. */
  out(text: string): void;
  /** Data that is no text; resolves when more can be taken. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Words. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where SIGTERM, SIGINT and SIGHUP arrive. */
  readonly signals: NodeJS.EventEmitter;
  /** The terminal, where the command has one for both input and output. */
  terminal(): TerminalStreams | null;
  /** Ends the process at once. */
  exit(code: number): void;
  readonly open: OpenDataplane;
  /** What this machine lets a switch have, found out by trying; looks at these UDP ports, and at the daemon's process. */
  abilities(ports: readonly number[], daemonPid: number | null): Promise<Abilities>;
  /** What the host says of routes, their devices and its firewall. */
  host(question: HostQuestion): Promise<HostFacts>;
}

/** Exit codes, as the manual promises them. */
export const Exit = { done: 0, failed: 1, usage: 2 } as const;
