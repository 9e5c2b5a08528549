/**
 * The definition: a workflow's graph as plain JSON, and its hash. Runs refer to a definition by hash; their edges, joins
 * and guard names come from it, bodies and guards from the code that runs them. It is deterministic: the order in which
 * a workflow was written down does not show.
 *
 * The hash covers what decides where items go and who may take them: name, version, start, completion, the context's
 * shape, and of each node its kind, fan-out, queue, labels, `serializable`, what it waits for (kind, and name of the event,
 * tool or workflow) and edges with the names of the guards. It leaves out what can be tuned under live runs without stranding them: descriptions, timeouts, deadlines, priorities,
 * `maxItems`, retries. Invariant: two definitions with one hash route every emission alike.
 */
import { canonicalJson, digest } from "../core/digest.ts";
import type { DefinitionWait } from "./waits/wait-runtime.ts";
import type { Completion } from "./workflow-output.ts";

/** The version of this JSON form. */
export const DEFINITION_FORMAT = 1;

/** A workflow's graph as JSON; frozen all the way down. Node and edge names are own properties, in sorted order. */
export interface Definition {
  readonly format: typeof DEFINITION_FORMAT;
  readonly name: string;
  readonly version: string;
  readonly start: string;
  readonly completion: Completion;
  /** From start to end, everything included. None if absent. */
  readonly timeoutMs?: number;
  readonly maxItems: number;
  readonly context: DefinitionContext;
  readonly nodes: Readonly<Record<string, DefinitionNode>>;
  readonly edges: Readonly<Record<string, DefinitionEdge>>;
}

/** The context's fields, sorted by name: the index is the field's number in commits. */
interface DefinitionContext {
  readonly fields: readonly { readonly name: string; readonly kind: string }[];
  readonly hash: string;
}

/** One node. */
export interface DefinitionNode {
  readonly kind: "node" | "join" | "joinByName";
  /** The fan-out that it joins; joins alone have it. */
  readonly of?: string;
  readonly queue: string;
  /** Sorted. */
  readonly labels: readonly string[];
  readonly priority: number;
  readonly timeoutMs: number;
  readonly deadlineMs?: number;
  readonly serializable: boolean;
  /** What its items wait for; absent where they do not. */
  readonly wait?: DefinitionWait;
  readonly description?: string;
}

/** The ways out of one node. Plain values take `to`, variants `route`; a node may have both. */
export interface DefinitionEdge {
  readonly to?: Destination;
  /** By kind; `"*"` takes the kinds not named. */
  readonly route?: Readonly<Record<string, Destination>>;
  readonly onFailure?: readonly string[];
  readonly onTimeout?: readonly string[];
}

/** The first choice without a guard, or whose guard agrees, is taken. The last has no guard. */
export type Destination = readonly Choice[];

/** One way: the nodes it leads to, in order; none means that the value is an output of the run. */
export interface Choice {
  /** The guard's name. */
  readonly when?: string;
  readonly to: readonly string[];
}

/** The hash of a definition: 32 hexadecimal digits. See the top of this file for what it covers. */
export function hashOf(definition: Definition): string {
  const { format, name, version, start, completion, context, edges } = definition;
  const nodes = Object.fromEntries(
    Object.entries(definition.nodes).map(([node, { kind, of, queue, labels, serializable, wait }]) => [
      node,
      {
        kind,
        ...(of === undefined ? {} : { of }),
        queue,
        labels,
        serializable,
        ...(wait === undefined ? {} : { wait: hashedWait(wait) }),
      },
    ]),
  );
  return digest(canonicalJson({ format, name, version, start, completion, context: context.hash, nodes, edges }));
}

function hashedWait({ deadlineMs: _tunable, ...wait }: DefinitionWait): Omit<DefinitionWait, "deadlineMs"> {
  return wait;
}

/** The node of that name. Looks at own properties alone: `constructor` is a fine name for a node. */
export function nodeOf(definition: Definition, name: string): DefinitionNode | undefined {
  return Object.hasOwn(definition.nodes, name) ? definition.nodes[name] : undefined;
}

/** The edge of the node of that name. */
export function edgeOf(definition: Definition, name: string): DefinitionEdge | undefined {
  return Object.hasOwn(definition.edges, name) ? definition.edges[name] : undefined;
}

/** All nodes that an edge emits to, whatever is emitted; each once, in order of appearance. */
export function emissionTargetsOf(edge: DefinitionEdge): readonly string[] {
  const destinations = [...(edge.to === undefined ? [] : [edge.to]), ...Object.values(edge.route ?? {})];
  return [...new Set(destinations.flatMap((choices) => choices.flatMap(({ to }) => to)))];
}

/** All nodes that an edge leads to, its failure and timeout exits included; each once. */
export function allTargetsOf(edge: DefinitionEdge): readonly string[] {
  return [...new Set([...emissionTargetsOf(edge), ...(edge.onFailure ?? []), ...(edge.onTimeout ?? [])])];
}

/** Freezes a tree of plain objects and arrays, and gives it back. */
export function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}
