/**
 * `millrace watch`: follows a run to its end: a line per event in a pipe, and on a terminal a bar of its progress with
 * what became of each node's items. The exit code tells how the run ended. It only looks.
 */

import type { Command } from "commander";
import { type Backend, DistributedOrchestrator, MillraceError, type RunEvent, type RunInfo } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { wholeNumber } from "../input/option-values.ts";
import { exitCodeOf } from "../output/failure-report.ts";
import { jsonLine } from "../output/json-output.ts";
import { instant } from "../output/moments.ts";
import { plainLine } from "../output/plain-text.ts";
import { redactText } from "../output/redaction.ts";
import { findRun } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";
import { itemTone } from "../views/item-view.ts";
import { runTone } from "../views/run-view.ts";
import { runProgress } from "../watch/run-progress.ts";

interface WatchCommandOptions extends CommonOptions {
  readonly after?: number | undefined;
}

export function watchCommand(run: Run): Command {
  return describeCommand({
    name: "watch",
    summary: "Follow a run to its end",
    details:
      "On a terminal: how far it is, and each node. In a pipe: a line per event; with --json a line of JSON per event. What follows faster than it is read is gathered. The exit code is 0 for a run that completed. An interrupt ends the watching, never the run.",
    examples: [
      ["watch 7a8b9c0d", "How a run comes along"],
      ["watch 7a8b9c0d --json --after 120", "What happened since commit 120, for a program"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--after <commit>", "leave out what happened up to this commit", wholeNumber("--after", 0))
    .action(acting(run, (typed: string, options: WatchCommandOptions) => watch(run, typed, options)));
}

async function watch({ around }: Run, typed: string, options: WatchCommandOptions): Promise<number> {
  return onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const run = await findRun(orchestrator, typed);
    const interrupted = new AbortController();
    const release = around.onSignal(() => interrupted.abort(new MillraceError("CANCELLED", "interrupted")));
    try {
      const events = orchestrator.watch(run.id, { after: options.after, signal: interrupted.signal });
      if (options.json !== true && around.out.isTerminal) await showProgress(around, backend, run, events);
      else await writeEvents(around, events, options.json === true);
    } finally {
      release();
    }
    return exitCodeFor(await orchestrator.getRun(run.id));
  });
}

async function writeEvents({ out }: Surroundings, events: AsyncIterable<RunEvent>, json: boolean): Promise<void> {
  for await (const event of events) {
    out.line(json ? jsonLine(eventJson(event)) : plainLine(eventText(event)));
    await out.drained();
    if (out.gone) return;
  }
}

async function showProgress(
  around: Surroundings,
  backend: Backend,
  run: RunInfo,
  events: AsyncIterable<RunEvent>,
): Promise<void> {
  const { out } = around;
  const progress = runProgress(out, run, () => backend.operations.read.runState(run.id));
  try {
    for await (const event of events) {
      progress.saw(event);
      // Failures stay on the screen, above what is shown in place.
      if (event.type === "item" && event.item.failure !== undefined) {
        out.line(out.tint(itemTone(event.status) ?? "dim", plainLine(eventText(event))));
      }
      await out.drained();
    }
  } finally {
    await progress.end();
  }
  const ended = await backend.operations.read.runState(run.id);
  if (ended === undefined) return;
  const tone = runTone(ended.status);
  out.line(`${plainLine(run.id)} is ${tone === undefined ? ended.status : out.tint(tone, ended.status)}`);
}

function eventText(event: RunEvent): string {
  if (event.type === "run") return `${instant(event.at)} run is ${event.status}`;
  const { itemId, node, status, item } = event;
  const failure = item.failure === undefined ? "" : ` ${redactText(`${item.failure.code}: ${item.failure.message}`)}`;
  return `${instant(event.at)} ${node} ${itemId} ${status}${failure}`;
}

function eventJson(event: RunEvent): Readonly<Record<string, unknown>> {
  const at = instant(event.at);
  const { runId, commit, status } = event;
  if (event.type === "run") return { type: "run", at, runId, status, commit };
  const { code, message } = event.item.failure ?? {};
  const failure = message === undefined ? undefined : { code, message: redactText(message) };
  return { type: "item", at, runId, itemId: event.itemId, node: event.node, status, failure, commit };
}

function exitCodeFor(run: RunInfo | undefined): number {
  if (run?.status === "failed") return exitCodeOf(new MillraceError("RUN_FAILED", "the run failed"));
  if (run?.status === "cancelled") return exitCodeOf(new MillraceError("RUN_CANCELLED", "the run was cancelled"));
  return 0;
}
