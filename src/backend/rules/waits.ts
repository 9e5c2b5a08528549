/**
 * How an item is parked and how its wait ends, as pure functions. Invariant: a wait is over once; a parked item counts
 * as open and as parked, and a run all of whose open items are parked is waiting.
 */

import type { RunState } from "../contract/run.ts";
import type { NewWait } from "../contract/wait.ts";
import type { WaitState, WorkItem } from "../contract/work-item.ts";

/** The item in its wait. */
export function parkedItem(item: WorkItem, wait: NewWait, now: number): WorkItem {
  const state: WaitState = {
    kind: wait.kind,
    number: item.epoch,
    since: now,
    dueAt: wait.durationMs === undefined ? undefined : now + wait.durationMs,
    deadlineLeftMs: item.deadlineAt === undefined ? undefined : Math.max(0, item.deadlineAt - now),
    over: undefined,
  };
  return { ...item, status: "waiting", wait: state, deadlineAt: undefined, stalls: 0 };
}

/** The item and its run once the wait is over. Precondition: the item is in a wait. */
export function endWait(
  run: RunState,
  item: WorkItem,
  over: "answer" | "time",
  now: number,
): { readonly run: RunState; readonly item: WorkItem } {
  const { wait } = item;
  if (wait === undefined) return { run, item };
  // A wait in vain takes the item's failure path; whoever only slept goes on.
  const isInVain = over === "time" && wait.kind !== "sleep";
  return {
    run: withParked(run, run.parked - 1, now),
    item: {
      ...item,
      status: "pending",
      readyAt: now,
      reason: isInVain ? "deadline" : "ready",
      deadlineAt: wait.deadlineLeftMs === undefined || isInVain ? undefined : now + wait.deadlineLeftMs,
      wait: { ...wait, over },
    },
  };
}

/** The run with so many of its open items parked. */
export function withParked(run: RunState, parked: number, now: number): RunState {
  return settled({ ...run, parked }, now);
}

/** `running` or `waiting`, by what its open items do; any other status stays. */
export function settled(run: RunState, now: number): RunState {
  const status = run.parked > 0 && run.parked === run.open ? "waiting" : "running";
  if (run.status === status || (run.status !== "running" && run.status !== "waiting")) return run;
  return { ...run, status, statusAt: now };
}

/** Whether the answer to a wait of this number would still end it. */
export function isWaitingFor(
  item: WorkItem | undefined,
  number: number,
): item is WorkItem & { readonly wait: WaitState } {
  return item?.status === "waiting" && item.wait?.number === number && item.wait.over === undefined;
}

/** Name of the row that keeps the answer to a wait, beside the results of durable steps. */
export function answerName(item: Pick<WorkItem, "revision">, number: number): string {
  return `${item.revision}=${number}`;
}
