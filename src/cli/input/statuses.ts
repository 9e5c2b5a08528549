/**
 * The words for statuses that options take. The compiler holds each list equal to the engine's own type, so that a status
 * that is added there is missed here by nobody.
 */

import type { RunInfo, WorkItemInfo } from "../../index.ts";

const RUNS: Readonly<Record<RunInfo["status"], true>> = {
  running: true,
  waiting: true,
  paused: true,
  compensating: true,
  completed: true,
  failed: true,
  cancelled: true,
};

const ITEMS: Readonly<Record<WorkItemInfo["status"], true>> = {
  pending: true,
  in_progress: true,
  waiting_retry: true,
  waiting: true,
  held: true,
  completed: true,
  failed: true,
  permanently_failed: true,
  cancelled: true,
};

/** Every status of a run. */
export const RUN_STATUSES = keysOf(RUNS);

/** Every status of a work item. */
export const ITEM_STATUSES = keysOf(ITEMS);

function keysOf<K extends string>(record: Readonly<Record<K, true>>): readonly K[] {
  // The record's type lists its keys, and nothing else is ever put into it.
  return Object.keys(record) as K[];
}
