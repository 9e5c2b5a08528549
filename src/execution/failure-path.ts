/**
 * What becomes of a failed attempt: another attempt if the retry policy says so, or else the failure edge of the node,
 * or else the failure of the run. Pure. Never throws: the path of a failure always commits, so where a failure edge
 * cannot be taken, the run fails instead.
 */

import type { CommitOutcomeRequest } from "../backend/contract/commit.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { type AttemptFailure, type FailureRecord, failureRecord } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Random } from "../core/ports.ts";
import { decideRetry } from "../core/retry.ts";
import { encodeValue } from "../core/values.ts";
import type { Failure } from "../definition/failure.ts";
import { failureTargets } from "../definition/routing.ts";
import type { NodeProgram, Program } from "./program.ts";
import { addSuccessor, type Rows } from "./successors.ts";

/** How an attempt can end that failed. */
export type FailedOutcome = Extract<CommitOutcomeRequest, { kind: "retry" | "failOver" | "fail" }>;

/** A failed attempt, as the decision needs it. */
export interface FailedAttempt {
  readonly failure: AttemptFailure;
  readonly item: Pick<WorkItem, "node" | "attempts">;
  /** What the failure edge hands on; `undefined` where it could not be read, and then there is no handing on. */
  readonly input: Uint8Array | undefined;
  readonly runPriority: number;
  /** The store itself ended it: its deadline is over, or it has stalled too often. No policy retries that. */
  readonly isFinal: boolean;
}

/** Decides what the commit of a failed attempt asks for. `now` is only for errors that name an instant to retry at. */
export function decideFailure(
  program: Program,
  node: NodeProgram | undefined,
  failed: FailedAttempt,
  random: Random,
  now: number,
): FailedOutcome {
  const failure = failureRecord(failed.failure);
  if (node === undefined) return { kind: "fail", failure };
  if (!failed.isFinal) {
    const decision = decideRetry(node.retry, failed.failure, failed.item.attempts + 1, random, now);
    if (decision.retry) return { kind: "retry", delayMs: decision.delayMs, failure };
  }
  return failOver(program, node, failed, failure) ?? { kind: "fail", failure };
}

function failOver(
  program: Program,
  { name, edge }: NodeProgram,
  { item, input, runPriority }: FailedAttempt,
  failure: FailureRecord,
): FailedOutcome | undefined {
  const targets = failureTargets(edge, failure.code);
  if (targets.length === 0 || input === undefined) return undefined;
  const { code, message, details } = failure;
  const attempt = item.attempts + 1;
  const handed: Failure = { code, message, node: name, attempt, ...(details === undefined ? {} : { details }) };
  const rows: Rows = { items: [], arrivals: [], outputs: [] };
  try {
    const placement = {
      runPriority,
      delayMs: 0,
      failure: encodeValue(handed, { what: "a failure", maxDepth: LIMITS.envelopeDepth }),
    };
    for (const [index, target] of targets.entries()) {
      addSuccessor(rows, program.definition, target, input, index, placement);
    }
  } catch {
    return undefined;
  }
  return { kind: "failOver", failure, items: rows.items, arrivals: rows.arrivals, width: targets.length };
}
