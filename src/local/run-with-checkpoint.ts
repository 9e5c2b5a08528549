/**
 * Runs in one process that outlive it: everything of the run is saved after every step, and another process goes on from
 * there. A step counts as done when its checkpoint is saved, and nothing that follows from it begins before. Steps that end
 * while a save is underway share the next one. Of a crash in between, what was not saved is done again: the body of a node
 * may run more than once, always with the same idempotency key; its effect on the run happens once.
 */

import type { RunImage } from "../backend/memory/run-image.ts";
import type { CheckpointStore, StoredCheckpoint } from "../checkpoints/checkpoint-store.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import { systemIds } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { canonicalDigest } from "../core/values.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { WorkflowTypes } from "../definition/workflow-types.ts";
import type { RunHandle } from "../orchestrator/run-handle.ts";
import { readCheckpoint } from "./checkpoint-form.ts";
import { CheckpointSaver } from "./checkpoint-saver.ts";
import { completedResult, type LocalWorld, localWorld, perform } from "./local-job.ts";
import type { LocalOptions, LocalRunOptions, LocalRunResult } from "./local-options.ts";

/** Where a run is saved. */
export interface CheckpointPlace {
  /** `backend.checkpoints` of any backend, or a store of one's own. */
  readonly store: CheckpointStore;
  /** A name: what the run is saved under. */
  readonly id: string;
}

/** New limits of the run itself. */
export interface NewLimits {
  /** From now; needed after the workflow's timeout has passed. Not to be confused with the caller's own. */
  readonly timeout?: Duration | undefined;
  /** Needed after `TOO_MANY_ITEMS`. */
  readonly maxItems?: number | undefined;
}

/** How to run with checkpoints. `context` is for a new run; one that goes on has its own. */
export interface CheckpointedRunOptions<T extends WorkflowTypes = WorkflowTypes>
  extends LocalRunOptions<T>,
    CheckpointPlace {}

/** How to go on with a run that was saved. */
export interface ResumeRunOptions<T extends WorkflowTypes = WorkflowTypes> extends LocalOptions<T>, CheckpointPlace {
  readonly limits?: NewLimits | undefined;
}

/**
 * Runs a workflow in this process as `run` does, and saves it after every step, so that `resume` in another process goes
 * on where it was. Resolves once its end is saved. A run that was saved under the id before is gone on with if it
 * was started with the same input, and if that has completed, its result is given without running anything; so a program that is
 * simply started again is enough.
 *
 * Throws as `run` and as the store does, and `CHECKPOINT_CONFLICT` when another process goes on with the run: this one has
 * stopped then, without any effect on it. `IDEMPOTENCY_CONFLICT` if the id has a run with another input or of another
 * workflow, `VERSION_CONFLICT` if that run has another definition than this code can take over.
 */
export async function runWithCheckpoint<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: NoInfer<T["input"]>,
  options: CheckpointedRunOptions<NoInfer<T>>,
): Promise<LocalRunResult<T>> {
  const stored = await load(options);
  if (stored === undefined) return await start(workflow, input, options);
  const saved = restore(stored, options);
  checkSameStart(workflow, input, saved.image, options.id);
  checkDefinition(workflow, saved.image, options.id);
  if (saved.image.state.status === "completed") {
    return await completedResult(saved.world, workflow, saved.image.state.id);
  }
  return await goOn(workflow, saved, options);
}

/**
 * Goes on with a run that was saved under the id: what has finished never runs again; context, groups, arrivals, attempts,
 * errors and outputs are kept. What was executing when its process ended is executed again, with the same idempotency key,
 * and no attempt is used up by that. A run that failed or was stopped is re-opened: what failed permanently
 * gets fresh attempts, and what was open goes on.
 *
 * Throws `NOT_STARTED` if there is none, `ALREADY_COMPLETED` with the output as `details.output`, `VERSION_CONFLICT` if it
 * has another definition than this code can take over, `CHECKPOINT_CONFLICT` when another process goes on with it,
 * `ILLEGAL_TRANSITION` where it needs new `limits` or cannot be re-opened, `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`; and as `run` does.
 */
