/** A work item's row before anybody has claimed it, and as it reads once its run is closed. */

import { isOpenItem, isTerminalRun } from "../../core/status.ts";
import type { NewItem } from "../contract/commit.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";

/** The row of a work item that nobody has claimed yet. */
export function freshItem(
  runId: string,
  number: number,
  fresh: NewItem,
  place: Pick<WorkItem, "from" | "group" | "joins" | "index" | "path">,
  now: number,
): WorkItem {
  const { node, kind, queue, labels, keys, priority, timeoutMs, deadlineMs } = fresh;
  return {
    runId,
    item: number,
    node,
    kind,
    status: "pending",
    from: place.from,
    group: place.group,
    joins: place.joins,
    index: place.index,
    path: place.path,
    attempts: 0,
    stalls: 0,
    conflicts: 0,
    epoch: 0,
    session: undefined,
    claimedAt: undefined,
    readyAt: now + fresh.delayMs,
    priority,
    queue,
    labels,
    keys,
    createdAt: now,
    endedAt: undefined,
    commit: 0,
    timeoutMs,
    timeoutAt: undefined,
    deadlineMs,
    deadlineAt: deadlineMs === undefined ? undefined : now + fresh.delayMs + deadlineMs,
    reason: "ready",
    revision: 0,
    commitDigest: undefined,
    waitedMs: undefined,
    ranMs: undefined,
    failure: undefined,
  };
}

/** Items of a closed run read as cancelled though their rows say open. */
export function readItem(item: WorkItem, run: Pick<RunState, "status">): WorkItem {
  return isTerminalRun(run.status) && isOpenItem(item.status) ? { ...item, status: "cancelled" } : item;
}

/** An item that its session gives back as it was: no attempt ended, and what it was handed out for stays. */
export function releasedItem(item: WorkItem): WorkItem {
  return { ...item, status: "pending", timeoutAt: undefined };
}
