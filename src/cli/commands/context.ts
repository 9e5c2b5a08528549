/**
 * `millrace context`: the shared context of a run, as of now or of an earlier change. Its fields have their meaning from
 * the workflow's code. Commands that only look never run a project's code by themselves, so the file has to be named.
 */

import type { Command } from "commander";
import { DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { wholeNumber } from "../input/option-values.ts";
import { loadWorkflowsFile } from "../input/project-configuration.ts";
import { jsonBlock, jsonLine } from "../output/json-output.ts";
import { redactValue } from "../output/redaction.ts";
import { findRunId } from "../run-lookup.ts";
import { chooseStore, onStore, requireStore } from "../store.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface ContextOptions extends CommonOptions, PayloadOptions {
  readonly at?: number | undefined;
  readonly workflows: string;
}

export function contextCommand(run: Run): Command {
  return describeCommand({
    name: "context",
    summary: "Show the shared context of a run, now or after an earlier change",
    details:
      "What a context's changes mean is in the workflow's code, so this runs the file that --workflows names, and never one by itself. The numbers of changes are those of `show` and of the history.",
    examples: [
      ["context 7a8b9c0d --workflows millrace.config.ts", "The context as it is"],
      ["context 7a8b9c0d --workflows src/orders.ts --at 3 --json", "As it was after the third change, for a program"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--at <n>", "after so many changes (default: all)", wholeNumber("--at", 0))
    .requiredOption("--workflows <file>", "take workflows from this file; millrace.config.ts will do")
    .option("--reveal", "show values as they are, secrets too")
    .action(acting(run, (typed: string, options: ContextOptions) => show(run, typed, options)));
}

async function show({ around }: Run, typed: string, options: ContextOptions): Promise<void> {
  const { directory } = around;
  const { workflows: file, at, reveal } = options;
  const { config } = await loadWorkflowsFile(file, directory);
  const choice = chooseStore(options, around, config);
  requireStore(choice, around);
  await onStore(choice, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: config.workflows });
    const runId = await findRunId(orchestrator, typed);
    const view = await (at === undefined ? orchestrator.context(runId) : orchestrator.contextAt(runId, at));
    const values: unknown = view.toJSON();
    const context = reveal === true ? values : redactValue(values);
    around.out.line(options.json === true ? jsonLine({ runId, sequence: view.sequence, context }) : jsonBlock(context));
  });
}
