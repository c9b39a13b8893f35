// What may stand at the end of a command line that is being typed. Commands and options come from the program, words and
// their values from the schema, names from the running daemon; where there is nothing to say, the shell offers files.
import type { Argument, Command, Option } from "commander";
import { MIRROR_WORDS, portWords, type Word } from "../config/words.ts";
import { keyOf } from "../key.ts";
import { ETHERTYPES, FRAME_WORDS, PROTOCOLS } from "../trace/frame-words.ts";
import { PLACE_WORDS } from "../trace/place-words.ts";

/** Of the running switch, as `/v1/status` has it. */
export interface Names {
  readonly bridges: readonly { bridge: string }[];
  readonly ports: readonly { bridge: string; port: string; type: string }[];
  readonly mirrors: readonly { bridge: string; mirror: string }[];
}

/** Asks the daemon at a socket, or the usual one; answers with no names if there is none. */
export type AskNames = (socket: string | undefined) => Promise<Names>;

/** Where on the command line the word stands that is being typed. */
interface Place {
  readonly command: Command;
  readonly operands: readonly string[];
  /** The option whose value it is. */
  readonly option: Option | undefined;
  readonly socket: string | undefined;
}

/** What the last of the words can become, without the program's name in front of them. */
export async function complete(program: Command, words: readonly string[], ask: AskNames): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const place = placeOf(program, words.slice(0, -1));
  return (await candidates(place, typed, ask)).filter((candidate) => candidate.startsWith(typed));
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command = program;
  let option: Option | undefined;
  let socket: string | undefined;
  const operands: string[] = [];
  for (const word of words) {
    if (option !== undefined) {
      if (option.attributeName() === "socket") socket = word;
      option = undefined;
    } else if (word.startsWith("-")) {
      option = optionsOf(command).find((known) => known.required && known.long === word);
    } else {
      const inner = command.commands.find((known) => operands.length === 0 && known.name() === word);
      if (inner === undefined) operands.push(word);
      command = inner ?? command;
    }
  }
  return { command, operands, option, socket };
}

async function candidates(place: Place, typed: string, ask: AskNames): Promise<readonly string[]> {
  const { command, operands, option, socket } = place;
  if (option?.attributeName() === "mirror") return anywhere((await ask(socket)).mirrors, "mirror", typed);
  if (option !== undefined) return option.argChoices ?? [];
  if (typed.startsWith("-")) return optionsOf(command).flatMap(({ long }) => long ?? []);
  if (command.commands.length > 0) return operands.length === 0 ? commandNames(command) : [];
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[operands.length] ?? (last?.variadic ? last : undefined);
  return argument === undefined ? [] : argumentValues(place, argument, typed, ask);
}

/** Its own and those of the commands that it is one of. */
function optionsOf(command: Command): readonly Option[] {
  const outer = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.createHelp().visibleOptions(command), ...outer.filter(({ long }) => long !== "--help")];
}

function commandNames(command: Command): string[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((inner) => inner.name());
}

async function argumentValues(
  { command, operands, socket }: Place,
  argument: Argument,
  typed: string,
  ask: AskNames,
): Promise<readonly string[]> {
  if (argument.argChoices !== undefined) return argument.argChoices;
  const kind = command.parent?.name() ?? "";
  const [bridge] = operands;
  switch (argument.name()) {
    case "word":
      return traceWords(operands, async () => anywhere((await ask(socket)).ports, "port", typed));
    case "bridge":
      return (await ask(socket)).bridges.map((row) => row.bridge);
    case "port":
    case "mirror":
      if (argument.variadic) return anywhere((await ask(socket)).ports, "port", typed);
      // What is being added has no name yet.
      if (command.name() === "add" && argument.name() === kind) return [];
      return namesIn(await ask(socket), argument.name() as "port" | "mirror", bridge);
    case "vlan=N":
      return ["vlan="];
    case "key=value":
      return optionWords(kind, operands, typed, await ask(socket));
    default:
      return [];
  }
}

function namesIn(names: Names, kind: "port" | "mirror", bridge: string | undefined): string[] {
  if (kind === "port") return names.ports.filter((row) => row.bridge === bridge).map((row) => row.port);
  return names.mirrors.filter((row) => row.bridge === bridge).map((row) => row.mirror);
}

/** Of all bridges: by the name alone where it is the only one, else, or once a bridge is begun with, as BRIDGE/NAME. */
function anywhere<K extends "port" | "mirror">(
  rows: readonly ({ readonly bridge: string } & Readonly<Record<K, string>>)[],
  kind: K,
  typed: string,
): string[] {
  return rows.map((row) => {
    const isOnly = rows.filter((other) => other[kind] === row[kind]).length === 1;
    return isOnly && !typed.includes("/") ? row[kind] : keyOf({ bridge: row.bridge, name: row[kind] });
  });
}

/** Words and values by turns. */
async function traceWords(
  operands: readonly string[],
  portNames: () => Promise<string[]>,
): Promise<readonly string[]> {
  const isWord = operands.length % 2 === 0;
  if (isWord) {
    const given = operands.filter((_, index) => index % 2 === 0);
    return [...Object.keys(PLACE_WORDS), ...Object.keys(FRAME_WORDS)].filter((word) => !given.includes(word));
  }
  switch (operands.at(-1)) {
    case "in":
      return portNames();
    case "type":
      return Object.keys(ETHERTYPES);
    case "proto":
      return Object.keys(PROTOCOLS);
    default:
      return [];
  }
}

/** `isolated=` while its name is being typed, then `isolated=true`. */
function optionWords(kind: string, operands: readonly string[], typed: string, names: Names): string[] {
  const [bridge, name, ...given] = operands;
  const words = kind === "mirror" ? MIRROR_WORDS : portWords(typeOfPort(names, bridge, name, given));
  const equals = typed.indexOf("=");
  if (equals < 0) {
    const isGiven = ({ path }: Word) => given.some((word) => word.startsWith(`${path}=`));
    return words.filter((word) => !isGiven(word)).map(({ path }) => `${path}=`);
  }
  const word = words.find(({ path }) => path === typed.slice(0, equals));
  if (word?.namesPorts) {
    // One more of a list.
    const before = typed.slice(0, Math.max(equals, typed.lastIndexOf(",")) + 1);
    return namesIn(names, "port", bridge).map((port) => before + port);
  }
  return (word?.values ?? []).map((value) => `${typed.slice(0, equals + 1)}${value}`);
}

function typeOfPort(names: Names, bridge?: string, name?: string, given: readonly string[] = []) {
  const said = given.find((word) => word.startsWith("type="))?.slice("type=".length);
  return said ?? names.ports.find((row) => row.bridge === bridge && row.port === name)?.type;
}
