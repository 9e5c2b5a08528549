/**
 * The states that runs, work items and workers can be in, and which state may follow which. These tables are the only
 * place that says so; backends and views ask here before they write. Invariant: a closed run or item moves again only
 * by a reopening, which only an explicit `resume` or `retry` does.
 */

import { MillraceError } from "./millrace-error.ts";

/** State of a run. `waiting`: every open item is parked. */
export type RunStatus = "running" | "waiting" | "paused" | "compensating" | "completed" | "failed" | "cancelled";

/** State of a work item. `failed` went to its failure edge; `permanently_failed` failed its run. */
export type WorkItemStatus =
  | "pending"
  | "in_progress"
  | "waiting_retry"
  | "waiting"
  | "held"
  | "completed"
  | "failed"
  | "permanently_failed"
  | "cancelled";

/** State of a worker. A `retrying` worker says beside it which attempt of how many it is at. */
export type WorkerStatus = "idle" | "in_progress" | "retrying" | "draining" | "stopped";

/** What the age of a worker's last heartbeat says about it. */
export type Liveness = "alive" | "stale" | "dead";

interface Moves<S extends string> {
  /** What may follow in the course of things, and by pause, resume of a paused run, completion or cancellation. */
  readonly moves: readonly S[];
  /** What may follow only by an explicit `resume` or `retry`. */
  readonly reopens: readonly S[];
}

/** Which status of a run may follow which. */
export const RUN_TRANSITIONS: Readonly<Record<RunStatus, Moves<RunStatus>>> = {
  running: { moves: ["waiting", "paused", "compensating", "completed", "failed", "cancelled"], reopens: [] },
  waiting: { moves: ["running", "paused", "compensating", "completed", "failed", "cancelled"], reopens: [] },
  // Attempts in flight may still complete or fail a paused run.
  paused: { moves: ["running", "waiting", "compensating", "completed", "failed", "cancelled"], reopens: [] },
  compensating: { moves: ["failed", "cancelled"], reopens: [] },
  completed: { moves: [], reopens: [] },
  failed: { moves: [], reopens: ["running", "waiting", "compensating"] },
  cancelled: { moves: [], reopens: ["running", "waiting", "compensating"] },
};

/** Which status of a work item may follow which. An item is claimed again in place when its lease expired. */
export const WORK_ITEM_TRANSITIONS: Readonly<Record<WorkItemStatus, Moves<WorkItemStatus>>> = {
  pending: { moves: ["in_progress", "cancelled"], reopens: [] },
  in_progress: {
    moves: [
      "in_progress",
      "pending",
      "waiting_retry",
      "waiting",
      "held",
      "completed",
      "failed",
      "permanently_failed",
      "cancelled",
    ],
    reopens: [],
  },
  waiting_retry: { moves: ["pending", "in_progress", "cancelled"], reopens: [] },
  // A wait ends with its payload as output, with a body to run on it, or by its deadline.
  waiting: {
    moves: ["pending", "in_progress", "completed", "failed", "permanently_failed", "cancelled"],
    reopens: [],
  },
  held: { moves: [], reopens: ["pending"] },
  completed: { moves: [], reopens: [] },
  failed: { moves: [], reopens: [] },
  permanently_failed: { moves: [], reopens: ["pending"] },
  cancelled: { moves: [], reopens: ["pending", "waiting_retry", "waiting"] },
};

/** Which status of a worker may follow which. A stopped worker that starts again is a new session. */
export const WORKER_TRANSITIONS: Readonly<Record<WorkerStatus, readonly WorkerStatus[]>> = {
  idle: ["in_progress", "retrying", "draining", "stopped"],
  in_progress: ["idle", "retrying", "draining", "stopped"],
  retrying: ["idle", "in_progress", "draining", "stopped"],
  draining: ["stopped"],
  stopped: [],
};

/** Whether the run has ended. */
export function isTerminalRun(status: RunStatus): boolean {
  return RUN_TRANSITIONS[status].moves.length === 0;
}

/** Whether the item still has something to come in a run that is open: it can be claimed, is claimed, or is parked. */
export function isOpenItem(status: WorkItemStatus): boolean {
  return WORK_ITEM_TRANSITIONS[status].moves.length > 0;
}

/** Whether a run may go from one status to another; `reopening` also allows what only `resume` and `retry` may do. */
export function runMayBecome(from: RunStatus, to: RunStatus, reopening = false): boolean {
  return mayBecome(RUN_TRANSITIONS[from], to, reopening);
}

/** Whether a work item may go from one status to another; `reopening` also allows what only `resume` and `retry` may do. */
export function itemMayBecome(from: WorkItemStatus, to: WorkItemStatus, reopening = false): boolean {
  return mayBecome(WORK_ITEM_TRANSITIONS[from], to, reopening);
}

/** Throws `ILLEGAL_TRANSITION` unless the run may go from one status to the other. */
export function checkRunTransition(runId: string, from: RunStatus, to: RunStatus, reopening = false): void {
  if (!runMayBecome(from, to, reopening)) {
    const may = [...RUN_TRANSITIONS[from].moves, ...(reopening ? RUN_TRANSITIONS[from].reopens : [])];
    throw illegal(`run ${runId}`, from, to, may, { runId });
  }
}

/** Throws `ILLEGAL_TRANSITION` unless the work item may go from one status to the other. */
export function checkItemTransition(
  runId: string,
  itemId: string,
  from: WorkItemStatus,
  to: WorkItemStatus,
  reopening = false,
): void {
  if (!itemMayBecome(from, to, reopening)) {
    const may = [...WORK_ITEM_TRANSITIONS[from].moves, ...(reopening ? WORK_ITEM_TRANSITIONS[from].reopens : [])];
    throw illegal(`item ${itemId} of run ${runId}`, from, to, may, { runId, itemId });
  }
}

/**
 * `alive` while the last heartbeat is younger than the threshold, `stale` while it is younger than three, then `dead`.
 * A heartbeat of the future counts as just made; a worker that never had one is dead. Both instants are the backend's.
 */
export function livenessOf(heartbeatAt: number | undefined, now: number, thresholdMs: number): Liveness {
  if (heartbeatAt === undefined) {
    return "dead";
  }
  const ageMs = now - heartbeatAt;
  if (ageMs < thresholdMs) {
    return "alive";
  }
  return ageMs < 3 * thresholdMs ? "stale" : "dead";
}

function mayBecome<S extends string>(row: Moves<S>, to: S, reopening: boolean): boolean {
  return row.moves.includes(to) || (reopening && row.reopens.includes(to));
}

function illegal(
  what: string,
  from: string,
  to: string,
  may: readonly string[],
  where: { runId: string; itemId?: string },
): MillraceError {
  const hint = may.length > 0 ? `From ${from} it can become: ${may.join(", ")}.` : `Nothing follows ${from}.`;
  return new MillraceError("ILLEGAL_TRANSITION", `${what} is ${from} and cannot become ${to}`, {
    ...where,
    hints: [hint],
  });
}
