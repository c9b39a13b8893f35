// `vxswitch extcap`: the switch as an interface of Wireshark's (its "extcap" protocol: doc/extcap.adoc there). Wireshark
// starts a script in its folder with these options; `--install` writes that script.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Refusal } from "../../refusal.ts";
import type { PortView } from "../../server/views.ts";
import { VERSION } from "../../version.ts";
import { createClient, socketPath } from "../client.ts";
import type { Io } from "../io.ts";

const EXAMPLES = `
Examples:
  vxswitch extcap --install
  vxswitch extcap --install /usr/lib/x86_64-linux-gnu/wireshark/extcap

Wireshark then lists vxswitch and vxswitch-drops among its interfaces.`;

const PERSONAL_FOLDER = ".local/lib/wireshark/extcap";
/** Wireshark does not show its window before it has asked. */
const ANSWER_MS_MAX = 1000;
const INTERFACES = {
  vxswitch: "vxswitch: frames and what becomes of them",
  "vxswitch-drops": "vxswitch: frames that are dropped",
} as const;

interface ExtcapOptions {
  readonly install?: string | true;
  readonly extcapInterfaces?: true;
  readonly extcapDlts?: true;
  readonly extcapConfig?: true;
  readonly extcapInterface?: string;
  readonly extcapCaptureFilter?: string;
  readonly capture?: true;
  readonly fifo?: string;
  readonly port?: string;
  readonly direction?: string;
}

/** Adds `extcap` to the program. */
export function registerExtcap(program: Command, io: Io): void {
  program
    .command("extcap")
    .description("capture from within Wireshark: what it asks, and the installation in it")
    .option("--install [folder]", `write the script that Wireshark starts (default: ~/${PERSONAL_FOLDER})`)
    .option("--extcap-interfaces", "print the interfaces")
    .option("--extcap-version [version]", "of the Wireshark that asks")
    .option("--extcap-dlts", "print the link types of an interface")
    .option("--extcap-config", "print the options of an interface")
    .option("--extcap-interface <interface>", "which one is meant")
    .option("--extcap-capture-filter <expression>", "frames alone that pass, as tcpdump has it")
    .option("--capture", "capture from the interface")
    .option("--fifo <file>", "the pipe that Wireshark reads")
    .option("--port <port>", "of this port alone")
    .option("--direction <direction>", "what the port receives (in), transmits (out), or both")
    .addHelpText("after", EXAMPLES)
    .action(async (options: ExtcapOptions, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket?: string }>();
      if (options.install !== undefined) return install(options.install, socket, io);
      const path = socketPath(socket, io);
      if (options.capture) return capture(path, options, io);
      if (options.extcapInterfaces) io.out(interfacesText());
      else if (options.extcapDlts) io.out("dlt {number=1}{name=EN10MB}{display=Ethernet}\n");
      else if (options.extcapConfig) io.out(await configText(path));
      // Asked about a filter alone, silence says that it may be right: the daemon compiles it.
      else if (options.extcapCaptureFilter === undefined)
        throw new Refusal("extcap: expected --install, or the options with which Wireshark asks");
    });
}

function interfacesText(): string {
  const lines = Object.entries(INTERFACES).map(
    ([name, text]) => `interface {value=${name}}{display=${text}}\n`,
  );
  return `extcap {version=${VERSION}}{display=vxswitch}\n${lines.join("")}`;
}

/** The ports of the running switch, if it answers. */
async function configText(path: string): Promise<string> {
  const asked = createClient(path, ANSWER_MS_MAX).ask<PortView[]>("GET", "/v1/ports");
  const ports = await asked.catch((): PortView[] => []);
  const names = ports.map(({ bridge, port }) => `${bridge}/${port}`);
  return [
    "arg {number=0}{call=--port}{display=Port}{type=selector}{tooltip=Frames of one port, or of all}",
    "value {arg=0}{value=}{display=all}{default=true}",
    ...names.map((name) => `value {arg=0}{value=${name}}{display=${name}}{default=false}`),
    "arg {number=1}{call=--direction}{display=Direction}{type=selector}{tooltip=As the port sees it}",
    "value {arg=1}{value=both}{display=both}{default=true}",
    "value {arg=1}{value=in}{display=received}{default=false}",
    "value {arg=1}{value=out}{display=transmitted}{default=false}",
    "",
  ].join("\n");
}

async function capture(path: string, options: ExtcapOptions, io: Io): Promise<void> {
  const { fifo, port = "", direction = "both", extcapCaptureFilter: filter = "", extcapInterface } = options;
  if (fifo === undefined) throw new Refusal("--capture: expected --fifo FILE, where Wireshark reads");
  const words = new URLSearchParams({ direction });
  if (port !== "") words.set("port", port);
  if (filter !== "") words.set("filter", filter);
  if (extcapInterface === "vxswitch-drops") words.set("drops", "1");
  const { PipeSink } = await import("../../capture/pipe-sink.ts");
  const { runCapture } = await import("../../capture/session.ts");
  await runCapture(path, `/v1/capture?${words}`, new PipeSink(fifo), { io, isLive: true });
}

function install(folder: string | true, socket: string | undefined, io: Io): void {
  if (folder === true && io.env.HOME === undefined)
    throw new Refusal("$HOME is not set; name Wireshark's folder: --install FOLDER");
  const where = folder === true ? join(io.env.HOME!, PERSONAL_FOLDER) : folder;
  const script = join(where, "vxswitch");
  const program = fileURLToPath(new URL("../main.js", import.meta.url));
  const words = [process.execPath, program, ...(socket === undefined ? [] : ["--socket", socket]), "extcap"];
  try {
    mkdirSync(where, { recursive: true });
    writeFileSync(
      script,
      `#!/bin/sh\n# Starts vxswitch for Wireshark.\nexec ${words.map(quoted).join(" ")} "$@"\n`,
    );
    chmodSync(script, 0o755);
  } catch (error) {
    throw new Refusal(`${script} cannot be written: ${(error as Error).message}`);
  }
  io.out(`${script}\n`);
}

/** For a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
