/**
 * A run that lives and ends with the call: nothing of it outlives the process. It is the distributed engine over a store
 * in memory. For a run that goes on where it was after a crash, see `run-with-checkpoint.ts`.
 */

import { systemIds } from "../core/ports.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { WorkflowTypes } from "../definition/workflow-types.ts";
import { localWorld, perform } from "./local-job.ts";
import type { LocalRunOptions, LocalRunResult } from "./local-options.ts";

/**
 * Runs a workflow in this process, in memory, and gives its output and context. Independent items run concurrently. When
 * it settles, nothing of the run is started any more. Throws `INVALID_INPUT`, `RUN_FAILED` with what the run failed with as
 * `cause`, `TIMEOUT`, `CANCELLED`, and `UNANSWERED` for a wait from outside without `onWait`.
 */
export async function run<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: NoInfer<T["input"]>,
  options: LocalRunOptions<NoInfer<T>> = {},
): Promise<LocalRunResult<T>> {
  const { context, clock } = options;
  const world = localWorld(clock);
  const runId = systemIds.runId(world.clock.now());
  return await perform({ workflow, runId, world, options }, (orchestrator) =>
    orchestrator.startRun<Workflow<T>>(workflow, input, { context, id: runId }),
  );
}
