/**
 * `millrace retry`: re-opens runs that failed or were cancelled, or one item that failed for good, with another input if
 * one is given. With the project's code at hand that input is checked by the node's schema first.
 */

import type { Command } from "commander";
import { type ControlResult, DistributedOrchestrator, type Duration } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { controlRuns } from "../control-runs.ts";
import { readJsonOption } from "../input/json-input.ts";
import { durationText, usage, wholeNumber } from "../input/option-values.ts";
import { loadProjectConfig, loadWorkflowsFile } from "../input/project-configuration.ts";
import { type SelectionOptions, withSelection } from "../input/run-selection.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { findRunId } from "../run-lookup.ts";
import { chooseStore, onStore, requireStore } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";

interface RetryCommandOptions extends CommonOptions, SelectionOptions {
  readonly item?: string | undefined;
  readonly input?: string | undefined;
  readonly workflows?: string | undefined;
  readonly timeout?: Duration | undefined;
  readonly maxItems?: number | undefined;
}

export function retryCommand(run: Run): Command {
  const command = describeCommand({
    name: "retry",
    summary: "Retry runs that failed or were cancelled, or one item",
    details:
      "What has completed never runs again. --item names one item by its number or id; --input gives it another input, and with it a new idempotency key.",
    examples: [
      ["retry 7a8b9c0d", "Try everything again that failed"],
      ["retry 7a8b9c0d --item 3 --input @fixed.json", "Try one item, with an input that was corrected"],
      ["retry --status failed --since 2h --workflow orders", "All that failed in the last two hours; it asks before"],
    ],
  });
  return withSelection(command)
    .argument("[run...]", "ids of the runs; or select them by conditions")
    .option("--item <item>", "only this item of the run, by number or id")
    .option("--input <json>", "another input for the item: JSON, @FILE, or - for standard input")
    .option("--timeout <duration>", "a new timeout of the run, from now", durationText("--timeout"))
    .option("--max-items <n>", "a new limit on its items", wholeNumber("--max-items", 1))
    .option("--workflows <file>", "with --input: check it by the code in this file instead of millrace.config")
    .action(acting(run, (runs: readonly string[], options: RetryCommandOptions) => retry(run, runs, options)));
}

async function retry({ around }: Run, runs: readonly string[], options: RetryCommandOptions): Promise<number> {
  const { item, input, workflows, timeout, maxItems } = options;
  const { actor } = around;
  if (item !== undefined) return retryItem(around, runs, item, options);
  if (input !== undefined || workflows !== undefined) throw usage("--input goes with --item");
  return controlRuns(around, runs, options, {
    act: (orchestrator, runId) => orchestrator.retry(runId, { timeout, maxItems, actor }),
    actOnMany: (orchestrator, selected, bulk) => orchestrator.retry(selected, { ...bulk, timeout, maxItems, actor }),
    verb: "retry",
    done: "retried",
    already: "open",
  });
}

async function retryItem(
  around: Surroundings,
  runs: readonly string[],
  item: string,
  options: RetryCommandOptions,
): Promise<number> {
  const [typed, ...others] = runs;
  if (typed === undefined || others.length > 0) throw usage("--item goes with one run");
  const edited = options.input === undefined ? {} : { input: await readJsonOption("--input", options.input, around) };
  const config = options.input === undefined ? undefined : await findCode(around, options.workflows);
  const choice = chooseStore(options, around, config);
  requireStore(choice, around);
  await onStore(choice, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: config?.workflows ?? [] });
    const runId = await findRunId(orchestrator, typed);
    const id = /^\d+$/.test(item) ? `${runId}.${item}` : item;
    const result: ControlResult = await orchestrator.retry(runId, { item: id, ...edited, actor: around.actor });
    if (options.json === true) around.out.line(jsonLine({ runs: [result] }));
    else around.out.line(plainLine(`${runId} is ${result.status}; item ${id} is tried again`));
  });
  return 0;
}

async function findCode(around: Surroundings, file: string | undefined) {
  if (file !== undefined) return (await loadWorkflowsFile(file, around.directory)).config;
  return (await loadProjectConfig(around.directory))?.config;
}
