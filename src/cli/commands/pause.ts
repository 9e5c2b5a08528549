/** `millrace pause`: nothing more of the runs is claimed; attempts in flight may still commit. */

import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";
import { type SelectionOptions, withSelection } from "../input/run-selection.ts";

export function pauseCommand(run: Run): Command {
  const { around } = run;
  const command = describeCommand({
    name: "pause",
    summary: "Pause runs",
    details: "Nothing more of them is started; what is executing may finish. Timers go on and are due at the resume.",
    examples: [
      ["pause 7a8b9c0d", "Hold a run until it is resumed"],
      ["pause --workflow orders --status running --yes", "Hold all that run, in a script"],
    ],
  });
  return withSelection(command)
    .argument("[run...]", "ids of the runs; or select them by conditions")
    .action(
      acting(run, (runs: readonly string[], options: CommonOptions & SelectionOptions) =>
        controlRuns(around, runs, options, {
          act: (orchestrator, runId) => orchestrator.pause(runId, { actor: around.actor }),
          actOnMany: (orchestrator, selected, bulk) => orchestrator.pause(selected, { ...bulk, actor: around.actor }),
          verb: "pause",
          done: "paused",
          already: "paused",
        }),
      ),
    );
}
