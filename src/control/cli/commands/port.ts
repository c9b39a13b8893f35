// `vxswitch port`: ports of the running switch. Words as in the file: type=vxlan vni=4100 remote=10.0.0.9.
import type { Command } from "commander";
import type { Outcome } from "../../running-switch.ts";
import { apiPath, clientFor, type Method } from "../client.ts";
import type { Io } from "../io.ts";
import { gatherOption, type Options } from "../options.ts";
import { expectWorking } from "../outcome.ts";

const EXAMPLES = `
Examples:
  vxswitch port add br0 client3 type=vxlan vni=4100 remote=10.0.0.9
  vxswitch port add br0 tap0 type=tap address=192.168.0.103/24,fd00::103/64 mtu=1450
  vxswitch port set br0 client3 vni=4101 local=
  vxswitch port set br0 client3 impair_in.delay=10ms impair_in.loss=1% impair_out.rate=100mbit
  vxswitch port set br0 client3 impair_in.loss= impair_out=
  vxswitch port del br0 client3

Changes last until the daemon stops; vxswitch show config prints them as a file.`;

/** Adds `port add`, `port set` and `port del` to the program. */
export function registerPort(program: Command, io: Io): void {
  const port = program.command("port").description("change the ports of the running switch");
  port.addHelpText("after", EXAMPLES);
  const send = async (command: Command, method: Method, path: string, options?: Options) =>
    expectWorking(await clientFor(command, io).ask<Outcome>(method, path, options));
  const path = (bridge: string, name: string) => apiPath`/v1/bridges/${bridge}/ports/${name}`;
  port
    .command("add")
    .description("add a port")
    .argument("<bridge>")
    .argument("<port>")
    .argument("<key=value...>", "as in the file; type=vxlan or type=tap is one of them", gatherOption)
    .action((bridge: string, name: string, options: Options, _: unknown, command: Command) =>
      send(command, "PUT", path(bridge, name), options),
    );
  port
    .command("set")
    .description("change options of a port; its counters and addresses stay")
    .argument("<bridge>")
    .argument("<port>")
    .argument("<key=value...>", "as in the file; an empty value removes the key", gatherOption)
    .action((bridge: string, name: string, options: Options, _: unknown, command: Command) =>
      send(command, "PATCH", path(bridge, name), options),
    );
  port
    .command("del")
    .description("delete a port")
    .argument("<bridge>")
    .argument("<port>")
    .action((bridge: string, name: string, _: unknown, command: Command) =>
      send(command, "DELETE", path(bridge, name)),
    );
}
