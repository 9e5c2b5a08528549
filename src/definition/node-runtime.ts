/**
 * What the engine keeps of a node once its types are gone: its schemas, its options and its body. Reading a node never
 * throws; what is wrong with it is kept in `problems` and reported by `workflow()` together with everything else.
 * Invariant: a `NodeRuntime` is frozen, and `run` calls the user's body with the user's `this`.
 */
import { checkName } from "../core/names.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { AttemptArgs } from "./attempt.ts";
import type { Context, Fields } from "./context/field.ts";
import { type ContextShape, shapeOf } from "./context/shape.ts";
import { NODE_OPTIONS, type NodeOptions, type NodeSettings, readNodeOptions } from "./node-options.ts";
import { noteUnknownOptions, readOr } from "./problems.ts";
import { isStandardSchema, type StandardSchema, unchecked } from "./schema.ts";
import type { WaitRuntime } from "./waits/wait-runtime.ts";

interface RuntimeOfAny {
  readonly settings: NodeSettings;
  readonly retry?: RetryPolicy | false;
  /** Tries again inside one attempt, before the attempt counts as failed. */
  readonly inProcess?: RetryPolicy;
  /** Parses what the node emits: every value of `next` and `nextAll`. */
  readonly output?: StandardSchema;
  /** The context fields that the node declared; it sees only these. */
  readonly context: ContextShape["fields"];
  /** What is wrong with how the node was written, one sentence each. */
  readonly problems: readonly string[];
  /** Calls the user's body. What it returns is not checked here; see `isTransition`. */
  run(args: AttemptArgs): unknown;
}

/** A node that takes one input. */
export interface PlainNodeRuntime extends RuntimeOfAny {
  readonly kind: "node";
  readonly input: StandardSchema;
  /** What its items wait for before the body is called; absent where they do not. */
  readonly wait?: WaitRuntime;
}

/** A join whose arrivals all fit one schema. */
export interface JoinRuntime extends RuntimeOfAny {
  readonly kind: "join";
  /** The node whose branch groups it joins. */
  readonly of: string;
  /** The schema of each arrival. */
  readonly input: StandardSchema;
}

/** A join with a schema for each predecessor. */
export interface JoinByNameRuntime extends RuntimeOfAny {
  readonly kind: "joinByName";
  readonly of: string;
  /** By the predecessor's node name. */
  readonly inputs: ReadonlyMap<string, StandardSchema>;
}

/** A node as the engine sees it. */
export type NodeRuntime = PlainNodeRuntime | JoinRuntime | JoinByNameRuntime;

/** What all descriptions of nodes have in common. */
export interface Described extends NodeOptions {
  readonly serializable?: boolean | undefined;
  readonly output?: StandardSchema | undefined;
  readonly context?: Context<Fields> | undefined;
  run(args: AttemptArgs): unknown;
}

/** Reads a node that takes one input. `own`: the names of the options that its kind has beside those of all nodes. */
export function readNode(
  described: Described & { readonly input: StandardSchema },
  own: readonly string[] = [],
): PlainNodeRuntime {
  const problems: string[] = [];
  const common = readCommon(described, ["input", ...own], problems);
  return Object.freeze({ kind: "node", ...common, input: readSchema(described?.input, "input", problems) });
}

/** Reads a join whose arrivals all fit one schema. */
export function readJoin(described: Described & { readonly of: string; readonly input: StandardSchema }): JoinRuntime {
  const problems: string[] = [];
  const common = readCommon(described, ["of", "input"], problems);
  const of = readFanOut(described, problems);
  return Object.freeze({ kind: "join", ...common, of, input: readSchema(described?.input, "input", problems) });
}

/** Reads a join with a schema for each predecessor. */
export function readJoinByName(
  described: Described & { readonly of: string; readonly inputs: Readonly<Record<string, StandardSchema>> },
): JoinByNameRuntime {
  const problems: string[] = [];
  const common = readCommon(described, ["of", "inputs"], problems);
  const given: unknown = described?.inputs;
  const inputs = new Map<string, StandardSchema>();
  if (typeof given !== "object" || given === null) problems.push("inputs must be an object of schemas");
  else {
    for (const [slot, schema] of Object.entries(given)) {
      inputs.set(slot, readSchema(schema, `inputs.${slot}`, problems));
    }
    if (inputs.size === 0) problems.push("inputs must name at least one predecessor");
  }
  return Object.freeze({ kind: "joinByName", ...common, of: readFanOut(described, problems), inputs });
}

/** The shape of a declared context; that of none where it is wrong. */
export function readShape(context: Context<Fields> | undefined, problems: string[]): ContextShape {
  const given: unknown = context;
  if (given === undefined || (typeof given === "object" && given !== null && "fields" in given)) {
    return readOr(problems, () => shapeOf(context), shapeOf(undefined));
  }
  problems.push("context must be made by context()");
  return shapeOf(undefined);
}

function readCommon(described: Described, own: readonly string[], problems: string[]): RuntimeOfAny {
  const given: unknown = described;
  if (typeof given !== "object" || given === null) {
    problems.push("it must be described by an object");
    return { settings: readNodeOptions({}, problems), context: [], problems, run: () => undefined };
  }
  noteUnknownOptions(problems, given, [...NODE_OPTIONS, "serializable", "output", "context", "run", ...own], "a node");
  const body: unknown = described.run;
  if (typeof body !== "function") problems.push(body === undefined ? "it has no run" : "run must be a function");
  const { retry, output, context } = described;
  return {
    settings: Object.freeze(readNodeOptions(described, problems)),
    ...(retry === undefined ? {} : { retry }),
    ...(output === undefined ? {} : { output: readSchema(output, "output", problems) }),
    context: readShape(context, problems).fields,
    problems,
    run: (args) => described.run(args),
  };
}

function readFanOut(described: { readonly of: string }, problems: string[]): string {
  return readOr(problems, () => checkName(described?.of, "of (the fan-out that it joins)"), "");
}

function readSchema(schema: unknown, what: string, problems: string[]): StandardSchema {
  if (isStandardSchema(schema)) return schema;
  const missing = schema === undefined;
  problems.push(missing ? `it has no ${what}` : `${what} is no Standard Schema (zod, valibot, arktype, unchecked())`);
  return unchecked<unknown>();
}
