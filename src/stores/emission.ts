/**
 * Where a value goes that somebody outside of a worker gives as the outcome of an item: along the edges of the item's
 * definition, which is all that is known here. A choice between ways that takes a guard takes code, so it is refused.
 * Pure; what it makes is the outcome of a commit.
 */

import type { CommitOutcomeRequest } from "../backend/contract/commit.ts";
import { type FailureRecord, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeValue } from "../core/values.ts";
import { type Definition, edgeOf } from "../definition/definition.ts";
import type { Failure } from "../definition/failure.ts";
import { emissionTargets, failureTargets } from "../definition/routing.ts";
import { addSuccessor, joinTemplate, type Rows } from "../execution/successors.ts";

/** The item that emits, as far as its successors depend on it. */
export interface Emitter {
  readonly definition: Definition;
  readonly node: string;
  /** Priority of the run, added to that of each node. */
  readonly runPriority: number;
}

/** The outcome of an item that emits one value. Throws `ILLEGAL_TRANSITION` where the way depends on a guard, `INVALID_OUTPUT`. */
export function emissionOf({ definition, node, runPriority }: Emitter, emitted: unknown): CommitOutcomeRequest {
  let guard: string | undefined;
  const routed = emissionTargets(edgeOf(definition, node) ?? {}, emitted, ({ name }) => {
    guard = name;
    return undefined;
  });
  if (!routed.routed) throw guard === undefined ? unrouted(node, routed.problem) : guarded(node, guard);
  const value = encodeValue(routed.value, { what: `the output of node ${node}`, code: "INVALID_OUTPUT" });
  const rows: Rows = { items: [], arrivals: [], outputs: [] };
  if (routed.targets.length === 0) rows.outputs.push({ index: 0, value });
  for (const [index, target] of routed.targets.entries()) {
    addSuccessor(rows, definition, target, value, index, { runPriority, delayMs: 0 });
  }
  const joins = Object.keys(definition.nodes).filter((name) => definition.nodes[name]?.of === node);
  const opens = { joins: joins.map((join) => joinTemplate(definition, join, runPriority)) };
  const width = Math.max(1, routed.targets.length);
  return { kind: "emit", ...rows, width, ...(joins.length === 0 ? {} : { opens }) };
}

/** The outcome of an item that failed for good: its failure edge takes over, or the run fails. */
export function failureOutcome(
  { definition, node, runPriority }: Emitter,
  failure: FailureRecord,
  failed: { readonly input: Uint8Array | undefined; readonly attempt: number },
): CommitOutcomeRequest {
  const targets = failureTargets(edgeOf(definition, node) ?? {}, failure.code);
  if (targets.length === 0 || failed.input === undefined) return { kind: "fail", failure };
  const { code, message, details } = failure;
  const told: Failure = { code, message, node, attempt: failed.attempt, ...(details === undefined ? {} : { details }) };
  const placement = {
    runPriority,
    delayMs: 0,
    failure: encodeValue(told, { what: "a failure", maxDepth: LIMITS.envelopeDepth }),
  };
  const rows: Rows = { items: [], arrivals: [], outputs: [] };
  for (const [index, target] of targets.entries()) {
    addSuccessor(rows, definition, target, failed.input, index, placement);
  }
  return { kind: "failOver", failure, items: rows.items, arrivals: rows.arrivals, width: targets.length };
}

function guarded(node: string, guard: string): MillraceError {
  return new MillraceError("ILLEGAL_TRANSITION", `where "${node}" leads is decided by its guard "${guard}"`, {
    node,
    hints: ["Guards are code: let a worker that has the workflow execute this item."],
  });
}

function unrouted(node: string, problem: string): MillraceError {
  return new MillraceError("INVALID_OUTPUT", `"${node}" ${problem}`, { node });
}
