/**
 * When an item can be claimed and when something happens to it by itself. Pure: backends keep the two numbers in their
 * indexes and ask here how to compute them.
 */

import type { RunStatus } from "../../core/status.ts";
import type { ClaimReason, WorkItem } from "../contract/work-item.ts";

/** One step of priority outweighs this much waiting. */
export const AGEING_STEP_MS = 10_000;

/** Ready items are taken in ascending rank: priority first, but age wins in the end. */
export function rankOf(item: Pick<WorkItem, "readyAt" | "priority">): number {
  return item.readyAt - item.priority * AGEING_STEP_MS;
}

/** Nothing is claimed of a run that is paused or closed. */
export function isClaimableRun(status: RunStatus): boolean {
  return status === "running" || status === "waiting";
}

/** True when the item lies ready (or will at `readyAt`) without a lease. */
export function isQueued(item: WorkItem): boolean {
  return item.status === "pending" || item.status === "waiting_retry";
}

/** True when a claim may take it now, its run permitting, without looking at leases. */
export function isReady(item: WorkItem, now: number): boolean {
  return isQueued(item) && (item.readyAt <= now || isOver(item.deadlineAt, now));
}

/**
 * The next instant at which the item becomes claimable by the mere passing of time: end of its delay, or, while it is
 * executing, its attempt's timeout or its deadline. `undefined` when there is none or it is ready already. The expiry of its lease is
 * the session's matter.
 */
export function dueAt(item: WorkItem, now: number): number | undefined {
  if (isQueued(item)) return isReady(item, now) ? undefined : earliest(item.readyAt, item.deadlineAt);
  if (item.status === "waiting") return item.wait?.dueAt;
  if (item.status !== "in_progress") return undefined;
  // An item handed out for its failure path has no deadline any more, or it would be due again at once.
  return item.reason === "ready" ? earliest(item.timeoutAt, item.deadlineAt) : item.timeoutAt;
}

/** What a claim makes of an item that is ready, timed out, or whose lease has expired. */
export interface ClaimDecision {
  readonly item: WorkItem;
  readonly reason: ClaimReason;
  /** The item was taken from a session that vanished: count and record it. */
  readonly takenOver: boolean;
}

/**
 * Hands an item to a session: epoch plus one, lease, and the reason. Precondition: the item is queued and ready, or in progress
 * with its lease expired or its timeout or deadline due.
 */
export function decideClaim(item: WorkItem, session: string, maxStalls: number, now: number): ClaimDecision {
  const takenOver = isExecuting(item) && !isOver(item.deadlineAt, now) && !isOver(item.timeoutAt, now);
  const stalls = takenOver ? item.stalls + 1 : item.stalls;
  const reason = claimReason(item, takenOver, stalls, maxStalls, now);
  return {
    reason,
    takenOver,
    item: {
      ...item,
      status: "in_progress",
      epoch: item.epoch + 1,
      session,
      claimedAt: now,
      stalls,
      reason,
      commitDigest: undefined,
      waitedMs: Math.max(0, now - item.readyAt),
      ranMs: undefined,
      timeoutAt: now + item.timeoutMs,
    },
  };
}

/** True while its body may be running. An item handed out for its failure path runs none, so it cannot stall. */
export function isExecuting(item: WorkItem): boolean {
  return item.status === "in_progress" && item.reason === "ready";
}

function claimReason(item: WorkItem, takenOver: boolean, stalls: number, maxStalls: number, now: number): ClaimReason {
  if (item.reason !== "ready") return item.reason;
  if (isOver(item.deadlineAt, now)) return "deadline";
  if (isExecuting(item) && isOver(item.timeoutAt, now)) return "timeout";
  return takenOver && stalls >= maxStalls ? "stalled" : "ready";
}

function isOver(instant: number | undefined, now: number): boolean {
  return instant !== undefined && instant <= now;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
