/** `millrace delete`: removes runs that have ended, and everything of them. Open runs are refused. */

import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";
import { type SelectionOptions, withSelection } from "../input/run-selection.ts";

export function deleteCommand(run: Run): Command {
  const { around } = run;
  const { actor } = around;
  const command = describeCommand({
    name: "delete",
    summary: "Remove runs that have ended",
    details: "Everything of them is removed and cannot be brought back. To remove by age alone, see cleanup.",
    examples: [
      ["delete 7a8b9c0d", "Remove a run"],
      ["delete --status completed --workflow orders --dry-run", "How many would it be?"],
    ],
  });
  return withSelection(command)
    .argument("[run...]", "ids of the runs; or select them by conditions")
    .action(
      acting(run, (runs: readonly string[], options: CommonOptions & SelectionOptions) =>
        controlRuns(around, runs, options, {
          async act(orchestrator, runId) {
            await orchestrator.deleteRun(runId, { actor });
            return { runId, status: "deleted", changed: true };
          },
          actOnMany: (orchestrator, selected, bulk) => orchestrator.deleteRun(selected, { ...bulk, actor }),
          verb: "delete",
          done: "deleted",
          already: "deleted",
        }),
      ),
    );
}
