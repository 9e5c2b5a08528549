/**
 * `millrace start`: starts a run by the name of its workflow, from the project's code where that is at hand (it checks
 * the input then), else from what workers have published. Prints the run's id, or with `--wait` its output. Starting
 * twice with the same key and input is starting once.
 */

import type { Command } from "commander";
import { type Backend, DistributedOrchestrator, type Duration, MillraceError, type StartOptions } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { readJsonOption } from "../input/json-input.ts";
import { durationText, tagList, usage, wholeNumber } from "../input/option-values.ts";
import { codeOf, findCode, readTarget } from "../input/workflow-target.ts";
import { jsonBlock, jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { redactValue } from "../output/redaction.ts";
import { chooseStore, onStore, requireStore } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface StartCommandOptions extends CommonOptions, PayloadOptions {
  readonly input?: string | undefined;
  readonly context?: string | undefined;
  readonly key?: string | undefined;
  readonly id?: string | undefined;
  readonly tag?: Readonly<Record<string, string>> | undefined;
  readonly priority?: number | undefined;
  readonly delay?: Duration | undefined;
  readonly at?: string | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: Duration | undefined;
  readonly workflows?: string | undefined;
}

/** A run that was started. */
interface StartedRun {
  readonly id: string;
  readonly workflow: string;
  /** It was there before. */
  readonly existing: boolean;
}

export function startCommand(run: Run): Command {
  return describeCommand({
    name: "start",
    summary: "Start a run of a workflow",
    details:
      "NAME is a workflow of the project's millrace.config, or one that a worker has published; NAME@VERSION names a version. Prints the id of the run. With --wait prints the output instead, and the exit code tells how the run ended.",
    examples: [
      [
        `start orders --input '{"orderId":"o-1","quantity":2}' --key o-1`,
        "Start a run, once, however often this is typed",
      ],
      ["start orders --input @order.json --tag customer=42 --wait", "Input from a file; wait for the output"],
      ["start orders --input - --delay 5m --json", "Input from standard input; not before five minutes from now"],
    ],
  })
    .argument("<name>", "name of the workflow, or name@version")
    .option("--input <json>", "the input: JSON, @FILE, or - for standard input (default: null)")
    .option("--context <json>", "initial values of the context by field: JSON, @FILE or -")
    .option("--key <key>", "idempotency key: the same key and input give the same run")
    .option("--id <id>", "id of the run (default: a new one)")
    .option("--tag <name=value>", "a tag; may be repeated", tagList("--tag"))
    .option("--priority <n>", "higher is sooner", wholeNumber("--priority"))
    .option("--delay <duration>", "not before this has passed, such as 5m", durationText("--delay"))
    .option("--at <instant>", "not before this instant, such as 2026-03-01T09:00:00Z")
    .option("--wait", "wait for the end and print the output")
    .option(
      "--timeout <duration>",
      "with --wait: give up waiting after this; the run goes on",
      durationText("--timeout"),
    )
    .option("--workflows <file>", "take workflows from this file instead of millrace.config")
    .option("--reveal", "with --wait: show the output as it is, secrets too")
    .action(acting(run, (name: string, options: StartCommandOptions) => start(run, name, options)));
}

async function start({ around }: Run, name: string, options: StartCommandOptions): Promise<void> {
  if (options.input === "-" && options.context === "-")
    throw usage("only one of --input and --context can be standard input");
  if (options.timeout !== undefined && options.wait !== true) throw usage("--timeout goes with --wait");
  const input = options.input === undefined ? null : await readJsonOption("--input", options.input, around);
  const context =
    options.context === undefined ? undefined : await readJsonOption("--context", options.context, around);
  const config = await findCode(options.workflows, around);
  const choice = chooseStore(options, around, config);
  const target = readTarget(name);
  const code = codeOf(config, target);
  // Without code the definition can only be in a store that is there.
  if (code === undefined) requireStore(choice, around);
  await onStore(choice, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: config?.workflows ?? [] });
    const settings = settingsOf(options, context);
    const started =
      code === undefined && target.version !== undefined
        ? await startVersion(backend, target.name, target.version, input, settings)
        : await startByName(orchestrator, code ?? target.name, input, settings);
    await report(around, orchestrator, started, options);
  });
}

function settingsOf(options: StartCommandOptions, context: unknown): StartOptions {
  const { id, key: idempotencyKey, tag: tags, priority, delay, at: startAt } = options;
  const given = { id, idempotencyKey, tags, priority, delay, startAt };
  if (context === undefined) return given;
  if (typeof context !== "object" || context === null || Array.isArray(context)) {
    throw usage("--context takes an object: initial values by field");
  }
  return { ...given, context };
}

async function startByName(
  orchestrator: DistributedOrchestrator,
  workflow: Parameters<DistributedOrchestrator["startRuns"]>[0],
  input: unknown,
  settings: StartOptions,
): Promise<StartedRun> {
  const [started] = await orchestrator.startRuns(workflow, [{ ...settings, input }]);
  if (started === undefined) throw new MillraceError("INTERNAL", "the start was not answered");
  if (!started.ok) throw started.error;
  const name = typeof workflow === "string" ? workflow : workflow.name;
  return { id: started.handle.id, workflow: name, existing: started.existing };
}

/** A published version that is not the newest is started through the store of runs, which knows no initial context. */
async function startVersion(
  backend: Backend,
  workflow: string,
  version: string,
  input: unknown,
  { context, ...settings }: StartOptions,
): Promise<StartedRun> {
  if (context !== undefined)
    throw usage("--context takes the code of that version: name the file that has it with --workflows");
  const { id } = await backend.runs.insertRun({ workflow, version, input, ...settings });
  return { id, workflow, existing: false };
}

async function report(
  around: Surroundings,
  orchestrator: DistributedOrchestrator,
  { id, workflow, existing }: StartedRun,
  options: StartCommandOptions,
): Promise<void> {
  const { out } = around;
  if (options.wait !== true) {
    out.line(options.json === true ? jsonLine({ runId: id, workflow, existing }) : plainLine(id));
    return;
  }
  const output = await waitFor(around, orchestrator, { id, workflow, existing }, options);
  const shown = options.reveal === true ? output : redactValue(output);
  out.line(
    options.json === true
      ? jsonLine({ runId: id, workflow, existing, status: "completed", output: shown })
      : jsonBlock(shown),
  );
}

/** An interrupt ends the waiting, never the run. */
async function waitFor(
  around: Surroundings,
  orchestrator: DistributedOrchestrator,
  { id, workflow, existing }: StartedRun,
  { timeout, json }: StartCommandOptions,
): Promise<unknown> {
  const { err } = around;
  const interrupted = new AbortController();
  const release = around.onSignal(() => interrupted.abort(new MillraceError("CANCELLED", "interrupted")));
  const what = existing ? "was started before" : "started";
  if (json !== true) err.line(err.tint("dim", `run ${plainLine(id)} ${what}; waiting for its end`));
  try {
    return await orchestrator.handle(workflow, id).result({ timeout, signal: interrupted.signal });
  } finally {
    release();
  }
}
