/**
 * What the items of one definition are executed with: where things go comes from the definition that their run was
 * started with, bodies, schemas and guards from the code that this process has. The two differ where newer code takes
 * over the runs of an older definition. It only looks things up, once for each node, and refuses nothing: a node or a
 * guard that the code lacks fails the attempt that needs it.
 */

import { NO_RETRY, type ResolvedRetryPolicy, resolveRetry } from "../core/retry.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import {
  DEFINITION_FORMAT,
  type Definition,
  type DefinitionEdge,
  type DefinitionNode,
  type Destination,
  edgeOf,
  nodeOf,
} from "../definition/definition.ts";
import { fanOuts } from "../definition/graph-checks.ts";
import type { NodeRuntime } from "../definition/node-runtime.ts";
import type { WorkflowRuntime } from "../definition/workflow-building.ts";

/** Everything that the items of one definition are executed with. */
export interface Program {
  /** Hash of the definition. */
  readonly hash: string;
  readonly definition: Definition;
  readonly shape: ContextShape;
  readonly guards: WorkflowRuntime["guards"];
  /** By name; a node that the definition or the code does not have is absent. */
  readonly nodes: ReadonlyMap<string, NodeProgram>;
}

/** One node with everything that deciding about its items takes. */
export interface NodeProgram {
  readonly name: string;
  readonly node: DefinitionNode;
  readonly edge: DefinitionEdge;
  readonly runtime: NodeRuntime;
  readonly retry: ResolvedRetryPolicy;
  /** How it is tried again inside one attempt. */
  readonly inProcess: ResolvedRetryPolicy | undefined;
  /** The joins that name it as their fan-out: its emissions open branch groups if there are any. */
  readonly joins: readonly string[];
  /** Whether its body or a guard of its edge can look at the context. */
  readonly seesContext: boolean;
}

/** Puts a definition and code together. `fallback` is the retry policy where neither node nor workflow has one. */
export function createProgram(
  hash: string,
  definition: Definition,
  code: WorkflowRuntime,
  fallback: ResolvedRetryPolicy,
): Program {
  const groups = fanOuts(definition);
  const retry = resolveRetry(code.retry, fallback);
  const nodes = new Map<string, NodeProgram>();
  for (const [name, runtime] of code.nodes) {
    const node = nodeOf(definition, name);
    if (node === undefined) continue;
    const edge = edgeOf(definition, name) ?? {};
    nodes.set(name, {
      name,
      node,
      edge,
      runtime,
      retry: resolveRetry(runtime.retry, retry),
      inProcess: runtime.inProcess === undefined ? undefined : resolveRetry(runtime.inProcess, NO_RETRY),
      joins: groups.get(name) ?? [],
      seesContext: runtime.context.length > 0 || hasGuard(edge),
    });
  }
  return { hash, definition, shape: code.context, guards: code.guards, nodes };
}

/** What an item is executed with whose definition cannot be had: its attempt fails. */
export function createEmptyProgram(hash: string): Program {
  const context = { fields: [], hash: "" };
  const definition: Definition = {
    format: DEFINITION_FORMAT,
    name: "unknown",
    version: "unknown",
    start: "",
    completion: "single",
    maxItems: 0,
    context,
    nodes: {},
    edges: {},
  };
  const shape: ContextShape = { ...context, behaviours: [], numbers: new Map() };
  return { hash, definition, shape, guards: () => undefined, nodes: new Map() };
}

function hasGuard(edge: DefinitionEdge): boolean {
  const guarded = (destination: Destination) => destination.some(({ when }) => when !== undefined);
  return (edge.to !== undefined && guarded(edge.to)) || Object.values(edge.route ?? {}).some(guarded);
}
