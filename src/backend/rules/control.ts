/**
 * What each control action makes of a run, as a pure function: guards by the run's status, then the rows to write. An
 * action never touches more rows than it must: closing writes the run alone, re-opening the items that it re-opens.
 */

import type { ErrorCode } from "../../core/errors.ts";
import { isOpenItem, isTerminalRun, type RunStatus, runMayBecome } from "../../core/status.ts";
import type { ControlAction, ControlOutcome } from "../contract/control.ts";
import type { DeltaRecord } from "../contract/records.ts";
import type { RunFailure, RunState } from "../contract/run.ts";
import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import { freshItem } from "./item-row.ts";
import { appendSequence, closeRun } from "./run-row.ts";
import { endWait, isWaitingFor, settled } from "./waits.ts";

/** The rows that decide, read inside the same atomic step. */
export interface ControlRows {
  readonly run: RunState | undefined;
  readonly failure: RunFailure | undefined;
  item(item: number): WorkItem | undefined;
  /** What a wait of the item was answered with. */
  answer(item: WorkItem, number: number): Uint8Array | undefined;
  /** Items of the run that are open by their row, permanently failed or held, by number; asked only to re-open a run. */
  unfinished(): readonly WorkItem[];
}

export interface ControlEffect {
  readonly run: RunState;
  /** `null` clears it. */
  readonly failure?: RunFailure | null;
  readonly output?: Uint8Array;
  /** Changed items. */
  readonly items?: readonly WorkItem[];
  readonly inserted?: { readonly item: WorkItem; readonly payload: ItemPayload };
  /** New input of a changed item. */
  readonly input?: { readonly item: number; readonly bytes: Uint8Array };
  readonly delta?: DeltaRecord;
  /** A wait that is over, with its answer. */
  readonly answered?: { readonly item: WorkItem; readonly number: number; readonly payload: Uint8Array };
  /** Items that claims moved aside while nothing of the run could be claimed have to be put back. */
  readonly putBack?: boolean;
  /** Remove the run and everything of it. */
  readonly remove?: boolean;
  /** The item that the action was about, for its outcome. */
  readonly about?: number;
}

export type ControlDecision =
  | { readonly kind: "apply"; readonly effect: ControlEffect }
  | { readonly kind: "answer"; readonly outcome: ControlOutcome };

export function decideControl(rows: ControlRows, action: ControlAction, now: number): ControlDecision {
  const { run } = rows;
  if (run === undefined) return refuse("RUN_NOT_FOUND", `there is no run ${action.runId}`);
  switch (action.kind) {
    case "cancel":
      return cancel(run, action.reason, now);
    case "pause":
      return pause(run, now);
    case "resume":
      return resume(run, rows, action, now);
    case "retryItem":
      return retryItem(run, rows, action, now);
    case "complete":
      if (!runMayBecome(run.status, "completed")) return stays(run, "completed");
      return apply({ run: closeRun({ ...run, outputs: run.outputs + 1 }, "completed", now), output: action.output });
    case "fail":
      if (!runMayBecome(run.status, "failed")) return stays(run, "failed");
      return apply({ run: closeRun(run, "failed", now), failure: action.failure });
    case "enqueue":
      return enqueue(run, action, now);
    case "merge":
      return merge(run, action, now);
    case "setAttempts":
      return setAttempts(run, rows.item(action.item), action);
    case "completeWait":
      return completeWait(run, rows, action, now);
    case "delete":
      if (!isTerminalRun(run.status))
        return refuse("RUN_OPEN", `run ${run.id} is ${run.status}; cancel it before deleting it`);
      return apply({ run, remove: true });
  }
}

function cancel(run: RunState, reason: string | undefined, now: number): ControlDecision {
  if (run.status === "cancelled") return unchanged(run);
  if (!runMayBecome(run.status, "cancelled")) return stays(run, "cancelled");
  return apply({
    run: closeRun(run, "cancelled", now),
    failure: { code: "RUN_CANCELLED", message: reason ?? "cancelled" },
  });
}

function pause(run: RunState, now: number): ControlDecision {
  if (run.status === "paused") return unchanged(run);
  if (!runMayBecome(run.status, "paused")) return stays(run, "paused");
  return apply({ run: { ...run, status: "paused", statusAt: now } });
}

type Resume = Extract<ControlAction, { kind: "resume" }>;

