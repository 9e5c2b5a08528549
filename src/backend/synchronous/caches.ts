/** What attempts and workers keep beside commits: results of durable steps under the guard of the lease, and folded contexts. */

import { isTerminalRun } from "../../core/status.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { RowStore } from "./row-store.ts";

export function putMemo(step: AtomicStep, memo: Parameters<BackendOperations["putMemo"]>[0]): boolean {
  const { runId, item: number, epoch, session, name, value } = memo;
  const run = step.run(runId);
  const item = step.store.item(runId, number);
  if (run === undefined || isTerminalRun(run.status)) return false;
  if (item?.status !== "in_progress" || item.epoch !== epoch || item.session !== session) return false;
  step.store.insertMemo(runId, number, `${item.revision}:${name}`, value);
  return true;
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

/** A snapshot that is older than the one there, or of a state that the run has not reached, is of no use and dropped. */
export function putSnapshot(step: AtomicStep, snapshot: Parameters<BackendOperations["putSnapshot"]>[0]): void {
  const { runId, sequence, shape, bytes } = snapshot;
  const run = step.run(runId);
  if (run === undefined || sequence > run.sequence) return;
  const existing = step.store.snapshot(runId, shape, run.sequence);
  if (existing === undefined || existing.sequence < sequence) step.store.putSnapshot(runId, shape, sequence, bytes);
}
