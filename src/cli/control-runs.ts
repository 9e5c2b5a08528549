/**
 * Doing one thing to several runs, named by their ids or selected by conditions. Of those that are named each is done for
 * itself, in the order given; one that refuses does not stop the others, every refusal is reported, and the first decides
 * the exit code.
 */

import { type ControlResult, DistributedOrchestrator } from "../index.ts";
import type { CommonOptions } from "./command-line.ts";
import { controlSelection, type SelectionAction } from "./control-many-runs.ts";
import { isSelection, type SelectionOptions } from "./input/run-selection.ts";
import { exitCodeOf, failureJson, reportFailure } from "./output/failure-report.ts";
import { rowsDocument } from "./output/json-output.ts";
import { plainLine } from "./output/plain-text.ts";
import { findRunId } from "./run-lookup.ts";
import { onExistingStore } from "./store.ts";
import type { Surroundings } from "./surroundings.ts";

/** What became of one run; a run that is removed has no status any more. */
type RunActionResult = Omit<ControlResult, "status"> & { readonly status: ControlResult["status"] | "deleted" };

/** What is done to each run, and how to say that it had been done before. */
export interface RunAction extends SelectionAction {
  act(orchestrator: DistributedOrchestrator, runId: string): Promise<RunActionResult>;
  /** As in "was cancelled already". */
  readonly already: string;
}

/** Does it to all of them and gives the exit code. */
export async function controlRuns(
  around: Surroundings,
  runs: readonly string[],
  options: CommonOptions & SelectionOptions,
  action: RunAction,
): Promise<number> {
  const isSelected = isSelection(runs, options);
  return onExistingStore(options, around, async (backend) => {
    if (isSelected) return controlSelection(around, backend, options, action);
    const orchestrator = new DistributedOrchestrator({ backend });
    const document = options.json === true ? rowsDocument(around.out, "runs") : undefined;
    let exitCode = 0;
    for (const typed of runs) {
      try {
        const result = await action.act(orchestrator, await findRunId(orchestrator, typed));
        if (document === undefined) around.out.line(plainLine(sentenceOf(result, action)));
        else document.row(result);
      } catch (thrown) {
        if (exitCode === 0) exitCode = exitCodeOf(thrown);
        document?.row({ runId: typed, error: failureJson(thrown) });
        reportFailure(around.err, thrown, options.json === true);
      }
    }
    document?.end();
    return exitCode;
  });
}

function sentenceOf({ runId, status, changed }: RunActionResult, { already }: RunAction): string {
  return changed ? `${runId} is ${status}` : `${runId} was ${already} already`;
}
