/**
 * Starts a run, or finds the one that the same start made before. An id and an idempotency key each name one run for as
 * long as it exists, whichever process asks and however often.
 */

import { isTerminalRun } from "../../core/status.ts";
import type { RunRecord, StartOutcome, StartRun } from "../contract/run.ts";
import { decideStart } from "../rules/run-row.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { controlRun } from "./control.ts";
import { isStaged } from "./staged-runs.ts";

export function startRun(step: AtomicStep, start: StartRun): StartOutcome {
  const { store } = step;
  const byId = recordOf(step, start.id);
  if (byId !== undefined) return found(byId, start, "id");
  const keyed = start.idempotencyKey === undefined ? undefined : store.runIdByKey(start.workflow, start.idempotencyKey);
  const byKey = keyed === undefined ? undefined : recordOf(step, keyed);
  if (byKey !== undefined) {
    const replaced = start.onConflict === "cancelRunning" && isSame(byKey, start) && mayBeCancelled(byKey);
    if (!replaced) return found(byKey, start, "idempotencyKey");
  }
  if (store.definition(start.definition) === undefined) return { kind: "unknownDefinition" };
  if (byKey !== undefined) cancel(step, byKey.id, start);
  return { kind: "started", run: insert(step, start) };
}

/** `cancelRunning` replaces a run that is open; one that has ended is returned, as always under its key. */
function found(run: RunRecord, start: StartRun, by: "idempotencyKey" | "id"): StartOutcome {
  return isSame(run, start) && start.onConflict !== "fail" ? { kind: "existing", run } : { kind: "conflict", run, by };
}

function isSame(run: RunRecord, start: StartRun): boolean {
  return run.workflow === start.workflow && run.inputDigest === start.inputDigest;
}

/** One that is being imported will be there, and nobody can act on it before. */
function mayBeCancelled(run: RunRecord): boolean {
  return !isTerminalRun(run.status) && !isStaged(run);
}

function cancel(step: AtomicStep, runId: string, start: StartRun): void {
  const reason = `replaced by run ${start.id} under the same idempotency key`;
  controlRun(step, { action: { kind: "cancel", runId, reason }, actor: "startRun" });
}

function insert(step: AtomicStep, start: StartRun): RunRecord {
  const { store } = step;
  const { run, details, item, payload, delta } = decideStart(start, step.now);
  store.insertRun(run, details);
  step.touched(run.id);
  step.insertItem(item, payload, run);
  if (delta !== undefined) store.insertDelta(run.id, delta);
  return { ...run, ...details };
}

/** As it is within this step. */
function recordOf(step: AtomicStep, runId: string): RunRecord | undefined {
  step.flush();
  return step.store.runRecord(runId);
}
