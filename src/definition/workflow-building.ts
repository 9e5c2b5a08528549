/**
 * From what a user wrote to a workflow: reads every part, runs all checks, and either gives a frozen workflow or throws
 * one `INVALID_WORKFLOW` that lists every problem found. It keeps code (bodies, schemas, guards) apart from the
 * definition, which is data. Invariant: a workflow that exists has passed all checks.
 */
import type { Duration } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { strandedBy } from "./compatibility.ts";
import type { Context, Fields } from "./context/field.ts";
import type { ContextShape } from "./context/shape.ts";
import {
  DEFINITION_FORMAT,
  type Definition,
  type DefinitionEdge,
  type DefinitionNode,
  frozen,
  hashOf,
} from "./definition.ts";
import { toDot } from "./dot.ts";
import { type Guard, type PlacedGuard, readEdge, type Slot } from "./edge-reading.ts";
import { graphProblems } from "./graph-checks.ts";
import { joinProblems } from "./join-checks.ts";
import { toMermaid } from "./mermaid.ts";
import { checkRetry, readPositive } from "./node-options.ts";
import { type NodeRuntime, readShape } from "./node-runtime.ts";
import { noteUnknownOptions, quote, readOr, suggestion } from "./problems.ts";
import type { Completion } from "./workflow-output.ts";
import type { Typed, WorkflowTypes } from "./workflow-types.ts";

/** The code of a workflow: what a definition can't hold. */
export interface WorkflowRuntime {
  readonly nodes: ReadonlyMap<string, NodeRuntime>;
  /** The guard of a node's edge: by its place among the choices of its slot, or by its name in a definition. */
  guards(node: string, slot: Slot, at: number | string): Guard | undefined;
  readonly context: ContextShape;
  /** For nodes that have no policy of their own. */
  readonly retry?: RetryPolicy | false;
}

/** A checked, immutable workflow: its definition and the code that goes with it. */
export interface Workflow<T extends WorkflowTypes = WorkflowTypes> extends Typed<T> {
  readonly name: T["name"];
  readonly version: string;
  /** The hash of the definition; runs refer to it. */
  readonly hash: string;
  /** The graph as JSON. The same whatever order the workflow was written in. */
  readonly definition: Definition;
  /** Hashes of older definitions whose runs this code takes over. */
  readonly compatible: readonly string[];
  /** The graph in the DOT language of Graphviz. Deterministic. */
  toDot(): string;
  /** The graph as a Mermaid flowchart. Deterministic. */
  toMermaid(): string;
  readonly "~runtime": WorkflowRuntime;
}

/** The options of any workflow. All may be left out. */
export interface WorkflowOptions {
  /** From start to end, everything included; none if absent. Failure code `TIMEOUT`. */
  readonly timeout?: Duration | undefined;
  /** For nodes that have no policy of their own; `false` switches retries off. */
  readonly retry?: RetryPolicy | false | undefined;
  /** Items that one run may make; 100,000 if absent. Failure code `TOO_MANY_ITEMS`. */
  readonly maxItems?: number | undefined;
  /** Older definitions, as workflows or by hash, whose runs this code takes over. */
  readonly compatible?: readonly (Workflow | string)[] | undefined;
}

/** What a workflow is built from, types erased. */
export interface WrittenWorkflow<T extends WorkflowTypes> extends WorkflowOptions {
  readonly name: T["name"];
  readonly version: string;
  readonly context?: Context<Fields> | undefined;
  readonly completion?: Completion | undefined;
  readonly nodes: object;
  readonly start: string;
  readonly edges: object;
}

