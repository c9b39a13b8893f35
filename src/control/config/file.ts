// A configuration file -> a Config, or a ConfigRefusal with every fault as FILE:LINE:COL: path: expected X, got Y.
import { readFileSync, statSync } from "node:fs";
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { Refusal } from "../refusal.ts";
import { type Fault, faultText, type Path } from "./fault.ts";
import { CONFIG_FILE_BYTES_MAX, FAULTS_SHOWN_MAX } from "./limits.ts";
import type { Config } from "./schema.ts";
import { validate } from "./validate.ts";

type Document = ReturnType<typeof parseDocument>;

/** Reads and checks a file. Throws a Refusal that names every fault. */
export function loadConfig(file: string): Config {
  return parseConfig(readText(file), file);
}

/** The text of a configuration file, of bounded size. Throws a Refusal. */
export function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > CONFIG_FILE_BYTES_MAX) {
      throw new Refusal(`${file}: expected at most ${CONFIG_FILE_BYTES_MAX} bytes, got ${size}`);
    }
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`${file}: cannot be read: ${(error as Error).message}`);
  }
}

/** Checks a text; `file` only names it. Throws a Refusal that names every fault. */
export function parseConfig(text: string, file: string): Config {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (document.errors.length > 0) {
    // One slip can make the parser say the same thing of every level it is in.
    const lines = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
    throw refusal([...new Set(lines)]);
  }
  const result = validate(toPlain(document, file));
  if ("config" in result) return result.config;
  const located = result.faults.map((fault) => ({ fault, offset: offsetOf(document, fault) }));
  located.sort((left, right) => left.offset - right.offset);
  throw refusal(located.map(({ fault, offset }) => `${at(offset)}: ${faultText(fault)}`));
}

function refusal(lines: readonly string[]): Refusal {
  const shown = lines.slice(0, FAULTS_SHOWN_MAX);
  if (shown.length < lines.length) shown.push(`and ${lines.length - shown.length} more`);
  return new Refusal(shown.join("\n"));
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias that is not defined, or so many that they would unfold without end.
    throw new Refusal(`${file}:1:1: ${(error as Error).message}`);
  }
}

/** Where in the text a fault is: at its value, at its key, or, for what is missing, at what should hold it. */
function offsetOf(document: Document, fault: Fault): number {
  let node = document.contents as Node | null;
  let found = start(node);
  for (const [index, segment] of fault.path.entries()) {
    const isLast = index === fault.path.length - 1;
    const step = child(document, node, segment);
    if (step === null) return isScalar(node) ? start(node) : found;
    found = isLast && !fault.atKey ? start(step.value ?? step.key) : start(step.key);
    node = step.value;
  }
  return found;
}

interface Step {
  readonly key: Node | null;
  readonly value: Node | null;
}

function child(document: Document, parent: Node | null, segment: Path[number]): Step | null {
  const node = isAlias(parent) ? (parent.resolve(document) ?? null) : parent;
  if (isSeq(node)) {
    const item = node.items[Number(segment)] as Node | undefined;
    return item === undefined ? null : { key: item, value: item };
  }
  if (!isMap(node)) return null;
  const pair = (node.items as Pair<Node, Node | null>[]).find(({ key }) => keyText(key) === String(segment));
  return pair === undefined ? null : { key: pair.key, value: pair.value };
}

function keyText(key: Node): string {
  return isScalar(key) ? String(key.value) : "";
}

function start(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
