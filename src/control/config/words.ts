// The words of ports and mirrors as the command line has them (`isolated`, `impair_in.delay`, `output.tap`), read from the
// schema: so completion offers a word as soon as there is one. Of each, the values, where there are but a few.
import * as z from "zod";
import { mirror, OUTPUTS, output, port, portNames } from "./schema.ts";

export interface Word {
  readonly path: string;
  /** Every value that it can have; none if there are more than can be told. */
  readonly values: readonly string[];
  /** Its value is a port of the bridge, or several. */
  readonly namesPorts: boolean;
}

const PORT_TYPES = port.options.map(({ shape }) => shape.type.value);

export const MIRROR_WORDS: readonly Word[] = wordsOf(mirror.shape);

/** The words of a port of this type; of a type that is not known yet, those of all. */
export function portWords(type: string | undefined): readonly Word[] {
  const known = port.options.filter(({ shape }) => shape.type.value === type);
  const words = uniqueWords(known.length === 0 ? port.options : known, "");
  return words.map((word) => (word.path === "type" ? { ...word, values: PORT_TYPES } : word));
}

function wordsOf(shape: z.core.$ZodLooseShape, prefix = ""): Word[] {
  return Object.entries(shape).flatMap(([key, field]) => {
    const path = prefix + key;
    const schema = bare(field as z.ZodType);
    if (schema === output) return uniqueWords(Object.values(OUTPUTS), `${path}.`);
    const word = { path, values: valuesOf(schema), namesPorts: schema === portNames };
    return schema instanceof z.ZodObject ? [word, ...wordsOf(schema.shape, `${path}.`)] : [word];
  });
}

/** The words of mappings of which one is given. */
function uniqueWords(mappings: readonly z.ZodObject[], prefix: string): Word[] {
  const words = mappings.flatMap(({ shape }) => wordsOf(shape, prefix));
  return Array.from(new Map(words.map((word) => [word.path, word])).values());
}

function bare(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
    ? bare(schema.unwrap() as z.ZodType)
    : schema;
}

/** What a refusal says is expected, where that is a choice of words: "set or unset or inherit". */
function valuesOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodLiteral) return Array.from(schema.values, String);
  const expected = schema.safeParse(undefined).error?.issues[0]?.message ?? "";
  const values = expected.split(" or ");
  return values.length > 1 && values.every((value) => /^[\w-]+$/.test(value)) ? values : [];
}
