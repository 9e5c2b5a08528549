/** `millrace cleanup`: removes runs that ended longer ago than a given time, in small steps. The time has no default. */

import type { Command } from "commander";
import { DistributedOrchestrator, type Duration } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { durationText } from "../input/option-values.ts";
import { jsonLine } from "../output/json-output.ts";
import { onExistingStore } from "../store.ts";

interface CleanupCommandOptions extends CommonOptions {
  readonly olderThan: Duration;
}

export function cleanupCommand(run: Run): Command {
  return describeCommand({
    name: "cleanup",
    summary: "Remove runs that ended long ago",
    details:
      "Everything of them is removed and cannot be brought back. Workers that have been gone as long are forgotten. Open runs stay, however old. It asks nothing, so that it can be scheduled.",
    examples: [["cleanup --older-than 30d", "What ended more than thirty days ago"]],
  })
    .requiredOption("--older-than <duration>", "how long ago they ended, such as 30d", durationText("--older-than"))
    .action(
      acting(run, (options: CleanupCommandOptions) =>
        onExistingStore(options, run.around, async (backend) => {
          const { out, err } = run.around;
          err.status("removing runs …");
          const removed = await new DistributedOrchestrator({ backend }).cleanup(options).finally(() => err.status(""));
          if (options.json === true) out.line(jsonLine({ removed }));
          else out.line(removed === 1 ? "1 run removed" : `${removed} runs removed`);
        }),
      ),
    );
}
