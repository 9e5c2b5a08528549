/** What attempts and workers keep beside commits: results of durable steps under the guard of the lease, and folded contexts. */

import { isTerminalRun } from "../../core/status.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { AtomicStep } from "./atomic-step.ts";

export function putMemo(step: AtomicStep, memo: Parameters<BackendOperations["putMemo"]>[0]): boolean {
  const { runId, item: number, epoch, session, name, value } = memo;
  const run = step.run(runId);
  const item = step.store.item(runId, number);
  if (run === undefined || isTerminalRun(run.status)) return false;
  if (item?.status !== "in_progress" || item.epoch !== epoch || item.session !== session) return false;
  step.store.insertMemo(runId, number, name, value);
  return true;
}

/** A snapshot that is older than the one there, or of a state that the run has not reached, is of no use and dropped. */
export function putSnapshot(step: AtomicStep, snapshot: Parameters<BackendOperations["putSnapshot"]>[0]): void {
  const { runId, sequence, shape, bytes } = snapshot;
  const run = step.run(runId);
  if (run === undefined || sequence > run.sequence) return;
  const existing = step.store.snapshot(runId, shape, run.sequence);
  if (existing === undefined || existing.sequence < sequence) step.store.putSnapshot(runId, shape, sequence, bytes);
}
