// The configuration's shape as a JSON Schema, for editors: words, and values as far as keywords can tell. It refuses nothing
// that schema.ts takes; what one part demands of another, and the finer points of a value, are for `vxswitch check`.
// scripts/schema writes it to contrib.
import * as z from "zod";
import { configSchema, OUTPUTS, output } from "./schema.ts";

type Override = NonNullable<z.core.ToJSONSchemaParams["override"]>;
type Json = z.core.JSONSchema.BaseSchema;

/** What zod does not tell by itself: it knows neither what stands behind a transform nor what goes before. */
const complete: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (zodSchema === output) jsonSchema.oneOf = Object.values(OUTPUTS).map(fragment);
  if (def.type === "default") jsonSchema.default = def.defaultValue as NonNullable<Json["default"]>;
  if (def.type === "object" && jsonSchema.required !== undefined) {
    jsonSchema.required = jsonSchema.required.filter((key) => !isSection(def.shape[key]!));
    if (jsonSchema.required.length === 0) delete jsonSchema.required;
  }
  if (isSection(zodSchema)) jsonSchema.type = ["object", "null"] as unknown as "object";
  else if (isPrepared(zodSchema)) oneOrMany(jsonSchema);
};

/** Something is made of the input before it is looked at. */
function isPrepared(schema: z.core.$ZodType): schema is z.core.$ZodTypes & z.core.$ZodPipe {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "pipe" && def.in._zod.def.type === "transform";
}

/** What may be left out, and may be there but empty (schema.ts: section, named). */
function isSection(schema: z.core.$ZodType): boolean {
  return isPrepared(schema) && schema._zod.def.out._zod.def.type !== "array";
}

/** The document for editors. */
export function jsonSchema(): Json {
  const { $schema, ...rest } = convert(configSchema);
  return { $schema: $schema!, title: "vxswitch", ...rest };
}

function fragment(schema: z.ZodType): Json {
  const { $schema, ...rest } = convert(schema);
  return rest;
}

/** Draft 7 is what editors know best. */
function convert(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, {
    target: "draft-07",
    io: "input",
    unrepresentable: "any",
    override: complete,
  });
}

/** A list may be written as the one value that it has (values.ts: oneOrMany). */
function oneOrMany(schema: Json): void {
  const { type, items, maxItems } = schema;
  for (const word of ["type", "items", "maxItems"]) delete schema[word];
  schema.anyOf = [items, { type, items, maxItems }] as Json[];
}
