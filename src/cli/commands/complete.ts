/**
 * `millrace complete`: gives a wait its answer. The answer is checked by the project's code where that is at hand; the same
 * answer again changes nothing.
 */

import type { Command } from "commander";
import { DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { readJsonOption } from "../input/json-input.ts";
import { findCode } from "../input/workflow-target.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { chooseStore, onStore, requireStore } from "../store.ts";

interface CompleteOptions extends CommonOptions {
  readonly payload: string;
  readonly workflows?: string | undefined;
}

export function completeCommand(run: Run): Command {
  return describeCommand({
    name: "complete",
    summary: "Give a wait its answer: an input, the result of a tool, an event by hand",
    details:
      "WAIT is an id as millrace waits shows it. An answer that does not fit is refused, and the wait stays. It exits with 4 if the wait had another answer before.",
    examples: [
      [`complete 0198c5a1-7c1e-7d2f-9a3b-5e6f7a8b9c0d.2.1 --payload '{"approved":true}'`, "Approve what a run asks"],
      ["complete 0198c5a1-7c1e-7d2f-9a3b-5e6f7a8b9c0d.2.1 --payload @result.json --json", "An answer from a file"],
    ],
  })
    .argument("<wait>", "id of the wait")
    .requiredOption("--payload <json>", "the answer: JSON, @FILE, or - for standard input")
    .option("--workflows <file>", "take workflows from this file instead of millrace.config")
    .action(acting(run, (wait: string, options: CompleteOptions) => complete(run, wait, options)));
}

async function complete({ around }: Run, wait: string, options: CompleteOptions): Promise<void> {
  const payload = await readJsonOption("--payload", options.payload, around);
  const config = await findCode(options.workflows, around);
  const choice = chooseStore(options, around, config);
  requireStore(choice, around);
  await onStore(choice, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: config?.workflows ?? [] });
    const { runId, status, changed } = await orchestrator.completeWait(wait, payload, { actor: around.actor });
    if (options.json === true) around.out.line(jsonLine({ waitId: wait, runId, status, changed }));
    else around.out.line(plainLine(changed ? `${wait} is answered` : `${wait} had this answer already`));
  });
}
