/** `millrace workers`: who works, how they are, and what they are at. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { rowsDocument } from "../output/json-output.ts";
import { tableWriter } from "../output/table.ts";
import { onExistingStore } from "../store.ts";
import { workerColumns, workerJson } from "../views/worker-view.ts";

interface WorkersOptions extends CommonOptions {
  readonly all?: boolean | undefined;
}

export function workersCommand(run: Run): Command {
  return describeCommand({
    name: "workers",
    summary: "List workers: whether they are alive, and what they are at",
    details:
      'A worker that signed off is left out without --all; one that fell silent is shown. With --json: one document {"workers":[…]}.',
    examples: [
      ["workers", "Who is there"],
      ["workers --all --json", "Those that signed off too, for a program"],
    ],
  })
    .option("--all", "also those that signed off")
    .action(acting(run, (options: WorkersOptions) => workers(run, options)));
}

async function workers({ around }: Run, options: WorkersOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const known = await orchestrator.listWorkerHealth();
    const shown = options.all === true ? known : known.filter(({ status }) => status !== "stopped");
    if (options.json === true) {
      const document = rowsDocument(around.out, "workers");
      for (const worker of shown) document.row(workerJson(worker));
      document.end();
      return;
    }
    tableWriter(around.out, workerColumns(await backend.operations.now())).write(shown);
    if (shown.length > 0) return;
    const signedOff = known.length === 0 ? "" : ` (${known.length} signed off; see --all)`;
    around.out.line(`No workers${signedOff}. Start one: millrace worker`);
  });
}
