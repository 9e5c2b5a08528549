/**
 * What the waits of a run missed while the run was closed: an event that was kept since nobody was there to take it, the
 * end of a child. Children that were cancelled with the run go on with it. Everything here may be done twice.
 */

import { isTerminalRun } from "../../core/status.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { cascaded, cascadedChild, childEnd } from "./child-runs.ts";
import { controlRun } from "./control.ts";
import { registerAtHub } from "./event-hub.ts";
import type { Entry } from "./row-store.ts";
import { eventOf, finishWait, recordOf } from "./waits.ts";

/** `entry`: the row of a wait of a run that is open again. */
export function missedMeanwhile(step: AtomicStep, entry: Entry): void {
  const { runId, item: number, number: wait, childId } = recordOf(entry);
  const item = step.store.item(runId, number);
  if (!isWaitingFor(item, wait)) return;
  const event = eventOf(entry);
  if (event !== undefined) {
    const payload = registerAtHub(step, item, event, true);
    if (payload !== undefined) finishWait(step, item, "answer", payload);
  }
  if (childId === undefined || goesOn(step, childId)) return;
  finishWait(step, item, "answer", childEnd(childId, step.run(childId)?.status));
}

/** Whether the child has not ended; one that ended with its parent is resumed with it. */
function goesOn(step: AtomicStep, childId: string): boolean {
  const child = step.run(childId);
  if (child === undefined) return false;
  if (!isTerminalRun(child.status)) return true;
  const entry = cascadedChild(step.store, childId);
  if (entry === undefined || child.status !== "cancelled") return false;
  step.store.putEntry(cascaded(entry, false));
  const outcome = controlRun(step, { action: { kind: "resume", runId: childId }, actor: "engine" });
  return outcome.kind !== "refused";
}
