/** `millrace pause`: nothing more of the runs is claimed; attempts in flight may still commit. */

import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";

export function pauseCommand(run: Run): Command {
  const { around } = run;
  return describeCommand({
    name: "pause",
    summary: "Pause runs",
    details: "Nothing more of them is started; what is executing may finish. Timers go on and are due at the resume.",
    examples: [["pause 7a8b9c0d", "Hold a run until it is resumed"]],
  })
    .argument("<run...>", "ids of the runs")
    .action(
      acting(run, (runs: readonly string[], options: CommonOptions) =>
        controlRuns(around, runs, options, {
          act: (orchestrator, runId) => orchestrator.pause(runId, { actor: around.actor }),
          already: "paused",
        }),
      ),
    );
}