function resume(run: RunState, rows: ControlRows, action: Resume, now: number): ControlDecision {
  if (run.status === "running" || run.status === "waiting") return unchanged(run);
  const limits = newLimits(run, action, now);
  if (run.status === "paused") return apply({ run: reopen(run, limits, now), putBack: true });
  if (run.status !== "failed" && run.status !== "cancelled") return stays(run, "running");
  const obstacle = obstacleTo(run, rows.failure, limits, now);
  if (obstacle !== undefined) return refuse("ILLEGAL_TRANSITION", obstacle);
  const unfinished = rows.unfinished();
  const reopensHeld = rows.failure?.code === "RUN_STUCK";
  const items = unfinished.filter((item) => reopensHeld || item.status !== "held").map((item) => reopenItem(item, now));
  if (items.length === 0)
    return refuse("ILLEGAL_TRANSITION", `run ${run.id} is ${run.status} and has nothing that could be run again`);
  const failed = count(unfinished, "permanently_failed");
  const held = reopensHeld ? count(unfinished, "held") : 0;
  const counted = { ...run, failed: run.failed - failed, held: run.held - held, open: run.open + failed + held };
  return apply({
    run: reopen(counted, limits, now),
    failure: null,
    items: items.filter(hasChanged(unfinished)),
    putBack: true,
  });
}

function newLimits(run: RunState, action: Resume, now: number): Pick<RunState, "timeoutAt" | "maxItems"> {
  return {
    timeoutAt: action.timeoutMs === undefined ? run.timeoutAt : now + action.timeoutMs,
    maxItems: action.maxItems ?? run.maxItems,
  };
}

function obstacleTo(
  run: RunState,
  failure: RunFailure | undefined,
  limits: Pick<RunState, "timeoutAt" | "maxItems">,
  now: number,
): string | undefined {
  if (limits.timeoutAt !== undefined && limits.timeoutAt <= now)
    return `the timeout of run ${run.id} has passed; resume it with a new timeout`;
  if (failure?.code === "TOO_MANY_ITEMS" && limits.maxItems <= run.items) {
    return `run ${run.id} has made ${run.items} items; resume it with a higher maxItems`;
  }
  if (failure?.code === "MULTIPLE_OUTPUTS")
    return `run ${run.id} has more than one output, which its completion mode does not allow`;
  return undefined;
}

function reopen(
  run: RunState,
  { timeoutAt, maxItems }: Pick<RunState, "timeoutAt" | "maxItems">,
  now: number,
): RunState {
  return settled({ ...run, timeoutAt, maxItems, status: "running", statusAt: now, finishedAt: undefined }, now);
}

/** Failed and held items start afresh; what was executing when the run closed goes back to the queue. */
function reopenItem(item: WorkItem, now: number): WorkItem {
  switch (item.status) {
    case "permanently_failed":
    case "held":
      return freshStart(item, now);
    case "in_progress":
      return { ...item, status: "pending", reason: "ready", readyAt: now, timeoutAt: undefined };
    case "pending":
    case "waiting_retry":
    case "waiting":
    case "completed":
    case "failed":
    case "cancelled":
      return item;
  }
}

function freshStart(item: WorkItem, now: number): WorkItem {
  return {
    ...item,
    status: "pending",
    reason: "ready",
    attempts: 0,
    stalls: 0,
    readyAt: now,
    endedAt: undefined,
    timeoutAt: undefined,
    deadlineAt: item.deadlineMs === undefined ? undefined : now + item.deadlineMs,
  };
}

type RetryItem = Extract<ControlAction, { kind: "retryItem" }>;

function retryItem(run: RunState, rows: ControlRows, action: RetryItem, now: number): ControlDecision {
  const item = rows.item(action.item);
  if (item === undefined) return refuse("ITEM_NOT_FOUND", `run ${run.id} has no item ${action.item}`);
  if (item.status !== "permanently_failed") {
    return refuse(
      "ILLEGAL_TRANSITION",
      `item ${run.id}.${item.item} is ${item.status}; only permanently failed items can be retried`,
    );
  }
  if (run.status !== "failed")
    return refuse("ILLEGAL_TRANSITION", `run ${run.id} is ${run.status}; only items of a failed run can be retried`);
  const obstacle = obstacleTo(run, undefined, run, now);
  if (obstacle !== undefined) return refuse("ILLEGAL_TRANSITION", obstacle);
  const others = rows.unfinished().filter((other) => other.item !== item.item && other.status === "in_progress");
  const again = freshStart(item, now);
  // What was answered before the edit was the answer to something else.
  const revised = action.input === undefined ? again : { ...again, revision: item.revision + 1, wait: undefined };
  const counted = { ...run, failed: run.failed - 1, open: run.open + 1 };
  return apply({
    run: reopen(counted, run, now),
    failure: null,
    items: [revised, ...others.map((other) => reopenItem(other, now))],
    ...(action.input === undefined ? {} : { input: { item: item.item, bytes: action.input } }),
    putBack: true,
    about: item.item,
  });
}

