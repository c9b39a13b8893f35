// Completion: what the program offers, and what real shells make of it.
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { COMPLETION_SCRIPTS } from "../../src/control/cli/completion-scripts.ts";
import { impairmentKeys } from "../../src/control/config/impairment.ts";
import { Harness } from "./harness.ts";

const PEER = fileURLToPath(new URL("peers/vxswitch-of-test.mjs", import.meta.url));
const run = promisify(execFile);

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

/** What is offered for the last word of a line, as if Tab were pressed at its end. */
async function offered(line: string): Promise<string[]> {
  const { code, out, err } = await harness.run("complete", "--", ...line.split(" "));
  expect([code, err]).toEqual([0, ""]);
  return out.split("\n").slice(0, -1);
}

describe("without a daemon", () => {
  test("commands are offered, and those of a command", async () => {
    expect(await offered("")).toEqual(expect.arrayContaining(["run", "show", "port", "completion", "help"]));
    expect(await offered("")).not.toContain("complete");
    expect(await offered("sh")).toEqual(["show"]);
    expect(await offered("port ")).toEqual(expect.arrayContaining(["add", "set", "del"]));
    expect(await offered("lab d")).toEqual(["down", "demo"]);
  });

  test("options are offered, the program's own everywhere, and what they may be", async () => {
    expect(await offered("apply --")).toEqual(["--dry-run", "--help", "--version", "--socket"]);
    expect(await offered("run --log-level ")).toEqual(["debug", "info", "warn", "error", "silent"]);
    expect(await offered("--socket /run/x show f")).toEqual(["fdb"]);
  });

  test("subjects and shells are offered where one is asked for", async () => {
    expect(await offered("show --json ")).toEqual(expect.arrayContaining(["ports", "fdb", "config"]));
    expect(await offered("completion ")).toEqual(["bash", "zsh", "fish"]);
    expect(await offered("fdb add br0 02:00:00:00:00:01 client1 ")).toEqual(["vlan="]);
  });

  test("the words of a type are offered, of none those of all types", async () => {
    expect(await offered("port add br0 p ty")).toEqual(["type="]);
    expect(await offered("port add br0 p type=")).toEqual(["type=vxlan", "type=tap"]);
    expect(await offered("port add br0 p type=tap v")).toEqual(["vlan_mode="]);
    expect(await offered("port add br0 p v")).toEqual(["vni=", "vlan_mode="]);
    const impairment = Object.keys(impairmentKeys).map((key) => `impair_in.${key}=`);
    expect(await offered("port set br0 p impair_in")).toEqual(["impair_in=", ...impairment]);
    expect(await offered("mirror add br0 m output.")).toEqual([
      "output.tap=",
      "output.pcapng=",
      "output.rotate_bytes=",
      "output.files=",
      "output.vxlan=",
      "output.vni=",
      "output.dstport=",
      "output.local=",
      "output.erspan=",
      "output.session=",
      "output.index=",
    ]);
  });

  test("values are offered where there are but a few, and no word twice", async () => {
    expect(await offered("port set br0 p df=")).toEqual(["df=set", "df=unset", "df=inherit"]);
    expect(await offered("port set br0 p locked=t")).toEqual(["locked=true"]);
    expect(await offered("port set br0 p vni=")).toEqual([]);
    expect(await offered("port set br0 p locked=true locked")).toEqual([]);
  });

  test("there are no names, nor a word about it", async () => {
    expect(await offered("port set ")).toEqual([]);
    expect(await offered("mirror del br0 ")).toEqual([]);
  });

  test("where a file is asked for, or nothing more, nothing is offered", async () => {
    for (const line of ["check ", "apply a.yaml ", "run --config ", "nonsense ", "port set br0 p nonsense="])
      expect(await offered(line), line).toEqual([]);
  });
});

describe("with a daemon", () => {
  beforeEach(() => harness.start());

  test("bridges, ports and mirrors are offered by name", async () => {
    expect(await offered("port set ")).toEqual(["br0"]);
    expect(await offered("port set br0 c")).toEqual(["client1", "client2"]);
    expect(await offered("port add br0 ")).toEqual([]);
    expect(await offered("port set br1 ")).toEqual([]);
    expect(await offered("mirror set br0 ")).toEqual(["m0"]);
    expect(await offered("fdb add br0 02:00:00:00:00:01 ")).toEqual(["client1", "client2", "br0"]);
    expect(await offered(`--socket ${harness.directory}/none.sock port set `)).toEqual([]);
  });

  test("what a capture is of is offered by name, with its bridge once that is begun", async () => {
    expect(await offered("capture ")).toEqual(["client1", "client2", "br0"]);
    expect(await offered("capture client1 c")).toEqual(["client1", "client2"]);
    expect(await offered("capture br0/c")).toEqual(["br0/client1", "br0/client2"]);
    expect(await offered("capture --mirror ")).toEqual(["m0"]);
    expect(await offered("capture --mirror br0/")).toEqual(["br0/m0"]);
  });

  test("the words of a trace are offered, once each, and their values where they are known", async () => {
    expect(await offered("trace s")).toEqual(["src", "sip", "sport"]);
    expect(await offered("trace in ")).toEqual(["client1", "client2", "br0"]);
    expect(await offered("trace in client1 src 02:00:00:00:00:01 s")).toEqual(["sip", "sport"]);
    expect(await offered("trace type ")).toEqual(["ipv4", "arp", "ipv6"]);
    expect(await offered("trace proto ")).toEqual(["icmp", "tcp", "udp", "icmp6"]);
    expect(await offered("trace vlan ")).toEqual([]);
  });

  test("words are those of the port's type", async () => {
    expect(await offered("port set br0 client1 is")).toEqual(["isolated="]);
    expect(await offered("port set br0 client1 v")).toEqual(["vni=", "vlan_mode="]);
    expect(await offered("port set br0 br0 v")).toEqual(["vlan_mode="]);
  });

  test("a mirror's ports are offered, one more of a list as well", async () => {
    expect(await offered("mirror add br0 m1 select_src_port=b")).toEqual(["select_src_port=br0"]);
    expect(await offered("mirror add br0 m1 select_dst_port=br0,client")).toEqual([
      "select_dst_port=br0,client1",
      "select_dst_port=br0,client2",
    ]);
  });
});

