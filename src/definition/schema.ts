/**
 * Schemas: how values that enter or leave a node are checked. Any library that speaks Standard Schema (zod, valibot,
 * arktype) will do; this file knows none of them. It refuses to interpret a schema in any other way than by its
 * `~standard.validate`. A schema has two types: what may be delivered to it (input) and what comes out (output); edges
 * deliver the input type, and every attempt parses again.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** A schema of any library that follows https://standardschema.dev, version 1. */
export type StandardSchema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** What may be given to a schema. */
export type InferInput<S extends StandardSchema> = StandardSchemaV1.InferInput<S>;

/** What a schema gives back. */
export type InferOutput<S extends StandardSchema> = StandardSchemaV1.InferOutput<S>;

/** What {@link parseWith} found: the parsed value, or what is wrong, one sentence each. */
export type Parsed<Output> =
  | { readonly ok: true; readonly value: Output }
  | { readonly ok: false; readonly issues: readonly string[] };

/** More issues than this are counted, not listed: an array of a million wrong elements must not fill a log. */
const LISTED_ISSUES = 20;

/**
 * A schema that checks nothing and believes its type argument. For values that another typed node made, and for tests;
 * what comes from outside deserves a real schema.
 */
export function unchecked<T>(): StandardSchema<T, T> {
  return { "~standard": { version: 1, vendor: "millrace", validate: (value) => ({ value: value as T }) } };
}

/**
 * Parses a value with a schema of any library. Answers at once for a synchronous schema and with a promise for an
 * asynchronous one, so that the common case costs no extra turn of the event loop. Never throws for a wrong value; what
 * a schema itself throws is passed on.
 */
export function parseWith<S extends StandardSchema>(
  schema: S,
  value: unknown,
): Parsed<InferOutput<S>> | Promise<Parsed<InferOutput<S>>> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(readResult<S>) : readResult<S>(result);
}

/** Whether a value of unknown origin follows the standard: an object or (as in arktype) a function with `~standard`. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  if (!("~standard" in value)) return false;
  const standard = value["~standard"];
  if (typeof standard !== "object" || standard === null) return false;
  return (
    "version" in standard && standard.version === 1 && "validate" in standard && typeof standard.validate === "function"
  );
}

/**
 * The JSON Schema of what may be given to a schema, for libraries that tell it (Standard JSON Schema); a value to be shown
 * and not to be relied on.
 */
export function jsonSchemaOf(schema: StandardSchema): unknown {
  const standard: object = schema["~standard"];
  const told: unknown = "jsonSchema" in standard ? standard.jsonSchema : undefined;
  if (typeof told !== "object" || told === null || !("input" in told) || typeof told.input !== "function")
    return undefined;
  try {
    const json: unknown = told.input({ target: "draft-2020-12" });
    return json;
  } catch {
    return undefined;
  }
}

function readResult<S extends StandardSchema>(result: StandardSchemaV1.Result<unknown>): Parsed<InferOutput<S>> {
  // The one place where a library's word is believed: `validate` of S gives the output of S.
  if (result.issues === undefined) return { ok: true, value: result.value as InferOutput<S> };
  const listed = result.issues.slice(0, LISTED_ISSUES).map(describeIssue);
  const rest = result.issues.length - listed.length;
  if (listed.length === 0) return { ok: false, issues: ["the schema refused the value without saying why"] };
  return { ok: false, issues: rest > 0 ? [...listed, `and ${rest} more`] : listed };
}

/** `items[2].name: must be a string`; the message alone where the value as a whole is wrong. */
function describeIssue(issue: StandardSchemaV1.Issue): string {
  let path = "";
  for (const segment of issue.path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment;
    if (typeof key === "number") path += `[${key}]`;
    else if (typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key)) path += path === "" ? key : `.${key}`;
    else path += `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  }
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
