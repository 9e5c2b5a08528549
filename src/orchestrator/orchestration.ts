/**
 * What every part of the orchestrator works with: the store, the code at hand, time, ids and a log. Made once per
 * orchestrator and handed to functions; it decides nothing.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import type { Clock, Ids, Logger } from "../core/ports.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { Backend } from "../stores/backend.ts";
import type { PublishedDefinitions } from "../stores/published-definitions.ts";
import { requireRunState } from "../stores/run-control.ts";
import type { KnownWorkflows } from "./known-workflows.ts";

/** The parts of an orchestrator. */
export interface Orchestration {
  readonly backend: Backend;
  readonly operations: BackendOperations;
  readonly workflows: KnownWorkflows;
  readonly published: PublishedDefinitions;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

/**
 * The shape of a run's context: of the given workflow, or else of the code at hand for its definition. Throws
 * `RUN_NOT_FOUND`, and `UNKNOWN_WORKFLOW` where there is no code.
 */
export async function shapeOfRun(
  { operations, workflows, published }: Orchestration,
  runId: string,
  workflow?: Workflow,
): Promise<ContextShape> {
  const { definition: hash } = await requireRunState(operations, runId);
  const code = workflow ?? workflows.byHash(hash);
  if (code !== undefined) return code["~runtime"].context;
  const { definition } = await published.get(hash);
  const label = `${definition.name}@${definition.version}`;
  throw new MillraceError(
    "UNKNOWN_WORKFLOW",
    `the context of run ${runId} takes the code of ${label}, which is not here`,
    {
      runId,
      hints: [
        `Pass ${label} in the orchestrator's workflows: initial values and merge functions are part of its code.`,
      ],
    },
  );
}
