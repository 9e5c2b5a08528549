/**
 * A worker: signs on to a backend, executes items of its workflows, and signs off. This class is the handle; each life
 * of a worker, from signing on to signing off, is a `WorkerLife`. A worker may be run again after it has stopped.
 */

import type { WorkerHealth } from "../backend/contract/session.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { type FailureRecord, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { RunStatus } from "../core/status.ts";
import type { Conclusion } from "./conclusion.ts";
import { Programs } from "./programs.ts";
import { Observers } from "./worker-callbacks.ts";
import { WorkerCounters } from "./worker-counters.ts";
import { type WorkerIdentity, WorkerLife } from "./worker-life.ts";
import { readWorkerOptions, type WorkerOptions } from "./worker-options.ts";

/** How long a worker that is told to stop may finish what it has, unless it is told. */
const DEFAULT_DRAIN_MS = 30_000;

/** How a worker is to stop. */
export interface StopOptions {
  /** How long it may finish what it has; what is left is given back. 30 s if absent, 0 gives back at once. */
  readonly drain?: Duration | undefined;
}

/** What one `runOnce` came to. */
export type RunOnceResult =
  /** There was nothing to do. */
  | { readonly kind: "idle" }
  /**
   * An attempt was made. `progressed`: its run goes on; `completed`: its run has completed by it; `retried`: it failed and
   * is tried again later; `failed`: it failed for good, or its run has.
   */
  | {
      readonly kind: "progressed" | "completed" | "retried" | "failed";
      readonly runId: string;
      readonly itemId: string;
      readonly node: string;
      readonly attempt: number;
      /** Absent if the commit was refused: the run was closed, or the item went to another worker. */
      readonly runStatus?: RunStatus | undefined;
      readonly failure?: FailureRecord | undefined;
    };

/** A worker as it sees itself. */
export interface WorkerReport extends WorkerHealth {
  readonly workerId: string;
  /** `name@version` of its workflows. */
  readonly versions: readonly string[];
  readonly concurrency: number;
}

export class DistributedWorker implements AsyncDisposable {
  readonly workerId: string;
  readonly #identity: WorkerIdentity;
  #life: WorkerLife | undefined;
  /** Present once the life has begun. */
  #begun: Promise<void> | undefined;
  #working: Promise<unknown> | undefined;
  #ending: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG` for an option that makes no sense. Nothing happens before `run` or `runOnce`. */
  constructor(options: WorkerOptions) {
    const settings = readWorkerOptions(options);
    this.workerId = settings.workerId;
    this.#identity = {
      settings,
      programs: new Programs(settings.workflows, settings.retry),
      observers: new Observers(settings.callbacks, settings.logger),
      counters: new WorkerCounters(),
    };
  }

  /**
   * Works until `signal` is aborted or `stop` is called, then drains, signs off and resolves. Store failures never end
   * it. Rejects with `VERSION_CONFLICT` if a workflow was published with another definition, `INVALID_WORKFLOW` if it would
   * strand the runs of one that it is said to be compatible with, `CLOSED` if the backend is closed before it has begun.
   */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#checkFree("run");
    const { signal } = options;
    if (signal?.aborted) return;
    const onAbort = (): void => void this.stop();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#work(async (life) => await life.run());
    } finally {
      signal?.removeEventListener("abort", onAbort);
      await this.#end();
    }
  }

  /**
   * Claims one item, executes it and commits the outcome, or tells that there was nothing to do. The session stays open
   * until `stop`. Rejects as `run` does, and with `ILLEGAL_TRANSITION` while the worker works.
   */
  async runOnce(): Promise<RunOnceResult> {
    this.#checkFree("runOnce");
    const conclusion = await this.#work(async (life) => await life.once());
    return conclusion === undefined ? { kind: "idle" } : resultOf(conclusion);
  }

  /**
   * Claims nothing more, waits for what is executing, gives back what does not finish in time, and signs off: at most six
   * seconds later, whatever the store does. Idempotent; another call with a shorter time hurries the first. Throws
   * `INVALID_VALUE` for a time that is none.
   */
  async stop({ drain }: StopOptions = {}): Promise<void> {
    const ms = drain === undefined ? DEFAULT_DRAIN_MS : toMilliseconds(drain, "drain");
    this.#life?.drain(Math.min(ms, LIMITS.durationMs));
    await this.#working?.catch(() => undefined);
    await this.#end();
  }

  /** Resolves when it has signed on. Rejects with what keeps it from that, `CLOSED` if it does not even try. */
  async ready(): Promise<void> {
    if (this.#begun === undefined) throw new MillraceError("CLOSED", `worker ${this.workerId} was not started`);
    await this.#begun;
  }

  /** How it is now, by its own word. */
  health(): WorkerReport {
    const { settings, counters } = this.#identity;
    const { workflows, concurrency } = settings;
    const versions = workflows.map(({ name, version }) => `${name}@${version}`);
    const health = this.#life?.health() ?? counters.health([], "stopped");
    return { workerId: this.workerId, versions, concurrency, ...health };
  }

  /** The same as `stop()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #checkFree(what: string): void {
    if (this.#working === undefined) return;
    throw new MillraceError("ILLEGAL_TRANSITION", `${what} of worker ${this.workerId}, which is working already`, {
      hints: ["Await the call before, or stop the worker first."],
    });
  }

  /** `undefined` if the worker was stopped before it had signed on. */
  async #work<T>(work: (life: WorkerLife) => Promise<T>): Promise<T | undefined> {
    const before = this.#ending;
    const life = this.#life ?? new WorkerLife(this.#identity);
    this.#life = life;
    this.#begun ??= Promise.resolve(before).then(() => life.begin());
    const begun = this.#begun;
    const working = begun.then(
      () => work(life),
      (error: unknown) => {
        if (!life.isStopped) throw error;
        return undefined;
      },
    );
    this.#working = working;
    try {
      return await working;
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      this.#working = undefined;
    }
  }

  async #end(): Promise<void> {
    const life = this.#life;
    if (life !== undefined) {
      this.#life = undefined;
      this.#begun = undefined;
      this.#ending = life.end();
    }
    await this.#ending;
  }
}

function resultOf({ item, outcome, runStatus, failure }: Conclusion): RunOnceResult {
  const { runId, itemId, node, attempt } = item.event;
  return { kind: kindOf(outcome, runStatus), runId, itemId, node, attempt, runStatus, failure };
}

function kindOf(
  outcome: Conclusion["outcome"],
  runStatus: RunStatus | undefined,
): "progressed" | "completed" | "retried" | "failed" {
  if (outcome === "retried") return "retried";
  if (outcome === "failed" || outcome === "failedOver" || runStatus === "failed") return "failed";
  return runStatus === "completed" ? "completed" : "progressed";
}
