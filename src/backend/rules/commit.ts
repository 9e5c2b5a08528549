/**
 * The commit protocol as a pure function: rows in, rows out. Backends that run in JavaScript load the run, the item and
 * the groups, call `decideCommit`, and write what it returns in the same transaction; backends that decide elsewhere are
 * compared with those. Nothing here is partial: a refused commit returns no change at all.
 */

import { isTerminalRun } from "../../core/status.ts";
import type { Commit, CommitAnswer, RefusalCode } from "../contract/commit.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { CommitRows } from "./commit-rows.ts";
import { type CommitEffect, committedStatus, Draft } from "./draft.ts";
import { applyOutcome } from "./outcome.ts";

/** What became of the commits that this one names in `after`, in their order. */
export interface Predecessors {
  readonly refused: boolean;
  /** Sequences of their deltas. */
  readonly sequences: readonly number[];
}

export type CommitDecision =
  | { readonly kind: "refused"; readonly answer: CommitAnswer & { readonly kind: "refused" } }
  /** The same commit was applied before; nothing to write. */
  | { readonly kind: "replayed"; readonly answer: CommitAnswer & { readonly kind: "committed" } }
  | { readonly kind: "accepted"; readonly effect: CommitEffect };

export function decideCommit(rows: CommitRows, commit: Commit, after: Predecessors, now: number): CommitDecision {
  const { run, item } = rows;
  if (run === undefined) return refuse("RUN_CLOSED", `run ${commit.runId} does not exist any more`, 0);
  if (item === undefined) return refuse("STALE_LEASE", `run ${run.id} has no item ${commit.item}`, run.sequence);
  if (isAnswered(item, commit, rows.session)) return replay(run, item, commit);
  const refusal = guard(run, item, commit, rows.session, after);
  if (refusal !== undefined) return refuse(refusal.code, refusal.message, run.sequence);
  const draft = new Draft(run, item, rows, now);
  applyOutcome(draft, commit);
  return { kind: "accepted", effect: draft.effect(commit) };
}

function guard(
  run: RunState,
  item: WorkItem,
  commit: Commit,
  session: string,
  after: Predecessors,
): { readonly code: RefusalCode; readonly message: string } | undefined {
  if (isTerminalRun(run.status)) return { code: "RUN_CLOSED", message: `run ${run.id} is ${run.status}` };
  if (run.generation !== commit.generation) {
    return { code: "RUN_CLOSED", message: `run ${run.id} was closed and re-opened since the item was claimed` };
  }
  if (item.status !== "in_progress" || item.epoch !== commit.epoch || item.session !== session) {
    return {
      code: "STALE_LEASE",
      message: `item ${run.id}.${item.item} is ${item.status} at epoch ${item.epoch}; the commit holds epoch ${commit.epoch}`,
    };
  }
  if (after.refused) return { code: "CONTEXT_CONFLICT", message: "a commit that this one builds on was refused" };
  if (hasConflict(run, commit, after.sequences)) {
    return {
      code: "CONTEXT_CONFLICT",
      message: `a field that the attempt read at sequence ${commit.base} has changed since`,
    };
  }
  return undefined;
}

/** A field read at `base` must not have been written since, except by the commits that this one builds on, contiguously. */
function hasConflict(run: RunState, commit: Commit, predecessors: readonly number[]): boolean {
  let known = commit.base;
  for (const sequence of predecessors) if (sequence === known + 1) known = sequence;
  return commit.reads.some((field) => (run.fieldSequences[field] ?? 0) > known);
}

function isAnswered(item: WorkItem, commit: Commit, session: string): boolean {
  return item.epoch === commit.epoch && item.session === session && item.commitDigest !== undefined;
}

function replay(run: RunState, item: WorkItem, commit: Commit): CommitDecision {
  if (item.commitDigest !== commit.digest) {
    const message = `epoch ${commit.epoch} of item ${run.id}.${item.item} was committed with other content`;
    return refuse("COMMIT_CONFLICT", message, run.sequence);
  }
  return {
    kind: "replayed",
    answer: {
      kind: "committed",
      sequence: run.sequence,
      appended: false,
      at: item.endedAt ?? run.statusAt,
      runStatus: run.status,
      itemStatus: committedStatus(item),
    },
  };
}

function refuse(code: RefusalCode, message: string, sequence: number): CommitDecision {
  return { kind: "refused", answer: { kind: "refused", code, message, sequence } };
}
