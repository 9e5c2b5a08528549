/** How a run in this process is asked for, what it tells while it runs, and what it gives. */

import type { Clock, Logger } from "../core/ports.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { RunStatus } from "../core/status.ts";
import type { ContextInit, ContextView } from "../definition/context/field.ts";
import type { WorkflowTypes } from "../definition/workflow-types.ts";
import type { ItemOutcome } from "../worker/worker-callbacks.ts";
import type { OnWait } from "./answering.ts";
import type { Patience } from "./give-up.ts";

/** What runs in this process have in common. All may be left out. */
export interface LocalOptions<T extends WorkflowTypes = WorkflowTypes> extends Patience {
  /** Items executed at the same time; 16 if absent. */
  readonly concurrency?: number | undefined;
  /** For nodes without a policy of their own, in workflows without one; none if absent. */
  readonly retry?: RetryPolicy | false | undefined;
  /**
   * Told after each attempt, once its outcome is committed (and saved, where checkpoints are). It observes: whatever it
   * does changes nothing for the run, and nobody waits for it.
   */
  readonly onProgress?: ((progress: RunProgress<keyof T["nodes"] & string>) => unknown) | undefined;
  /**
   * Answers what the run, or a child of it, waits for from outside, once for each wait: an input, an event, the result of a
   * tool. `undefined` leaves it waiting, and its deadline decides. Without this function such a wait ends the call with `UNANSWERED`.
   */
  readonly onWait?: OnWait | undefined;
  readonly logger?: Logger | undefined;
  /** For tests and simulations. */
  readonly clock?: Clock | undefined;
}

/** How to run in this process. All may be left out. */
export interface LocalRunOptions<T extends WorkflowTypes = WorkflowTypes> extends LocalOptions<T> {
  /** Initial values of the context, by field. */
  readonly context?: ContextInit<T["fields"]> | undefined;
}

/** How far a run has come, and by which attempt. */
export interface RunProgress<N extends string = string> {
  readonly runId: string;
  /** The node whose attempt has ended, its item, and which attempt it was, from 1. */
  readonly node: N;
  readonly itemId: string;
  readonly attempt: number;
  readonly outcome: ItemOutcome["outcome"];
  readonly status: RunStatus;
  /** Work items that are done; that are still to be done or under way; that hold; that failed, also those with a failure edge. */
  readonly completed: number;
  readonly open: number;
  readonly held: number;
  readonly failed: number;
  /** Failed attempts that were or will be tried again. */
  readonly retried: number;
}

/** What a run gave. */
export interface LocalRunResult<T extends WorkflowTypes = WorkflowTypes> {
  readonly output: T["output"];
  /** The shared context as the run left it. */
  readonly context: ContextView<T["fields"]>;
  readonly runId: string;
}
