/**
 * Does what is due: runs past their timeout close, delayed and timed-out items become claimable, and so do the items of
 * sessions that vanished. Called by claims and renewals, so that nothing depends on a process being there to remember it; each call
 * does a bounded part and says whether there is more.
 */

import { LIMITS } from "../../core/limits.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { isClaimableRun } from "../rules/due.ts";
import { expireRun, isRunExpired } from "../rules/run-row.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { inTurn } from "./in-turn.ts";
import { renewSession } from "./leases.ts";
import type { StoredSession } from "./row-store.ts";
import { finishWait } from "./waits.ts";

/** Closes runs whose own timeout is due. True when there may be more. */
export function sweepRuns(step: AtomicStep): boolean {
  const { store, now } = step;
  step.flush();
  const expired = store.expiredRuns(now, LIMITS.sweepRows);
  for (const { id } of expired) {
    const run = step.run(id);
    if (run === undefined || !isRunExpired(run, now)) continue;
    const closed = expireRun(run, now);
    step.putRun(closed.run);
    store.putRunFailure(id, closed.failure);
  }
  return expired.length === LIMITS.sweepRows;
}

/** Puts items whose time has come where claims find them. True when there may be more. */
export function sweepItems(step: AtomicStep): boolean {
  const due = step.store.due(step.now, LIMITS.sweepRows);
  inTurn(due, (item) => {
    const run = step.run(item.runId);
    if (item.status === "waiting" && run !== undefined && isClaimableRun(run.status)) finishWait(step, item, "time");
    else settle(step, item);
  });
  return due.length === LIMITS.sweepRows;
}

/**
 * Offers the items of sessions that ended more than `graceMs` ago. Sessions of this process are renewed instead; the one
 * that asks is alive, though its row may not say so yet. Sessions that were locked out may be alive too.
 */
export function sweepSessions(step: AtomicStep, asking: string, graceMs: number): void {
  const { store, now, attached } = step;
  for (const session of store.expiredSessions(now)) {
    if (session.id === asking) continue;
    if (attached.has(session.id)) store.putSession(renewSession(step, session));
    else if (isVanished(step, session, graceMs)) offer(step, session);
  }
}

/** Whether nobody is expected to come back for what the session, whose lease has ended, still holds. */
export function isVanished({ attached, blockades, now }: AtomicStep, session: StoredSession, graceMs: number): boolean {
  if (attached.has(session.id) || session.until + graceMs > now) return false;
  return blockades?.spare(session, now) !== true;
}

/** A session holds no more items than its worker has slots, so this is bounded by what is lost. */
function offer(step: AtomicStep, session: StoredSession): void {
  step.store.putSession({ ...session, swept: true });
  for (const item of step.store.itemsOf(session.id)) settle(step, item);
}

function settle(step: AtomicStep, item: WorkItem): void {
  const run = step.run(item.runId);
  if (run !== undefined) step.settle(item, run, item.status === "in_progress" && step.isLeaseOver(item));
}
