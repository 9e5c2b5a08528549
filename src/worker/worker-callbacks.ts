/**
 * Callbacks of a worker: they observe. Whatever one does (throw, reject, take its time) changes nothing for the worker
 * or for a run; it is logged and forgotten. Nobody waits for a callback.
 */

import { describeFailure, type FailureRecord } from "../core/errors.ts";
import type { Logger } from "../core/ports.ts";
import type { RunStatus } from "../core/status.ts";

/** An item as callbacks are told of it. */
export interface ItemEvent {
  readonly workerId: string;
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly itemId: string;
  readonly node: string;
  /** From 1. */
  readonly attempt: number;
}

/** How an attempt ended. */
export interface ItemOutcome extends ItemEvent {
  /** `released`: given back without an attempt used; `lost`: refused, since the run closed or the item went elsewhere. */
  readonly outcome: "completed" | "held" | "waiting" | "retried" | "failedOver" | "failed" | "released" | "lost";
  readonly failure?: FailureRecord | undefined;
  /** Status of the run after the commit; absent for a lost one. */
  readonly runStatus?: RunStatus | undefined;
}

/** Called as things happen on a worker. All may be left out. */
export interface WorkerCallbacks {
  /** The worker has signed on. */
  onStarted?(event: { readonly workerId: string }): unknown;
  /** An attempt begins. */
  onItemStarted?(event: ItemEvent): unknown;
  /** A body called `heartbeat`. */
  onItemHeartbeat?(event: ItemEvent & { readonly details: unknown }): unknown;
  /** An attempt has ended and the backend has answered. */
  onItemProcessed?(event: ItemOutcome): unknown;
  /** A commit of this worker completed its run. */
  onRunCompleted?(event: { readonly workerId: string; readonly runId: string; readonly workflow: string }): unknown;
  /** An attempt failed, or the store does; the latter once for each outage. */
  onError?(event: {
    readonly workerId: string;
    readonly error: unknown;
    readonly item?: ItemEvent | undefined;
  }): unknown;
  /** The worker has signed off. */
  onStopped?(event: { readonly workerId: string }): unknown;
}

/** Calls callbacks so that they cannot break anything. */
export class Observers {
  readonly #callbacks: WorkerCallbacks;
  readonly #logger: Logger;

  constructor(callbacks: WorkerCallbacks, logger: Logger) {
    this.#callbacks = callbacks;
    this.#logger = logger;
  }

  has(name: keyof WorkerCallbacks): boolean {
    return this.#callbacks[name] !== undefined;
  }

  tell<K extends keyof WorkerCallbacks>(name: K, event: Parameters<NonNullable<WorkerCallbacks[K]>>[0]): void {
    const callback: unknown = this.#callbacks[name];
    if (typeof callback !== "function") return;
    try {
      const told: unknown = Reflect.apply(callback, this.#callbacks, [event]);
      if (told instanceof Promise) told.catch((error: unknown) => this.#failed(name, error));
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: string, error: unknown): void {
    // Whatever was thrown: asking it the wrong thing must not throw again.
    this.#logger.warn(`the callback ${name} failed`, { error: describeFailure(error).message });
  }
}