test("a name that two bridges have is offered with its bridge", async () => {
  await harness.start(`bridges:
  br0: { ports: { a: { type: tap }, b: { type: tap } } }
  br1: { ports: { p: { type: vxlan, vni: 1, remote: 10.0.0.1 } } }
`);
  await harness.run("port", "add", "br1", "b", "type=vxlan", "vni=2", "remote=10.0.0.1");
  expect(await offered("capture ")).toEqual(["a", "br0/b", "p", "br1/b"]);
});

/** Print what a shell offers for the word at the end of the line that they are given; the script is in `script`. */
const DRIVERS: Readonly<Record<string, string>> = {
  // What works within a completion alone is made to tell what it was asked.
  bash: `compopt() { echo "$2"; }
source script
complete -p vxswitch >/dev/null || exit 1
COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_vxswitch vxswitch
((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"
`,
  zsh: `compdef() { : }
_files() { : }
compadd() { [[ $1 == -S ]] && shift 2 && (( $# > 1 )) && echo nospace; shift; (( $# == 0 )) || print -rl -- "$@" }
source ./script
words=("\${(@s: :)1}") CURRENT=\${#words} PREFIX=$words[-1]
_vxswitch
`,
  // Its own completion of files depends on the directory, and is not ours.
  fish: `function __fish_complete_path; end
source script
complete -C $argv[1]
`,
};

describe.each(Object.keys(COMPLETION_SCRIPTS))("%s", (shell) => {
  const isInstalled = spawnSync(shell, ["--version"]).status === 0;
  if (!isInstalled) console.warn(`NOT TESTED: completion in ${shell}, which is not installed`);
  let remote: Server;
  beforeEach(async () => {
    await harness.start();
    remote = createServer(async (connection) => {
      for await (const line of createInterface({ input: connection })) {
        const { out } = await harness.run(...(JSON.parse(line) as string[]));
        connection.end(out);
      }
    });
    remote.listen(join(harness.directory, "test.sock"));
    await once(remote, "listening");
    copyFileSync(PEER, join(harness.directory, "vxswitch"));
    writeFileSync(join(harness.directory, "driver"), DRIVERS[shell]!);
    writeFileSync(join(harness.directory, "script"), (await harness.run("completion", shell)).out);
  });
  afterEach(() => void remote.close());

  async function replies(line: string): Promise<string[]> {
    const env = {
      HOME: harness.directory,
      PATH: `${harness.directory}:${process.env.PATH}`,
      VXSWITCH_TEST: join(harness.directory, "test.sock"),
    };
    const { stdout } = await run(shell, ["driver", line], { cwd: harness.directory, env });
    return stdout.split("\n").slice(0, -1);
  }

  test("has a script that asks the program", async () => {
    const { code, out } = await harness.run("completion", shell);
    expect([code, out]).toEqual([0, COMPLETION_SCRIPTS[shell]]);
    expect(out).toMatch(/ complete -- /);
  });

  test.skipIf(!isInstalled)("finds no fault with the syntax of its script", async () => {
    expect(await run(shell, ["-n", "script"], { cwd: harness.directory })).toEqual({
      stdout: "",
      stderr: "",
    });
  });

  test.skipIf(!isInstalled)("offers what the program does, and files where that offers nothing", async () => {
    // In fish a word that ends in an equals sign has no space by itself.
    const nospace = shell === "fish" ? [] : ["nospace"];
    expect(await replies("vxswitch sh")).toEqual(["show"]);
    expect(await replies("vxswitch port set br0 client1 is")).toEqual([...nospace, "isolated="]);
    expect(await replies("vxswitch mirror del br0 ")).toEqual(["m0"]);
    expect(await replies("vxswitch check lab")).toEqual([]);
  });

  test.skipIf(!isInstalled)("goes on behind an equals sign", async () => {
    // The word of bash begins there.
    const [flag, ports] = shell === "bash" ? ["", ""] : ["isolated=", "select_src_port="];
    const values = [`${flag}true`, `${flag}false`];
    expect((await replies("vxswitch port set br0 client1 isolated=")).sort()).toEqual(values.sort());
    expect(await replies("vxswitch mirror add br0 m1 select_src_port=br0,cl")).toEqual([
      `${ports}br0,client1`,
      `${ports}br0,client2`,
    ]);
  });
});

test("a shell that it does not know is wrong usage", async () => {
  expect((await harness.run("completion", "tcsh")).code).toBe(2);
});
