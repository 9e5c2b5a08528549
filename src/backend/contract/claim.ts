/**
 * Finishing many attempts and claiming the next many in one round trip: the hot path. A session numbers its requests and
 * has one in flight; a request that is sent again gets the answer of the first time, claimed items included.
 */

import type { Commit, CommitAnswer } from "./commit.ts";
import type { RunState } from "./run.ts";
import type { ClaimReason, ItemPayload, WorkItem } from "./work-item.ts";

export interface Claim {
  readonly queues: readonly string[];
  /** Hashes of the definitions whose code this worker has. */
  readonly definitions: readonly string[];
  /** An item is offered only if all of its labels are among these. */
  readonly labels: readonly string[];
  readonly limit: number;
  /** At most this many of the claimed items may have stalled before (0 or 1). */
  readonly stalledLimit: number;
  /** Stalls after which an item is claimed with the reason `stalled`. */
  readonly maxStalls: number;
  /**
   * Leases that expired less than this ago are left alone (after an outage of the store, when their owners are coming back).
   * A request that is sent again may ask for another grace: it is the same request.
   */
  readonly graceMs: number;
}

export interface CommitAndClaim {
  readonly session: string;
  /** 1, 2, 3, … per session. */
  readonly request: number;
  /** At most 256 commits or 4 MiB; one larger commit travels alone. */
  readonly commits: readonly Commit[];
  readonly claim?: Claim | undefined;
}

export interface ClaimedItem extends ItemPayload {
  readonly item: WorkItem;
  readonly run: Pick<RunState, "id" | "definition" | "generation" | "sequence" | "priority" | "createdAt"> & {
    readonly workflow: string;
    readonly version: string;
  };
  readonly reason: ClaimReason;
  /** What the item's wait was answered with, if it was in one that had an answer. */
  readonly answer?: Uint8Array | undefined;
  /** Results of durable steps of earlier attempts, by name. */
  readonly memos: ReadonlyMap<string, Uint8Array>;
}

export interface CommitAndClaimAnswer {
  /** In the order of the request's commits. */
  readonly answers: readonly CommitAnswer[];
  /** In claim order. */
  readonly items: readonly ClaimedItem[];
  /** Backend time of the answer. */
  readonly now: number;
  /** When something may become claimable without anybody's commit (delays, leases, deadlines), if anything. */
  readonly nextDueAt: number | undefined;
}

/** What a claim would find, seen without claiming. */
export interface Peek {
  /** Backend time of the look. */
  readonly now: number;
  /**
   * False: as of `now` there was nothing for the claim, neither an item nor anything due that a claim would bring on: the
   * end of a delay, a timeout, a deadline, a run's timeout, the lease of a session that vanished (past the grace). True: there
   * was, or it cannot be told without a claim.
   */
  readonly ready: boolean;
  /** As in the answer to a claim. */
  readonly nextDueAt: number | undefined;
}
