/**
 * The one atomic write that ends an attempt, and its answer. A commit is made by the executor, carries everything that
 * the attempt did, and is sent unchanged until it is answered. The backend applies all of it or, when a guard refuses,
 * nothing of it. Payloads are opaque bytes here.
 */

import type { FailureRecord } from "../../core/errors.ts";
import type { RunStatus } from "../../core/status.ts";
import type { NewWait } from "./wait.ts";
import type { JoinTemplate, NewItem } from "./work-item.ts";

export type { NewItem } from "./work-item.ts";

/** A value that goes to a join of an open fan-out instead of to an item. */
export interface NewArrival {
  readonly join: string;
  /** The fan-out that the join names: the nearest enclosing group of it takes the arrival. */
  readonly of: string;
  readonly index: number;
  readonly value: Uint8Array;
}

export interface NewOutput {
  readonly index: number;
  readonly value: Uint8Array;
}

export type CommitOutcomeRequest =
  | {
      readonly kind: "emit";
      readonly items: readonly NewItem[];
      readonly arrivals: readonly NewArrival[];
      readonly outputs: readonly NewOutput[];
      /** Values × successors of the emission; more than one extends the branch path. */
      readonly width: number;
      /** Present when the node is a fan-out that a join names: the emission opens a group around its members. */
      readonly opens?: { readonly joins: readonly JoinTemplate[] } | undefined;
    }
  | { readonly kind: "hold" }
  /** The attempt failed and is tried again after `delayMs`. */
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly failure: FailureRecord;
      /** The wait that the item was in counts no more: its next attempt begins with another. */
      readonly waitsAgain?: boolean | undefined;
    }
  /** The item failed and its failure edge takes over, inside the same group. */
  | {
      readonly kind: "failOver";
      readonly failure: FailureRecord;
      readonly items: readonly NewItem[];
      readonly arrivals: readonly NewArrival[];
      readonly width: number;
    }
  /** The item failed for good, and the run with it. */
  | { readonly kind: "fail"; readonly failure: FailureRecord; readonly waitsAgain?: boolean | undefined }
  /** The item is parked. Once its wait is over, it is claimed again, in the same attempt. */
  | { readonly kind: "wait"; readonly wait: NewWait }
  /** No attempt ended: the item goes back (drain, too many conflicts). */
  | { readonly kind: "release"; readonly delayMs: number };

export interface Commit {
  readonly runId: string;
  readonly item: number;
  readonly epoch: number;
  readonly generation: number;
  /** The sequence that the attempt's context was read at. */
  readonly base: number;
  /** Field numbers whose values the outcome depends on; empty when the commit is unconditional. */
  readonly reads: readonly number[];
  /** Field numbers that the delta changes. */
  readonly writes: readonly number[];
  /** Positions, in the same request, of earlier commits of the same run that this attempt's context already contained. */
  readonly after: readonly number[];
  readonly delta: Uint8Array | undefined;
  readonly outcome: CommitOutcomeRequest;
  /** Executions of this attempt that lost to a conflict and left no trace. */
  readonly conflicts: number;
  readonly metrics: readonly { readonly name: string; readonly value: number }[];
  readonly logs: readonly LogLine[];
  /** Digest of all of the above. */
  readonly digest: string;
}

export interface LogLine {
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** JSON text. */
  readonly data?: string | undefined;
}

export type RefusalCode = "STALE_LEASE" | "CONTEXT_CONFLICT" | "RUN_CLOSED" | "COMMIT_CONFLICT";

export type CommitAnswer =
  | {
      readonly kind: "committed";
      /** The run's sequence after this commit, and whether this commit's delta made it. */
      readonly sequence: number;
      readonly appended: boolean;
      /** The backend's time of the commit: `at` of its events. */
      readonly at: number;
      readonly runStatus: RunStatus;
      /** Status the item ended with. */
      readonly itemStatus:
        | "completed"
        | "held"
        | "waiting_retry"
        | "failed"
        | "permanently_failed"
        | "pending"
        | "waiting";
    }
  | {
      readonly kind: "refused";
      readonly code: RefusalCode;
      readonly message: string;
      /** The run's sequence now (0 when the run is gone). */
      readonly sequence: number;
    };
