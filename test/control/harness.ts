// The program as a test runs it: in this process, with the fake data plane, a directory of its own and signals that a
// test sends. What it prints is kept; a daemon is waited for by what it logs, never by the clock.
import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../../src/control/cli/io.ts";
import { runCli } from "../../src/control/cli/program.ts";
import type { HostFacts, HostQuestion } from "../../src/control/doctor/host.ts";
import type { Abilities } from "../../src/dataplane/inventory/abilities.ts";
import { CARD, EVERYTHING } from "./fake-abilities.ts";
import { FakeDataplane } from "./fake-dataplane.ts";

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const SCENARIO = `bridges:
  br0:
    ports:
      client1: { type: vxlan, vni: 4100, remote: 10.122.0.22 }
      client2: { type: vxlan, vni: 4101, remote: 10.122.3.152 }
      br0: { type: tap, address: 192.168.0.103/24, mtu: 1450 }
    mirrors:
      m0: { select_all: true, output: { tap: mirror0 } }
`;

export class Harness {
  readonly directory = mkdtempSync(join(tmpdir(), "vxswitch-control-"));
  readonly socket = join(this.directory, "run", "vxswitch.sock");
  readonly dataplane = new FakeDataplane();
  /** What the machine is to have, for `doctor`. */
  abilities: Abilities = EVERYTHING;
  /** UDP ports that `doctor` last asked about. */
  portsAsked: readonly number[] = [];
  /** What the host is to say, for `doctor`: routes to all by eth0, which lacks nothing, and nothing that a firewall drops. */
  host: (question: HostQuestion) => HostFacts = ({ ways }) => ({
    routes: ways.map(({ remote }) => ({ remote, device: "eth0", mtuBytes: 1500, why: "" })),
    drops: [],
    firewallWhy: "",
    devices: [CARD],
    processors: [0, 1, 2, 3],
  });
  /** More of what the program finds in its environment. */
  env: Readonly<Record<string, string | undefined>> = {};
  readonly signals = new EventEmitter();
  readonly #lines = new EventEmitter();
  #daemon: Promise<Result> | null = null;
  log = "";
  /** What commands printed that is no text. */
  bytes = Buffer.alloc(0);
  exits: number[] = [];
  /** More words of the metrics section. */
  metricsWords = "";

  /** Writes a configuration with this harness's socket and a metrics port that the kernel picks. */
  write(name: string, bridges: string): string {
    const listeners = `metrics: { listen: "127.0.0.1:0"${this.metricsWords} }\ncontrol: { socket: ${this.socket} }\n`;
    return this.writeAsIs(name, bridges + listeners);
  }

  writeAsIs(name: string, text: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, text);
    return file;
  }

  /** Runs one command to its end. */
  async run(...args: string[]): Promise<Result> {
    const printed = { out: "", err: "" };
    const print = {
      outBytes: async (bytes: Uint8Array) => {
        this.bytes = Buffer.concat([this.bytes, bytes]);
      },
      out: (text: string) => {
        printed.out += text;
      },
      err: (text: string) => {
        printed.err += text;
      },
    };
    const code = await runCli(args, this.#io(print));
    return { code, ...printed };
  }

  /** Starts `run` and resolves once it serves. */
  async start(bridges = SCENARIO): Promise<void> {
    await this.startFile(this.write("config.yaml", bridges));
  }

  /** The same, with a file as it is. */
  async startFile(file: string): Promise<void> {
    const serving = this.logged(/ serves /);
    this.#daemon = this.#runLogged("run", "--config", file);
    const ended = await Promise.race([serving.then(() => null), this.#daemon]);
    if (ended !== null) throw new Error(`the daemon ended: ${ended.err}`);
  }

  async #runLogged(...args: string[]): Promise<Result> {
    const err = (line: string) => {
      this.log += line;
      this.#lines.emit("line", line);
    };
    const code = await runCli(args, this.#io({ out: () => {}, outBytes: async () => {}, err }));
    return { code, out: "", err: this.log };
  }

  #io(print: Pick<Io, "out" | "outBytes" | "err">): Io {
    return {
      ...print,
      env: { VXSWITCH_SOCKET: this.socket, ...this.env },
      signals: this.signals,
      terminal: () => null,
      exit: (code) => void this.exits.push(code),
      open: async () => this.dataplane,
      abilities: async (ports) => {
        this.portsAsked = ports;
        return this.abilities;
      },
      host: async (question) => this.host(question),
    };
  }

  /** Resolves with the next line of the log that matches. */
  logged(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const onLine = (line: string) => {
        if (!pattern.test(line)) return;
        this.#lines.off("line", onLine);
        resolve(line);
      };
      this.#lines.on("line", onLine);
    });
  }

  /** Sends a signal and resolves with the next line of the log that matches. */
  async signal(name: string, answer: RegExp): Promise<string> {
    const answered = this.logged(answer);
    this.signals.emit(name, name);
    return answered;
  }

  get metricsUrl(): string {
    return /http:\S+/.exec(this.log)![0];
  }

  /** Stops the daemon as SIGTERM would, and resolves with its exit code. */
  async stop(): Promise<number> {
    this.signals.emit("SIGTERM", "SIGTERM");
    const { code } = (await this.#daemon)!;
    this.#daemon = null;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon !== null) await this.stop();
    rmSync(this.directory, { recursive: true });
  }
}
