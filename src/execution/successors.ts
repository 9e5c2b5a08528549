/**
 * From targets to rows: what one value becomes at each node that it goes to. A join takes it as an arrival, every other
 * node as a new work item. Settings of nodes come from the run's definition. It decides nothing about where values go.
 */

import type { NewArrival, NewItem, NewOutput } from "../backend/contract/commit.ts";
import type { JoinTemplate } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import { type Definition, type DefinitionNode, nodeOf } from "../definition/definition.ts";

/** The rows that an emission makes. */
export interface Rows {
  readonly items: NewItem[];
  readonly arrivals: NewArrival[];
  readonly outputs: NewOutput[];
}

/** What all items of one emission have in common. */
export interface Placement {
  /** Priority of the run; part of the priority of items that are given none. */
  readonly runPriority: number;
  /** Given with the emission; takes the place of the node's and the run's. */
  readonly priority?: number | undefined;
  readonly delayMs: number;
  /** On a failure edge: what is handed over. */
  readonly failure?: Uint8Array | undefined;
}

/** Adds what a value becomes at one target. Throws `INVALID_WORKFLOW` for a target that the definition does not have. */
export function addSuccessor(
  rows: Rows,
  definition: Definition,
  target: string,
  value: Uint8Array | undefined,
  index: number,
  placement: Placement,
): void {
  const node = knownNode(definition, target);
  if (node.of !== undefined) {
    rows.arrivals.push({ join: target, of: node.of, index, value: value ?? NULL });
    return;
  }
  rows.items.push({
    node: target,
    kind: "node",
    input: value,
    failure: placement.failure,
    delayMs: placement.delayMs,
    index,
    ...settings(node, placement.priority ?? node.priority + placement.runPriority),
  });
}

/** A join's work item before it fires. */
export function joinTemplate(definition: Definition, join: string, runPriority: number): JoinTemplate {
  const node = knownNode(definition, join);
  return { node: join, ...settings(node, node.priority + runPriority) };
}

/** The first work item of a run: its start node on the run's input. */
export function firstItem(definition: Definition, input: Uint8Array, runPriority: number, delayMs: number): NewItem {
  const node = knownNode(definition, definition.start);
  return {
    node: definition.start,
    kind: "node",
    input,
    delayMs,
    index: 0,
    ...settings(node, node.priority + runPriority),
  };
}

const NULL = new TextEncoder().encode("null");

function settings({ queue, labels, timeoutMs, deadlineMs }: DefinitionNode, priority: number) {
  return { queue, labels, keys: [], priority, timeoutMs, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
}

function knownNode(definition: Definition, name: string): DefinitionNode {
  const node = nodeOf(definition, name);
  if (node !== undefined) return node;
  throw new MillraceError("INVALID_WORKFLOW", `${definition.name}@${definition.version} has no node "${name}"`);
}
