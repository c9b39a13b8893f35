// A Config as the YAML that would make it again: what `show config` prints and an operator may keep as a file.
import { Document, isMap, isSeq, visit } from "yaml";
import type { Config } from "./schema.ts";

/** YAML with a port or a mirror a line, as one would write it by hand. */
export function printConfig(config: Config): string {
  const document = new Document(asWritten(config));
  const singleLines = [
    ["underlay"],
    ["metrics"],
    ["control"],
    ...Object.entries(config.bridges).flatMap(([bridge, { ports, mirrors }]) => [
      ...Object.keys(ports).map((port) => ["bridges", bridge, "ports", port]),
      ...Object.keys(mirrors).map((mirror) => ["bridges", bridge, "mirrors", mirror]),
    ]),
  ];
  for (const path of singleLines) {
    const node = document.getIn(path, true);
    if (isMap(node)) node.flow = true;
  }
  visit(document, {
    Pair(_key, { value }) {
      if (isSeq(value)) value.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** Units written out, sections with nothing in them left out. */
function asWritten(config: Config): unknown {
  const bridges = Object.entries(config.bridges).map(([name, { ageing, ports, mirrors, ...rest }]) => {
    const filled = { ...(size(ports) && { ports }), ...(size(mirrors) && { mirrors }) };
    return [name, { ageing: `${ageing}s`, ...rest, ...filled }];
  });
  return { ...config, bridges: Object.fromEntries(bridges) };
}

function size(value: object): number {
  return Object.keys(value).length;
}
