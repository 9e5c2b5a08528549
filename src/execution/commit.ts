/** From an execution to its commit: the claim that it ends, what its context already contained, and the digest of all of it. */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { Commit } from "../backend/contract/commit.ts";
import type { Execution } from "./attempt.ts";
import { commitDigest } from "./commit-digest.ts";

/** Where a commit stands among others of its run. */
export interface CommitPlace {
  /** Sequence of the committed context that it builds on. */
  readonly base: number;
  /** Positions, in the same request, of earlier commits that its context already contained, or that don't matter to it. */
  readonly after: readonly number[];
}

/** The commit of an execution. `conflicts` counts the executions of the same attempt that lost before. */
export function commitOf(
  { item, run }: ClaimedItem,
  execution: Execution,
  conflicts: number,
  place: CommitPlace,
): Commit {
  const { reads, writes, delta, outcome, metrics, logs } = execution;
  const commit = {
    runId: item.runId,
    item: item.item,
    epoch: item.epoch,
    generation: run.generation,
    base: place.base,
    reads,
    writes,
    after: place.after,
    delta,
    outcome,
    conflicts,
    metrics,
    logs,
  };
  return { ...commit, digest: commitDigest(commit) };
}

/** About how large a commit is on its way, to bound batches: payloads, and a little for each row. */
export function commitBytes({ delta, outcome, logs }: Pick<Execution, "delta" | "outcome" | "logs">): number {
  let bytes = ROW_BYTES + (delta?.length ?? 0);
  for (const line of logs) bytes += ROW_BYTES + line.message.length + (line.data?.length ?? 0);
  if (outcome.kind === "emit" || outcome.kind === "failOver") {
    for (const item of outcome.items) bytes += ROW_BYTES + (item.input?.length ?? 0) + (item.failure?.length ?? 0);
    for (const arrival of outcome.arrivals) bytes += ROW_BYTES + arrival.value.length;
  }
  if (outcome.kind === "wait")
    bytes += ROW_BYTES + outcome.wait.details.length + 2 * (outcome.wait.child?.input.length ?? 0);
  if (outcome.kind === "emit") for (const output of outcome.outputs) bytes += ROW_BYTES + output.value.length;
  return bytes;
}

const ROW_BYTES = 256;
