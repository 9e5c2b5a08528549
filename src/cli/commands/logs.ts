/** `millrace logs`: what the nodes of a run logged, of all its items or of one. It only looks. */

import type { Command } from "commander";
import { type AttemptLogLine, DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { wholeNumber } from "../input/option-values.ts";
import { writePages } from "../output/paged-output.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import { logColumns, logJson } from "../views/log-view.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface LogsOptions extends CommonOptions, PayloadOptions {
  readonly item?: string | undefined;
  readonly limit?: number | undefined;
}

export function logsCommand(run: Run): Command {
  return describeCommand({
    name: "logs",
    summary: "List what the nodes of a run logged",
    details: 'With --json: one document {"logs":[…]}, a line of the log per line, with its data.',
    examples: [
      ["logs 7a8b9c0d", "All that was logged, in the order of the commits"],
      ["logs 7a8b9c0d --item 3 --json", "What one item logged, over all its attempts, for a program"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--item <item>", "only of this item: its number or its id")
    .option("--limit <n>", "only the first so many", wholeNumber("--limit", 1))
    .option("--reveal", "show messages and data as they are, secrets too")
    .action(acting(run, (typed: string, options: LogsOptions) => logs(run, typed, options)));
}

async function logs({ around }: Run, typed: string, options: LogsOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const runId = await findRunId(orchestrator, typed);
    const { item } = options;
    const itemId = item !== undefined && /^\d+$/.test(item) ? `${runId}.${item}` : item;
    await writePages<AttemptLogLine>(
      around.out,
      {
        name: "logs",
        columns: logColumns(await backend.operations.now(), options),
        json: (line) => logJson(line, options),
        read: (page) => orchestrator.logs(runId, { itemId, ...page }),
        empty: "Nothing was logged.",
      },
      options,
    );
  });
}
