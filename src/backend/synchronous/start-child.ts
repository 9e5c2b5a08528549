/**
 * Starts a child run in the step that parks the item which waits for it. Invariant: the id of a child is told from the
 * claim that starts it, so that it is the same however often the step is run, and it lies in the partition of its parent, so
 * that what one means for the other is one step.
 */

import { digest } from "../../core/digest.ts";
import type { NewChild } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { childEntry } from "./child-runs.ts";
import { startRun } from "./start-runs.ts";

/** Starts the child that an item waits for; its id. Where it cannot be started, its end is told at once. */
export function startChild(step: AtomicStep, item: WorkItem, { onParentClose, ...child }: NewChild): string {
  const { runId, item: number, epoch } = item;
  const id = childIdOf(step, item);
  const outcome = startRun(step, { ...child, id, onConflict: "return", parent: { runId, item: number } });
  const isThere = outcome.kind === "started" || outcome.kind === "existing";
  const owner = isThere ? id : runId;
  step.store.putEntry(childEntry(id, { runId, item: number, number: epoch }, onParentClose, { owner, now: step.now }));
  if (!isThere) step.leave({ kind: "childEnded", runId: id, generation: 0 });
  return id;
}

/** Looks like the ids of all runs: the instant of the claim in milliseconds, and then what tells it from others. */
function childIdOf({ here }: AtomicStep, { runId, item, epoch, claimedAt = 0 }: WorkItem): string {
  const time = Math.min(Math.max(0, Math.floor(claimedAt)), LAST_MS)
    .toString(16)
    .padStart(12, "0");
  for (let turn = 0; ; turn += 1) {
    const hex = digest(JSON.stringify([runId, item, epoch, turn]));
    const variant = "89ab"[Number.parseInt(hex.charAt(3), 16) % 4];
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
    if (here(id)) return id;
  }
}

const LAST_MS = 2 ** 48 - 1;
