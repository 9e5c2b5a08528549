/**
 * A work item: one execution of one node on one input inside a run, and the branch groups that items belong to.
 * Items are numbered densely per run, so (run, number) identifies one on every backend; the public id is `run.number`.
 */

import type { FailureRecord } from "../../core/errors.ts";
import type { WorkItemStatus } from "../../core/status.ts";

/** Why an item is handed out. Everything but `ready` means: commit the failure path, do not run the body. */
export type ClaimReason = "ready" | "stalled" | "timeout" | "deadline";

/** A work item to be made. Its number, group and path are given by the backend. */
export interface NewItem {
  readonly node: string;
  readonly kind: "node" | "join";
  readonly input: Uint8Array | undefined;
  /** On a failure edge: the failure handed to the successor. */
  readonly failure?: Uint8Array | undefined;
  readonly queue: string;
  readonly labels: readonly string[];
  readonly keys: readonly string[];
  readonly priority: number;
  readonly delayMs: number;
  readonly timeoutMs: number;
  readonly deadlineMs?: number | undefined;
  /** value × successors + successor. */
  readonly index: number;
}

export interface WorkItem {
  readonly runId: string;
  /** Dense per run, from 0. */
  readonly item: number;
  readonly node: string;
  /** A join reads its arrivals instead of an input. */
  readonly kind: "node" | "join";
  readonly status: WorkItemStatus;
  /** Item whose commit made this one; `undefined` for the first and for injected ones. */
  readonly from: number | undefined;
  /** Attempts that ended in failure since the item was created, resumed or retried. The running attempt is this plus one. */
  readonly attempts: number;
  /** Consecutive takeovers from a session that vanished. */
  readonly stalls: number;
  readonly conflicts: number;
  /** Grows by one at every claim, never falls. */
  readonly epoch: number;
  /** Who claimed it last. */
  readonly session: string | undefined;
  readonly claimedAt: number | undefined;
  /** When it was or will be ready to be claimed. */
  readonly readyAt: number;
  readonly priority: number;
  readonly queue: string;
  readonly labels: readonly string[];
  /** Keys that flow control counts by. */
  readonly keys: readonly string[];
  /** Innermost branch group: the number of the item that opened it. */
  readonly group: number | undefined;
  /** Of a join: the group whose arrivals it reads. */
  readonly joins: number | undefined;
  /** Place in the emission that made it: value × successors + successor. */
  readonly index: number;
  /** Sorts items in branch order; see `appendPath`. */
  readonly path: string;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
  /** The run's commit number that last changed this item; 0 before the first. */
  readonly commit: number;
  readonly timeoutMs: number;
  /** Set while in progress: when the attempt's timeout is due. */
  readonly timeoutAt: number | undefined;
  readonly deadlineMs: number | undefined;
  /** When the deadline over all attempts is due. */
  readonly deadlineAt: number | undefined;
  /** Why it was handed out at its last claim; everything but `ready` is kept until the failure path is committed. */
  readonly reason: ClaimReason;
  /** Grows when an operator retries the item with edited input; part of the idempotency key. */
  readonly revision: number;
  /** Digest of the commit that ended the claim of `epoch`, to tell a replay from a conflict. */
  readonly commitDigest: string | undefined;
  /** Milliseconds from ready to claimed and from claimed to committed, of the last attempt. */
  readonly waitedMs: number | undefined;
  readonly ranMs: number | undefined;
  /** Last failure, kept until the item completes. */
  readonly failure: FailureRecord | undefined;
  /** The wait that it is in, or was in last; absent if it never waited. */
  readonly wait?: WaitState | undefined;
}

/** What a work item waits for. */
export type WaitKind = "sleep" | "event" | "input" | "tool" | "child";

/** What a work item keeps of the wait that it is in, or that it was in last. */
export interface WaitState {
  readonly kind: WaitKind;
  /** Tells it from other waits of the item: the epoch of the claim that began it. */
  readonly number: number;
  readonly since: number;
  /** When it is over by itself: a sleep has slept, any other wait is in vain. */
  readonly dueAt: number | undefined;
  /** What was left of the item's deadline over all attempts: it stands still meanwhile. */
  readonly deadlineLeftMs: number | undefined;
  /** How it ended, once it has. */
  readonly over: "answer" | "time" | undefined;
}

/** What a node's input and, on a failure edge, the handed-over failure look like at rest. */
export interface ItemPayload {
  readonly input: Uint8Array | undefined;
  readonly failure: Uint8Array | undefined;
}

/** One opening of a fan-out that a join names. Numbered by the item that opened it. */
export interface BranchGroup {
  readonly runId: string;
  readonly group: number;
  readonly fanOut: string;
  readonly parent: number | undefined;
  /** Index of the opener in its own emission. */
  readonly index: number;
  readonly path: string;
  /** 1 for a group without a parent. */
  readonly depth: number;
  /** Open items whose innermost group this is, plus open child groups. */
  readonly open: number;
  /** The joins of this fan-out, ready to be inserted. */
  readonly joins: readonly JoinTemplate[];
  /** Arrivals so far, by join node. */
  readonly arrived: Readonly<Record<string, number>>;
  /** True once its joins have fired; nothing fires again. */
  readonly done: boolean;
}

/** A join's work item before it fires. */
export interface JoinTemplate {
  readonly node: string;
  readonly queue: string;
  readonly labels: readonly string[];
  readonly keys: readonly string[];
  readonly priority: number;
  readonly timeoutMs: number;
  readonly deadlineMs?: number | undefined;
}

/** A value that reached a join. Ordered by `path`, then `commit`, then `index`. */
export interface Arrival {
  readonly runId: string;
  readonly group: number;
  readonly join: string;
  /** Item whose commit recorded it, and that item's node: the slot of a join by name. */
  readonly from: number;
  readonly node: string;
  readonly path: string;
  readonly commit: number;
  readonly index: number;
  readonly value: Uint8Array;
}

export interface ItemFilter {
  readonly runId?: string | undefined;
  readonly status?: readonly WorkItemStatus[] | undefined;
  readonly node?: string | undefined;
  readonly session?: string | undefined;
  /** Only items that a commit later than this changed (for following a run). */
  readonly changedAfter?: number | undefined;
}