export async function resume<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  options: ResumeRunOptions<NoInfer<T>>,
): Promise<LocalRunResult<T>> {
  const stored = await load(options);
  if (stored === undefined) {
    throw new MillraceError("NOT_STARTED", `nothing was saved as ${options.id}`, {
      hints: ["Start it by runWithCheckpoint, or check the id and the store."],
    });
  }
  const saved = restore(stored, options);
  checkDefinition(workflow, saved.image, options.id);
  const { id: runId, status } = saved.image.state;
  if (status !== "completed") return await goOn(workflow, saved, options);
  const { output } = await completedResult(saved.world, workflow, runId);
  throw new MillraceError("ALREADY_COMPLETED", `run ${runId}, saved as ${options.id}, has completed`, {
    runId,
    details: { output },
    hints: ["Its output is in the details of this error; runWithCheckpoint with the same input gives it too."],
  });
}

/** A checkpoint, and its run in a store of its own. */
interface SavedRun {
  readonly version: number;
  readonly image: RunImage;
  readonly world: LocalWorld;
}

async function load({ store, id }: CheckpointPlace): Promise<StoredCheckpoint | undefined> {
  return await store.load(checkName(id, "the id of a checkpoint"));
}

function restore(stored: StoredCheckpoint, { id, clock }: CheckpointPlace & LocalOptions): SavedRun {
  const { version, body, bytes } = stored;
  if (!(body instanceof Uint8Array) || body.byteLength !== bytes || !Number.isSafeInteger(version) || version < 1) {
    throw new MillraceError("BACKEND_CORRUPT", `the checkpoint ${id} is not as long as it should be`);
  }
  const image = readCheckpoint(body, `the checkpoint ${id}`);
  const world = localWorld(clock);
  world.images.restore(image, world.clock.now());
  return { version, image, world };
}

async function start<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: NoInfer<T["input"]>,
  options: CheckpointedRunOptions<NoInfer<T>>,
): Promise<LocalRunResult<T>> {
  const { store, id, context, clock } = options;
  const world = localWorld(clock);
  const runId = systemIds.runId(world.clock.now());
  const saver = new CheckpointSaver({ store, id, images: world.images, runId, version: 0 });
  return await perform({ workflow, runId, world, options, saver }, (orchestrator) =>
    orchestrator.startRun<Workflow<T>>(workflow, input, { context, id: runId }),
  );
}

async function goOn<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  { version, image, world }: SavedRun,
  options: ResumeRunOptions<NoInfer<T>>,
): Promise<LocalRunResult<T>> {
  const { store, id, limits } = options;
  const { id: runId } = image.state;
  const saver = new CheckpointSaver({ store, id, images: world.images, runId, version });
  return await perform({ workflow, runId, world, options, saver }, async (orchestrator) => {
    const handle = orchestrator.handle<Workflow<T>>(workflow, runId);
    await reopen(handle, image, limits);
    // Whoever saves first goes on; the other one finds out here, before it has run anything.
    await saver.flush();
    return handle;
  });
}

async function reopen<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  { state }: RunImage,
  limits: NewLimits | undefined,
): Promise<void> {
  if (limits?.timeout !== undefined) toMilliseconds(limits.timeout, "the new timeout of a run");
  const isClosed = isTerminalRun(state.status);
  // Only a run that stands still takes new limits.
  if (limits !== undefined && !isClosed) await handle.pause();
  if (limits !== undefined || isClosed || state.status === "paused") await handle.resume(limits);
}

/** Starting a run again under its id is going on with it; starting another one there is a mistake. */
function checkSameStart(workflow: Workflow, input: unknown, { state, details }: RunImage, id: string): void {
  const isSameWorkflow = details.workflow === workflow.name;
  if (isSameWorkflow && details.inputDigest === canonicalDigest(input)) return;
  const other = isSameWorkflow ? "was started with another input" : `is of the workflow ${details.workflow}`;
  throw new MillraceError("IDEMPOTENCY_CONFLICT", `the run that was saved as ${id} ${other}`, {
    runId: state.id,
    hints: ["Use another id for another run, or delete the checkpoint first."],
  });
}

function checkDefinition<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  { state, details }: RunImage,
  id: string,
): void {
  if (workflow.hash === state.definition || workflow.compatible.includes(state.definition)) return;
  const [was, is] = [`${details.workflow}@${details.version}`, `${workflow.name}@${workflow.version}`];
  throw new MillraceError(
    "VERSION_CONFLICT",
    `the checkpoint ${id} is of a run of ${was} with another definition than ${is} has here`,
    {
      runId: state.id,
      hints: [
        "Go on with the code that started it, or list the older definition as `compatible` of the newer one.",
        "Or use another id, to start anew.",
      ],
      details: { saved: state.definition, here: workflow.hash },
    },
  );
}
