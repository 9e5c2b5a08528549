/** `millrace resume`: goes on with paused runs, and re-opens failed and cancelled ones; what has finished stays finished. */

import type { Command } from "commander";
import type { Duration } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";
import { durationText, wholeNumber } from "../input/option-values.ts";
import { type SelectionOptions, withSelection } from "../input/run-selection.ts";

interface ResumeOptions extends CommonOptions, SelectionOptions {
  readonly timeout?: Duration | undefined;
  readonly maxItems?: number | undefined;
}

export function resumeCommand(run: Run): Command {
  const { around } = run;
  const command = describeCommand({
    name: "resume",
    summary: "Resume paused runs; re-open failed and cancelled ones",
    details:
      "What has finished never runs again. A run that timed out needs a new --timeout, one that made too many items a new --max-items.",
    examples: [
      ["resume 7a8b9c0d", "Go on"],
      ["resume 7a8b9c0d --timeout 2h", "Go on with a run that had timed out, for at most two hours"],
    ],
  });
  return withSelection(command)
    .argument("[run...]", "ids of the runs; or select them by conditions")
    .option("--timeout <duration>", "a new timeout of the run, from now", durationText("--timeout"))
    .option("--max-items <n>", "a new limit on its items", wholeNumber("--max-items", 1))
    .action(
      acting(run, (runs: readonly string[], options: ResumeOptions) =>
        controlRuns(around, runs, options, {
          act: (orchestrator, runId) => {
            const { timeout, maxItems } = options;
            return orchestrator.resume(runId, { timeout, maxItems, actor: around.actor });
          },
          actOnMany: (orchestrator, selected, bulk) => {
            const { timeout, maxItems } = options;
            return orchestrator.resume(selected, { ...bulk, timeout, maxItems, actor: around.actor });
          },
          verb: "resume",
          done: "resumed",
          already: "open",
        }),
      ),
    );
}
