/**
 * What a node's body is handed. The engine fills it in (`src/execution`); this file only says what is there and what it
 * promises. Invariant: nothing here has an effect on the workflow's state before the attempt is committed, except
 * `step`, whose results are kept for the next attempt of the same item.
 */
import type { Logger } from "../core/ports.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { LiveContext } from "./context/field.ts";
import type { Failure } from "./failure.ts";

/** What every body is told and may use, whatever its input and context are. */
export interface AttemptInfo {
  /** Aborted when the run is closed, the attempt times out, its lease is lost, or the worker gives up draining. */
  readonly signal: AbortSignal;
  readonly runId: string;
  readonly itemId: string;
  /** From 1. A repetition after `CONTEXT_CONFLICT` is no new attempt. */
  readonly attempt: number;
  /** The same on every attempt of the item; hand it to the outside world, so that a repeated effect is recognised. */
  readonly idempotencyKey: string;
  /** Why the item before failed; only in a node reached by `onFailure` or `onTimeout`. */
  readonly error: Failure | undefined;
  readonly logger: Logger;
  /**
   * Tells observers that the attempt is alive, and how far it is: the details, a value of at most 4 KiB, are kept with the
   * item for other processes to see, the latest at most once a second. Costs nothing and never throws; what cannot be kept is dropped. Leases are renewed without it.
   */
  heartbeat(details?: unknown): void;
  /**
   * Runs `fn` once and keeps its result over all attempts of this item; `name` is unique within the item. With `retry` it is
   * called again inside the attempt when it fails, within the attempt's timeout; without, its failure is the attempt's.
   */
  step<T>(name: string, fn: () => T | Promise<T>, options?: StepOptions): Promise<T>;
  /** Adds a measurement to the run's metrics; recorded with the commit of this attempt, or not at all. */
  metric(name: string, value: number): void;
}

/** How a durable step is done. */
export interface StepOptions {
  /** When to call it again; what is left out is as in a node's `retry`. Once if absent. */
  readonly retry?: RetryPolicy | false | undefined;
}

/** What a body receives beside its input: `F` are the context fields that its node declared. */
export interface RunArgs<F> extends AttemptInfo {
  /** As of the start of the attempt, plus the attempt's own changes. */
  readonly context: LiveContext<F>;
}

/** The same with the types erased, as the engine makes it: `inputs` for joins, `input` for all other nodes. */
export interface AttemptArgs extends AttemptInfo {
  readonly context: unknown;
  readonly input?: unknown;
  readonly inputs?: unknown;
  /** What was waited for, parsed; in the second phase of a wait. */
  readonly received?: unknown;
}