/** Builds a workflow, or throws `INVALID_WORKFLOW` with all problems, also in `details.problems`. */
export function buildWorkflow<T extends WorkflowTypes>(written: WrittenWorkflow<T>): Workflow<T> {
  if (!isObject(written)) throw invalid(undefined, ["it must be described by an object"]);
  const problems: string[] = [];
  noteUnknownOptions(problems, written, WORKFLOW_OPTIONS, "a workflow");
  readOr(problems, () => checkName(written.name, "name"), "");
  readOr(problems, () => checkName(written.version, "version"), "");
  const context = readShape(written.context, problems);
  const nodes = readNodes(written.nodes, context, problems);
  const { edges, guards } = readEdges(written.edges, nodes, problems);
  const settings = readSettings(written, problems);
  if (typeof written.start !== "string") problems.push("start must be a node's name");
  const definition = frozen<Definition>({
    format: DEFINITION_FORMAT,
    name: String(written.name),
    version: String(written.version),
    start: String(written.start),
    ...settings,
    context: { fields: context.fields.map(({ name, kind }) => ({ name, kind })), hash: context.hash },
    nodes: Object.fromEntries([...nodes].map(([name, runtime]) => [name, definitionNode(runtime)])),
    edges,
  });
  problems.push(...graphProblems(definition), ...joinProblems(definition, slotsOf(nodes)));
  const compatible = readCompatible(written.compatible, definition, problems);
  const hash = readOr(problems, () => hashOf(definition), "");
  if (problems.length > 0) throw invalid(written.name, problems);
  return Object.freeze({
    name: written.name,
    version: definition.version,
    hash,
    definition,
    compatible: Object.freeze(compatible),
    toDot: () => toDot(definition),
    toMermaid: () => toMermaid(definition),
    "~runtime": Object.freeze({
      nodes,
      guards: (node: string, slot: Slot, at: number | string) =>
        guards.get(node)?.find((one) => one.slot === slot && (one.index === at || one.name === at))?.guard,
      context,
      ...(written.retry === undefined ? {} : { retry: written.retry }),
    }),
  });
}

const WORKFLOW_OPTIONS = [
  ...["name", "version", "context", "completion", "nodes", "start", "edges"],
  ...["timeout", "retry", "maxItems", "compatible"],
];

const COMPLETIONS: readonly unknown[] = ["single", "first", "all"] satisfies readonly Completion[];

function readNodes(written: unknown, context: ContextShape, problems: string[]): ReadonlyMap<string, NodeRuntime> {
  const nodes = new Map<string, NodeRuntime>();
  if (!isObject(written)) {
    problems.push("nodes must be an object of nodes");
    return nodes;
  }
  const names = Object.keys(written).sort();
  if (names.length > LIMITS.workflowNodes) {
    problems.push(`it has ${names.length} nodes; at most ${LIMITS.workflowNodes} are allowed`);
    names.length = LIMITS.workflowNodes;
  }
  for (const name of names) {
    readOr(problems, () => checkName(name, `the name of node ${quote(name)}`), "");
    const runtime = runtimeOf(Reflect.get(written, name));
    if (runtime === undefined) problems.push(`node ${quote(name)} was not made by node(), join() or their like`);
    else {
      problems.push(...runtime.problems.map((problem) => `node ${quote(name)}: ${problem}`));
      problems.push(...contextProblems(name, runtime, context));
      nodes.set(name, runtime);
    }
  }
  return nodes;
}

/** The brand of a node is the property itself; whoever writes one by hand gets what they wrote. */
function runtimeOf(value: unknown): NodeRuntime | undefined {
  if (!isNode(value)) return undefined;
  return value["~runtime"];
}

function isNode(value: unknown): value is { readonly "~runtime": NodeRuntime } {
  if (!isObject(value) || !("~runtime" in value) || !isObject(value["~runtime"])) return false;
  const runtime = value["~runtime"];
  return "kind" in runtime && "settings" in runtime && "run" in runtime;
}

function contextProblems(node: string, { context }: NodeRuntime, shape: ContextShape): readonly string[] {
  const kinds = new Map<string, string>(shape.fields.map(({ name, kind }) => [name, kind]));
  return context.flatMap(({ name, kind }) => {
    const given = kinds.get(name);
    const needs = `node ${quote(node)} needs the context field ${quote(name)}`;
    if (given === undefined) return [`${needs}, which the workflow's context does not have`];
    return given === kind ? [] : [`${needs} as ${kind}; the workflow has it as ${given}`];
  });
}

