/** What attempts and workers keep beside commits: results of durable steps and progress under the guard of the lease, and folded contexts. */

import { isTerminalRun } from "../../core/status.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { answerName } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { RowStore } from "./row-store.ts";

export function putMemo(step: AtomicStep, memo: Parameters<BackendOperations["putMemo"]>[0]): boolean {
  const item = leasedItem(step, memo);
  if (item === undefined) return false;
  step.store.insertMemo(memo.runId, memo.item, `${item.revision}:${memo.name}`, memo.value);
  return true;
}

export function putProgress(step: AtomicStep, progress: Parameters<BackendOperations["putProgress"]>[0]): boolean {
  if (leasedItem(step, progress) === undefined) return false;
  const { runId, item, epoch, details } = progress;
  step.store.putProgress(runId, { item, epoch, at: step.now, details });
  return true;
}

interface Lease {
  readonly runId: string;
  readonly item: number;
  readonly epoch: number;
  readonly session: string;
}

/** The item, if the lease on it still counts and its run is open. */
function leasedItem(step: AtomicStep, { runId, item: number, epoch, session }: Lease): WorkItem | undefined {
  const run = step.run(runId);
  const item = step.store.item(runId, number);
  if (run === undefined || isTerminalRun(run.status)) return undefined;
  return item?.status === "in_progress" && item.epoch === epoch && item.session === session ? item : undefined;
}

/** What steps of the item's earlier attempts gave, by name. An edited input begins anew: those of an earlier revision are not given. */
export function memosOf(store: RowStore, item: WorkItem): ReadonlyMap<string, Uint8Array> {
  const kept = store.memos(item.runId, item.item);
  if (kept.size === 0) return kept;
  const prefix = `${item.revision}:`;
  return new Map(
    [...kept].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );
}

/** What the wait that the item was in last was answered with. */
export function answerOf(store: RowStore, item: WorkItem): Uint8Array | undefined {
  if (item.wait?.over !== "answer") return undefined;
  return store.memos(item.runId, item.item).get(answerName(item, item.wait.number));
}

/** A snapshot that is older than the one there, or of a state that the run has not reached, is of no use and dropped. */
export function putSnapshot(step: AtomicStep, snapshot: Parameters<BackendOperations["putSnapshot"]>[0]): void {
  const { runId, sequence, shape, bytes } = snapshot;
  const run = step.run(runId);
  if (run === undefined || sequence > run.sequence) return;
  const existing = step.store.snapshot(runId, shape, run.sequence);
  if (existing === undefined || existing.sequence < sequence) step.store.putSnapshot(runId, shape, sequence, bytes);
}
