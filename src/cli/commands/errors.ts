/** `millrace errors`: every failed attempt of a run, the retried ones too, oldest first. It only looks. */

import type { Command } from "commander";
import { type AttemptFailureInfo, DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { wholeNumber } from "../input/option-values.ts";
import { writePages } from "../output/paged-output.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import { failureColumns, failureJson } from "../views/item-view.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface ErrorsOptions extends CommonOptions, PayloadOptions {
  readonly limit?: number | undefined;
}

export function errorsCommand(run: Run): Command {
  return describeCommand({
    name: "errors",
    summary: "List every failed attempt of a run, the retried ones too",
    details: 'With --json: one document {"errors":[…]}, an attempt per line, with stacks and details.',
    examples: [
      ["errors 7a8b9c0d", "What failed, when, and what followed"],
      ["errors 7a8b9c0d --json --reveal", "With stacks, for a program; secrets are not taken out"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--limit <n>", "only the first so many", wholeNumber("--limit", 1))
    .option("--reveal", "show texts as they are, secrets too")
    .action(acting(run, (typed: string, options: ErrorsOptions) => errors(run, typed, options)));
}

async function errors({ around }: Run, typed: string, options: ErrorsOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const runId = await findRunId(orchestrator, typed);
    await writePages<AttemptFailureInfo>(
      around.out,
      {
        name: "errors",
        columns: failureColumns(await backend.operations.now()),
        json: (failure) => failureJson(failure, options),
        read: (page) => orchestrator.errors(runId, page),
        empty: "No attempt has failed.",
      },
      options,
    );
  });
}
