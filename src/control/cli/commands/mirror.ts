// `vxswitch mirror`: mirrors of the running switch. Words as in the file: select_all=true output.tap=mirror0.
import type { Command } from "commander";
import type { Outcome } from "../../running-switch.ts";
import { apiPath, clientFor } from "../client.ts";
import type { Io } from "../io.ts";
import { gatherOption, type Options } from "../options.ts";
import { expectWorking } from "../outcome.ts";

const EXAMPLES = `
Examples:
  vxswitch mirror add br0 m0 select_all=true output.tap=mirror0
  vxswitch mirror add br0 m1 select_src_port=client1,client2 snaplen=128 output.pcapng=/tmp/m1.pcapng
  vxswitch mirror add br0 m2 select_all=true filter="tcp port 80 and host 192.168.0.1" output.tap=mirror2
  vxswitch mirror add br0 m3 select_all=true sample=100 output.tap=mirror3
  vxswitch mirror add br0 m4 select_all=true output.erspan=10.122.0.9 output.session=7
  vxswitch mirror add br0 m5 select_all=true snaplen=1400 output.vxlan=10.122.0.9 output.vni=99
  vxswitch mirror set br0 m2 filter= sample=10
  vxswitch mirror del br0 m0

Changes last until the daemon stops; vxswitch show config prints them as a file.`;

/** Adds `mirror add`, `mirror set` and `mirror del` to the program. */
export function registerMirror(program: Command, io: Io): void {
  const mirror = program.command("mirror").description("change the mirrors of the running switch");
  mirror.addHelpText("after", EXAMPLES);
  const path = (bridge: string, name: string) => apiPath`/v1/bridges/${bridge}/mirrors/${name}`;
  mirror
    .command("add")
    .description("add a mirror")
    .argument("<bridge>")
    .argument("<mirror>")
    .argument("<key=value...>", "as in the file", gatherOption)
    .action(async (bridge: string, name: string, options: Options, _: unknown, command: Command) =>
      expectWorking(await clientFor(command, io).ask<Outcome>("PUT", path(bridge, name), options)),
    );
  mirror
    .command("set")
    .description(
      "change options of a mirror; its counters stay, and its output too unless that is one of them",
    )
    .argument("<bridge>")
    .argument("<mirror>")
    .argument("<key=value...>", "as in the file; an empty value removes the key", gatherOption)
    .action(async (bridge: string, name: string, options: Options, _: unknown, command: Command) =>
      expectWorking(await clientFor(command, io).ask<Outcome>("PATCH", path(bridge, name), options)),
    );
  mirror
    .command("del")
    .description("delete a mirror")
    .argument("<bridge>")
    .argument("<mirror>")
    .action(async (bridge: string, name: string, _: unknown, command: Command) =>
      expectWorking(await clientFor(command, io).ask<Outcome>("DELETE", path(bridge, name))),
    );
}
