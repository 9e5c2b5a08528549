/**
 * What an operator or the orchestrator may do to a run from outside. Each action is atomic, guarded by the tables of legal
 * transitions, recorded in the audit trail with its actor, and answered with a tagged outcome.
 */

import type { ErrorCode, FailureRecord } from "../../core/errors.ts";
import type { NewItem } from "./commit.ts";
import type { RunState } from "./run.ts";

export type ControlAction =
  | { readonly kind: "cancel"; readonly runId: string; readonly reason?: string | undefined }
  | { readonly kind: "pause"; readonly runId: string }
  /** Un-pauses; re-opens a failed or cancelled run. A timed-out or over-limit run needs a new limit. */
  | {
      readonly kind: "resume";
      readonly runId: string;
      readonly timeoutMs?: number | undefined;
      readonly maxItems?: number | undefined;
    }
  /** Re-opens one item that failed for good (and its run); edited input starts a new revision. */
  | {
      readonly kind: "retryItem";
      readonly runId: string;
      readonly item: number;
      readonly input?: Uint8Array | undefined;
    }
  /** Ends an open run with this output, whatever is still open. */
  | { readonly kind: "complete"; readonly runId: string; readonly output: Uint8Array }
  | { readonly kind: "fail"; readonly runId: string; readonly failure: FailureRecord }
  /** Puts a work item into an open run from outside. */
  | { readonly kind: "enqueue"; readonly runId: string; readonly item: NewItem }
  /** Appends a delta to an open run from outside. */
  | { readonly kind: "merge"; readonly runId: string; readonly delta: Uint8Array; readonly writes: readonly number[] }
  /** Sets the count of failed attempts of an open item that nobody executes. */
  | {
      readonly kind: "setAttempts";
      readonly runId: string;
      readonly item: number;
      readonly attempts: number | { readonly add: number };
    }
  /** Ends a wait with its answer; with the same one again, nothing changes. `number`: of the wait that is meant. */
  | {
      readonly kind: "completeWait";
      readonly runId: string;
      readonly item: number;
      readonly number: number;
      readonly payload: Uint8Array;
    }
  /** Removes a terminal run and everything of it. */
  | { readonly kind: "delete"; readonly runId: string };

export interface ControlRequest {
  readonly action: ControlAction;
  /** Who asked; free text for the audit trail. */
  readonly actor?: string | undefined;
}

export type ControlOutcome =
  | { readonly kind: "done"; readonly run: RunState; readonly item?: number | undefined }
  /** The run already was as asked. */
  | { readonly kind: "unchanged"; readonly run: RunState }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

export interface AuditEntry {
  readonly runId: string;
  readonly at: number;
  readonly action: ControlAction["kind"];
  readonly actor: string | undefined;
  /** JSON text: what was asked, without payloads. */
  readonly detail: string;
  readonly item: number | undefined;
}
