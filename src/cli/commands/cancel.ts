/** `millrace cancel`: closes runs, each in one write; attempts in flight are told and can commit no more. */

import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";
import { type SelectionOptions, withSelection } from "../input/run-selection.ts";

interface CancelOptions extends CommonOptions, SelectionOptions {
  readonly reason?: string | undefined;
}

export function cancelCommand(run: Run): Command {
  const { around } = run;
  const command = describeCommand({
    name: "cancel",
    summary: "Cancel runs",
    details: "A cancelled run can be resumed. Nothing of it is executed until then.",
    examples: [
      ['cancel 7a8b9c0d 0198c5a1-7c1e --reason "wrong price list"', "Two runs, with the reason on record"],
      ["cancel --status running --workflow orders --tag customer=42", "All of a customer's; it asks before"],
    ],
  });
  return withSelection(command)
    .argument("[run...]", "ids of the runs; or select them by conditions")
    .option("--reason <text>", "why, for the record")
    .action(
      acting(run, (runs: readonly string[], options: CancelOptions) =>
        controlRuns(around, runs, options, {
          act: (orchestrator, runId) => orchestrator.cancel(runId, { reason: options.reason, actor: around.actor }),
          actOnMany: (orchestrator, selected, bulk) =>
            orchestrator.cancel(selected, { ...bulk, reason: options.reason, actor: around.actor }),
          verb: "cancel",
          done: "cancelled",
          already: "cancelled",
        }),
      ),
    );
}