function enqueue(run: RunState, action: Extract<ControlAction, { kind: "enqueue" }>, now: number): ControlDecision {
  if (isTerminalRun(run.status)) return ended(run);
  if (run.items >= run.maxItems)
    return refuse("TOO_MANY_ITEMS", `run ${run.id} may not make more than ${run.maxItems} items`);
  const place = { from: undefined, group: undefined, joins: undefined, index: 0, path: "" };
  const item = freshItem(run.id, run.items, action.item, place, now);
  const payload = { input: action.item.input, failure: action.item.failure };
  return apply({
    run: settled({ ...run, items: run.items + 1, open: run.open + 1 }, now),
    inserted: { item, payload },
    about: item.item,
  });
}

function merge(run: RunState, action: Extract<ControlAction, { kind: "merge" }>, now: number): ControlDecision {
  if (isTerminalRun(run.status)) return ended(run);
  const next = appendSequence(run, action.writes);
  return apply({ run: next, delta: { sequence: next.sequence, item: run.id, epoch: 0, at: now, delta: action.delta } });
}

function setAttempts(
  run: RunState,
  item: WorkItem | undefined,
  action: Extract<ControlAction, { kind: "setAttempts" }>,
): ControlDecision {
  if (item === undefined) return refuse("ITEM_NOT_FOUND", `run ${run.id} has no item ${action.item}`);
  if (isTerminalRun(run.status) || !isOpenItem(item.status) || item.status === "in_progress") {
    return refuse(
      "ILLEGAL_TRANSITION",
      `item ${run.id}.${item.item} is ${item.status}; attempts are set only while an item is open and nobody executes it`,
    );
  }
  const attempts = typeof action.attempts === "number" ? action.attempts : item.attempts + action.attempts.add;
  return apply({ run, items: [{ ...item, attempts: Math.max(0, attempts) }], about: item.item });
}

type CompleteWait = Extract<ControlAction, { kind: "completeWait" }>;

/** A paused run takes the answer and goes on with it when it is resumed. */
function completeWait(run: RunState, rows: ControlRows, action: CompleteWait, now: number): ControlDecision {
  const { number, payload } = action;
  const item = rows.item(action.item);
  if (item === undefined) return refuse("WAIT_NOT_FOUND", `run ${run.id} has no item ${action.item}`);
  const given = rows.answer(item, number);
  if (given !== undefined) {
    if (Buffer.from(given).equals(payload)) return unchanged(run);
    return refuse(
      "ILLEGAL_TRANSITION",
      `the wait of item ${run.id}.${item.item} was answered before, with another value`,
    );
  }
  if (isTerminalRun(run.status)) return ended(run);
  if (!isWaitingFor(item, number)) {
    return refuse("WAIT_NOT_FOUND", `item ${run.id}.${item.item} is not in its wait ${number}, or not any more`);
  }
  if (item.wait.kind === "sleep" || item.wait.kind === "child") {
    return refuse("WAIT_NOT_FOUND", `a ${item.wait.kind} of item ${run.id}.${item.item} takes no answer`);
  }
  const over = endWait(run, item, "answer", now);
  return apply({
    run: over.run,
    items: [over.item],
    answered: { item: over.item, number, payload },
    about: item.item,
  });
}

function hasChanged(before: readonly WorkItem[]): (item: WorkItem) => boolean {
  const known = new Set(before);
  return (item) => !known.has(item);
}

function count(items: readonly WorkItem[], status: WorkItem["status"]): number {
  return items.filter((item) => item.status === status).length;
}

function stays(run: RunState, wanted: RunStatus): ControlDecision {
  const code = isTerminalRun(run.status) ? "RUN_CLOSED" : "ILLEGAL_TRANSITION";
  return refuse(code, `run ${run.id} is ${run.status} and cannot become ${wanted}`);
}

function ended(run: RunState): ControlDecision {
  return refuse("RUN_CLOSED", `run ${run.id} is ${run.status} and takes nothing more`);
}

function refuse(code: ErrorCode, message: string): ControlDecision {
  return { kind: "answer", outcome: { kind: "refused", code, message } };
}

function unchanged(run: RunState): ControlDecision {
  return { kind: "answer", outcome: { kind: "unchanged", run } };
}

function apply(effect: ControlEffect): ControlDecision {
  return { kind: "apply", effect };
}
