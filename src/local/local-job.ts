/**
 * A run from here to its end inside of this process: a store in memory, one worker, one orchestrator. It is the
 * distributed engine and no other, so everything means the same. Where there is a saver, nothing counts before it is
 * saved. Invariant: when a job settles, no body of its run is started any more.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { MemoryWorld, memoryOperations } from "../backend/memory/index.ts";
import type { RunImages } from "../backend/memory/memory-store.ts";
import { MillraceError } from "../core/errors.ts";
import { type Clock, systemClock } from "../core/ports.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { WorkflowTypes } from "../definition/workflow-types.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import type { RunHandle } from "../orchestrator/run-handle.ts";
import { defineBackend } from "../stores/backend.ts";
import { DistributedWorker } from "../worker/distributed-worker.ts";
import type { ItemOutcome } from "../worker/worker-callbacks.ts";
import { type Answering, answerWaits } from "./answering.ts";
import type { CheckpointSaver } from "./checkpoint-saver.ts";
import { beginWaiting, type GaveUp, type Waiting } from "./give-up.ts";
import type { LocalOptions, LocalRunResult, RunProgress } from "./local-options.ts";
import { savedOperations } from "./saved-operations.ts";

/** A store in memory for one run. */
export interface LocalWorld {
  readonly operations: BackendOperations;
  readonly images: RunImages;
  readonly clock: Clock;
}

/** An empty one. */
export function localWorld(clock: Clock = systemClock): LocalWorld {
  const world = new MemoryWorld(clock);
  return { operations: memoryOperations({ world }), images: world.namespace("default").images, clock };
}

/** What is to be run. */
export interface LocalJob<T extends WorkflowTypes> {
  readonly workflow: Workflow<T>;
  readonly runId: string;
  readonly world: LocalWorld;
  readonly options: LocalOptions<T>;
  readonly saver?: CheckpointSaver | undefined;
}

/** How long a save that nobody waits for any more may take. */
const FAREWELL_MS = 5_000;

/**
 * Makes the run what it is to begin with by `begin`, and works until it has ended. Throws what `begin` throws, what a save
 * failed by, `RUN_FAILED`, `TIMEOUT`, `CANCELLED`, `UNANSWERED`, `INVALID_CONFIG`, `INVALID_VALUE`.
 */
export async function perform<T extends WorkflowTypes>(
  job: LocalJob<T>,
  begin: (orchestrator: DistributedOrchestrator) => Promise<RunHandle<T>>,
): Promise<LocalRunResult<T>> {
  const { workflow, world, options, saver } = job;
  const { clock } = world;
  const { concurrency, logger, retry = false } = options;
  const waiting = beginWaiting(options, clock);
  try {
    const operations = saver === undefined ? world.operations : savedOperations(world.operations, saver);
    await using backend = defineBackend(operations);
    const workflows = [workflow];
    const callbacks = options.onProgress === undefined ? {} : { onItemProcessed: progressTeller(job) };
    const schedules = false;
    const worker = new DistributedWorker({
      backend,
      workflows,
      retry,
      concurrency,
      logger,
      clock,
      callbacks,
      schedules,
    });
    const orchestrator = new DistributedOrchestrator({ backend, workflows, clock, logger });
    const handle = await begin(orchestrator);
    const { onWait } = options;
    const answering = answerWaits({ operations: backend.operations, orchestrator, workflow, onWait });
    try {
      const output = await workToEnd(job, handle, { worker, waiting, answering });
      return { output, context: await handle.context(), runId: handle.id };
    } finally {
      answering.end();
    }
  } finally {
    waiting.end();
  }
}

/** What a run that has completed gave, without working on it. */
export async function completedResult<T extends WorkflowTypes>(
  { operations, clock }: LocalWorld,
  workflow: Workflow<T>,
  runId: string,
): Promise<LocalRunResult<T>> {
  const backend = defineBackend(operations);
  const handle = new DistributedOrchestrator({ backend, clock }).handle<Workflow<T>>(workflow, runId);
  return { output: await handle.result(), context: await handle.context(), runId };
}

/** What works on a run, and what may end it. */
interface Workings {
  readonly worker: DistributedWorker;
  readonly waiting: Waiting;
  readonly answering: Answering;
}

async function workToEnd<T extends WorkflowTypes>(
  { saver, world }: LocalJob<T>,
  handle: RunHandle<T>,
  { worker, waiting, answering }: Workings,
): Promise<T["output"]> {
  const over = new AbortController();
  const working = worker.run();
  const ended = working.then((): never => {
    throw new MillraceError("CLOSED", "the worker of a run in this process stopped before the run had ended");
  });
  const result = savedResult(handle, over.signal, saver).then((output) => ({ output }));
  // Whatever settles after the first has nobody to tell.
  for (const late of [ended, result]) late.catch(() => undefined);
  try {
    const failures = [answering.failed, ...(saver === undefined ? [] : [saver.failed])];
    const first = await Promise.race([result, ended, waiting.gaveUp, ...failures]);
    if ("output" in first) return first.output;
    throw await stopped(handle, first, world.clock);
  } finally {
    over.abort();
    await worker.stop({ drain: 0 });
    await working.catch(() => undefined);
  }
}

/** How the run ended, once that is saved; a run that is not saved has not ended for whoever comes after. */
async function savedResult<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  signal: AbortSignal,
  saver: CheckpointSaver | undefined,
): Promise<T["output"]> {
  try {
    return await handle.result({ signal });
  } finally {
    if (!signal.aborted) await saver?.flush();
  }
}

/** Closes the run, since nobody is left to see the end of it, unlike a run in a store that others share. */
async function stopped<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  { code, cause }: GaveUp,
  clock: Clock,
): Promise<MillraceError> {
  const enough = new AbortController();
  const cancelled = handle.cancel({ reason: "given up by its caller" }).catch(() => undefined);
  await Promise.race([cancelled, clock.sleep(FAREWELL_MS, enough.signal).catch(() => undefined)]);
  enough.abort();
  const why = code === "TIMEOUT" ? "did not end in time" : "was cancelled by its caller";
  return new MillraceError(code, `the run ${why} and has been stopped`, { runId: handle.id, cause });
}

function progressTeller<T extends WorkflowTypes>({ world, runId, options }: LocalJob<T>) {
  return ({ node, itemId, attempt, outcome }: ItemOutcome): unknown => {
    const run = world.images.stateOf(runId);
    if (run === undefined) return undefined;
    const { status, completed, open, held, failed, retried } = run;
    const progress: RunProgress = {
      runId,
      node,
      itemId,
      attempt,
      outcome,
      status,
      completed,
      open,
      held,
      failed,
      retried,
    };
    // Only nodes of the workflow make items.
    return options.onProgress?.(progress as RunProgress<keyof T["nodes"] & string>);
  };
}