interface ReadEdges {
  readonly edges: Record<string, DefinitionEdge>;
  readonly guards: ReadonlyMap<string, readonly PlacedGuard[]>;
}

function readEdges(written: unknown, nodes: ReadonlyMap<string, NodeRuntime>, problems: string[]): ReadEdges {
  const edges: [string, DefinitionEdge][] = [];
  const guards = new Map<string, readonly PlacedGuard[]>();
  if (!isObject(written)) {
    problems.push("edges must be an object with an edge for each node");
    return { edges: {}, guards };
  }
  for (const name of nodes.keys()) {
    if (!Object.hasOwn(written, name)) {
      problems.push(`edges lack the node ${quote(name)}; write ${quote(name)}: [] if the graph ends there`);
      continue;
    }
    const read = readEdge(name, Reflect.get(written, name), problems);
    edges.push([name, read.edge]);
    guards.set(name, read.guards);
  }
  for (const name of Object.keys(written).sort()) {
    if (!nodes.has(name))
      problems.push(`edges: there is no node named ${quote(name)}${suggestion(name, nodes.keys())}`);
  }
  return { edges: Object.fromEntries(edges), guards };
}

function readSettings(written: WorkflowOptions & { readonly completion?: Completion | undefined }, problems: string[]) {
  const { completion, maxItems } = written;
  if (completion !== undefined && !COMPLETIONS.includes(completion)) {
    problems.push('completion must be "single", "first" or "all"');
  }
  if (maxItems !== undefined && !(Number.isSafeInteger(maxItems) && maxItems > 0)) {
    problems.push("maxItems must be a whole number of at least 1");
  }
  checkRetry(written.retry, problems);
  const timeoutMs = readPositive(written.timeout, "timeout", problems);
  return {
    completion: completion ?? "single",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    maxItems: maxItems ?? LIMITS.itemsPerRun,
  };
}

function definitionNode({ kind, settings, ...rest }: NodeRuntime): DefinitionNode {
  const wait = "wait" in rest && rest.wait !== undefined ? { wait: rest.wait.shown } : {};
  return { kind, ...("of" in rest ? { of: rest.of } : {}), ...settings, ...wait };
}

function slotsOf(nodes: ReadonlyMap<string, NodeRuntime>): ReadonlyMap<string, readonly string[]> {
  const slots = new Map<string, readonly string[]>();
  for (const [name, runtime] of nodes) {
    if (runtime.kind === "joinByName") slots.set(name, [...runtime.inputs.keys()]);
  }
  return slots;
}

function readCompatible(written: WorkflowOptions["compatible"], definition: Definition, problems: string[]): string[] {
  if (written === undefined) return [];
  if (!Array.isArray(written)) {
    problems.push("compatible must be an array of workflows or hashes");
    return [];
  }
  const hashes = new Set<string>();
  for (const older of written) {
    if (typeof older === "string" && /^[0-9a-f]{32}$/.test(older)) hashes.add(older);
    else if (isWorkflow(older)) {
      const what = `compatible ${older.name}@${older.version}`;
      problems.push(...strandedBy(definition, older.definition).map((problem) => `${what}: ${problem}`));
      hashes.add(older.hash);
    } else problems.push("compatible must hold workflows or hashes of 32 hexadecimal digits");
  }
  return [...hashes].sort();
}

/** Whether a value was made by `workflow()` or `dynamicWorkflow()`, of this copy of the package or another. */
export function isWorkflow(value: unknown): value is Workflow {
  return isObject(value) && "definition" in value && isObject(value.definition) && "~runtime" in value;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(name: unknown, problems: readonly string[]): MillraceError {
  const what = typeof name === "string" ? `workflow ${quote(name)}` : "a workflow";
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new MillraceError("INVALID_WORKFLOW", [`${what} has ${count}:`, ...problems].join("\n  - "), {
    details: { problems },
  });
}
