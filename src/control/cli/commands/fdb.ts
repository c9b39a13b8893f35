// `vxswitch fdb`: addresses of the running switch, after `bridge fdb`.
import { type Command, InvalidArgumentError } from "commander";
import { apiPath, clientFor } from "../client.ts";
import type { Io } from "../io.ts";

const EXAMPLES = `
Examples:
  vxswitch fdb add br0 02:00:00:00:00:01 client1 vlan=10
  vxswitch fdb del br0 02:00:00:00:00:01 vlan=10
  vxswitch fdb flush br0 client1`;

/** Adds `fdb add`, `fdb del` and `fdb flush` to the program. */
export function registerFdb(program: Command, io: Io): void {
  const fdb = program.command("fdb").description("change the addresses that the running switch knows");
  fdb.addHelpText("after", EXAMPLES);
  const path = (bridge: string, mac: string) => apiPath`/v1/bridges/${bridge}/fdb/${mac}`;
  fdb
    .command("add")
    .description("bind an address to a port; it does not age or move")
    .argument("<bridge>")
    .argument("<mac>")
    .argument("<port>")
    .argument("[vlan=N]", "0 = untagged", readVlan, 0)
    .action(async (bridge: string, mac: string, port: string, vlan: number, _: unknown, command: Command) => {
      await clientFor(command, io).ask("PUT", path(bridge, mac), { port, vlan });
    });
  fdb
    .command("del")
    .description("forget an address, learnt or static")
    .argument("<bridge>")
    .argument("<mac>")
    .argument("[vlan=N]", "0 = untagged", readVlan, 0)
    .action(async (bridge: string, mac: string, vlan: number, _: unknown, command: Command) => {
      await clientFor(command, io).ask("DELETE", `${path(bridge, mac)}?vlan=${vlan}`);
    });
  fdb
    .command("flush")
    .description("forget the learnt addresses of a bridge, or of one of its ports")
    .argument("<bridge>")
    .argument("[port]")
    .action(async (bridge: string, port: string | undefined, _: unknown, command: Command) => {
      const client = clientFor(command, io);
      const body = { port: port ?? null };
      const answer = await client.ask<{ flushed: number }>(
        "POST",
        apiPath`/v1/bridges/${bridge}/flush`,
        body,
      );
      io.err(`${answer.flushed} forgotten\n`);
    });
}

function readVlan(text: string): number {
  const match = /^(?:vlan=)?(\d{1,4})$/.exec(text);
  if (match === null) throw new InvalidArgumentError(`expected vlan=N, got ${JSON.stringify(text)}.`);
  return Number(match[1]);
}
