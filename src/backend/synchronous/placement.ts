/**
 * Where an item belongs in the indexes that claims look at, as a pure function of its row, its run's status and whether
 * its lease is over. Every write of an item and every repair of an index asks here, so that the indexes can always be
 * told from the rows. It never looks at a clock.
 */

import { isOpenItem } from "../../core/status.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { dueAt, isClaimableRun, isExecuting, isQueued, rankOf } from "../rules/due.ts";
import type { Placement } from "./row-store.ts";

const NOWHERE: Placement = { kind: "none" };
const ASIDE: Placement = { kind: "aside" };

/** `leaseOver`: the session that holds an item in progress signed off, or vanished and was swept. */
export function placementOf(item: WorkItem, run: Pick<RunState, "status">, leaseOver: boolean, now: number): Placement {
  if (!isOpenItem(item.status)) return NOWHERE;
  const at = dueAt(item, now);
  if (!isQueued(item) && at === undefined) return NOWHERE;
  if (item.status === "waiting")
    return at !== undefined && (at > now || isClaimableRun(run.status)) ? { kind: "due", at } : ASIDE;
  const isOverdue = at !== undefined && at <= now;
  const claimable = isQueued(item) ? at === undefined : leaseOver || isOverdue;
  if (!claimable) return at === undefined ? NOWHERE : { kind: "due", at };
  if (!isClaimableRun(run.status)) return ASIDE;
  // Whoever takes it from a vanished session counts a stall: from then on it is executed apart from others like it.
  const stalled = item.stalls > 0 || (isExecuting(item) && !isOverdue);
  return { kind: "ready", rank: rankOf(item), stalled };
}
