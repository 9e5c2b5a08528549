/**
 * A work item as users see it, and the pages that lists come in. What only commits decide by (digests, paths, groups)
 * stays behind. It reads nothing; it turns a record into another.
 */

import type { Page } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import type { FailureRecord } from "../core/errors.ts";
import type { WorkItemStatus } from "../core/status.ts";
import { formatItemId } from "./item-id.ts";
import { formatWaitId } from "./wait-id.ts";

/** A work item. Instants are milliseconds since 1970 by the backend's clock. */
export interface WorkItemInfo {
  readonly id: string;
  readonly runId: string;
  /** Dense per run, from 0. */
  readonly number: number;
  readonly node: string;
  readonly kind: "node" | "join";
  readonly status: WorkItemStatus;
  /** The item whose commit made this one; `undefined` for the first and for injected ones. */
  readonly from: string | undefined;
  /** Attempts that ended in failure since it was created, resumed or retried. */
  readonly attempts: number;
  /** Times in a row that it was taken over from a worker that vanished. */
  readonly stalls: number;
  readonly conflicts: number;
  readonly queue: string;
  readonly labels: readonly string[];
  readonly priority: number;
  readonly createdAt: number;
  /** When it was or will be ready to be claimed. */
  readonly readyAt: number;
  readonly claimedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** When the running attempt times out; while in progress. */
  readonly timeoutAt: number | undefined;
  /** When its deadline over all attempts is due. */
  readonly deadlineAt: number | undefined;
  /** The session that claimed it last. */
  readonly session: string | undefined;
  /** Of the last attempt: milliseconds from ready to claimed, and from claimed to committed. */
  readonly waitedMs: number | undefined;
  readonly ranMs: number | undefined;
  /** The last failure, kept until the item completes. */
  readonly failure: FailureRecord | undefined;
  /** Grows when it is retried with edited input. */
  readonly revision: number;
  /** The run's commit that last changed it; 0 before the first. */
  readonly commit: number;
  /** What it is parked for; while it waits. */
  readonly wait: ItemWait | undefined;
  /** What its last attempt said by `heartbeat`, if anything; in lists of items and where one is got, not in events. */
  readonly progress?: ItemProgress | undefined;
}

/** What an item is parked for. */
export interface ItemWait {
  /** For `completeWait`, unless it sleeps or waits for a child. */
  readonly id: string;
  readonly kind: "sleep" | "event" | "input" | "tool" | "child";
  readonly since: number;
  /** When it is over by itself, if ever. */
  readonly dueAt: number | undefined;
}

/** What an attempt last said of how far it is. */
export interface ItemProgress {
  readonly at: number;
  readonly details: unknown;
}

/** The public form of a work item's record. */
export function toWorkItemInfo(item: WorkItem): WorkItemInfo {
  return {
    id: formatItemId(item.runId, item.item),
    runId: item.runId,
    number: item.item,
    node: item.node,
    kind: item.kind,
    status: item.status,
    from: item.from === undefined ? undefined : formatItemId(item.runId, item.from),
    attempts: item.attempts,
    stalls: item.stalls,
    conflicts: item.conflicts,
    queue: item.queue,
    labels: item.labels,
    priority: item.priority,
    createdAt: item.createdAt,
    readyAt: item.readyAt,
    claimedAt: item.claimedAt,
    endedAt: item.endedAt,
    timeoutAt: item.timeoutAt,
    deadlineAt: item.deadlineAt,
    session: item.session,
    waitedMs: item.waitedMs,
    ranMs: item.ranMs,
    failure: item.failure,
    revision: item.revision,
    commit: item.commit,
    wait: item.status === "waiting" ? itemWait(item) : undefined,
  };
}

function itemWait({ runId, item, wait }: WorkItem): ItemWait | undefined {
  if (wait === undefined) return undefined;
  const { kind, number, since, dueAt } = wait;
  return { id: formatWaitId({ runId, item, number }), kind, since, dueAt };
}

/** The same page with every entry turned into something else. */
export function mapPage<A, B>(page: Page<A>, map: (entry: A) => B): Page<B> {
  const entries = page.entries.map(map);
  return page.cursor === undefined ? { entries } : { entries, cursor: page.cursor };
}
