/**
 * A run from start to end inside of this process: the memory backend, one worker, one orchestrator, closed again when
 * the run has ended. It is the distributed engine and no other, so everything means the same; only that nothing outlives
 * the call. Invariant: when `run` settles, no body of the run is started any more.
 */

import { memoryOperations } from "../backend/memory/index.ts";
import type { Duration } from "../core/duration.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { ContextInit, ContextView } from "../definition/context/field.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { WorkflowTypes } from "../definition/workflow-types.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import type { RunHandle } from "../orchestrator/run-handle.ts";
import { defineBackend } from "../stores/backend.ts";
import { DistributedWorker } from "../worker/distributed-worker.ts";

/** How to run in this process. All may be left out. */
export interface LocalRunOptions<T extends WorkflowTypes = WorkflowTypes> {
  /** Initial values of the context, by field. */
  readonly context?: ContextInit<T["fields"]> | undefined;
  /** Ends the run with `CANCELLED`; bodies that are running get their own signal aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the run with `TIMEOUT`. */
  readonly timeout?: Duration | undefined;
  /** Items executed at the same time; 16 if absent. */
  readonly concurrency?: number | undefined;
  /** For nodes without a policy of their own, in workflows without one; none if absent. */
  readonly retry?: RetryPolicy | false | undefined;
  readonly logger?: Logger | undefined;
  /** For tests and simulations. */
  readonly clock?: Clock | undefined;
}

/** What a run gave. */
export interface LocalRunResult<T extends WorkflowTypes = WorkflowTypes> {
  readonly output: T["output"];
  /** The shared context as the run left it. */
  readonly context: ContextView<T["fields"]>;
  readonly runId: string;
}

/**
 * Runs a workflow in this process, in memory, and gives its output and context. Independent items run concurrently.
 * Throws `INVALID_INPUT`, `RUN_FAILED` with what the run failed with as `cause`, `TIMEOUT`, `CANCELLED`.
 */
export async function run<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: NoInfer<T["input"]>,
  options: LocalRunOptions<NoInfer<T>> = {},
): Promise<LocalRunResult<T>> {
  const { context, clock, logger, concurrency, retry = false } = options;
  await using backend = defineBackend(memoryOperations({ clock }));
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [workflow], clock, logger });
  const handle = await orchestrator.startRun<Workflow<T>>(workflow, input, { context });
  const worker = new DistributedWorker({ backend, workflows: [workflow], retry, concurrency, logger, clock });
  const working = worker.run();
  try {
    const output = await firstOf(awaitResult(handle, options), working);
    return { output, context: await handle.context(), runId: handle.id };
  } finally {
    await worker.stop({ drain: 0 });
    await working.catch(() => undefined);
  }
}

/** The result; or what ended the worker, should it end before. */
async function firstOf<R>(result: Promise<R>, working: Promise<void>): Promise<R> {
  const ended = working.then((): never => {
    throw new MillraceError("CLOSED", "the worker of a run in this process stopped before the run had ended");
  });
  // Whichever settles second has nobody to tell.
  ended.catch(() => undefined);
  result.catch(() => undefined);
  return await Promise.race([result, ended]);
}

async function awaitResult<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  { signal, timeout }: LocalRunOptions<T>,
): Promise<T["output"]> {
  try {
    return await handle.result({ signal, timeout });
  } catch (error) {
    if (!isMillraceError(error, "TIMEOUT") && !isMillraceError(error, "CANCELLED")) throw error;
    // Nobody is left to see the end of it, unlike a run in a store that others share.
    await handle.cancel({ reason: "given up by its caller" }).catch(() => undefined);
    const why = error.code === "TIMEOUT" ? "did not end in time" : "was cancelled by its caller";
    throw new MillraceError(error.code, `the run ${why} and has been stopped`, {
      runId: handle.id,
      cause: signal?.aborted === true ? signal.reason : undefined,
    });
  }
}
