/**
 * Doing one thing to every run of a selection: counted first, asked about, then done with its progress shown, and told
 * in one sentence and a list of what was skipped. An interrupt stops it between two chunks and says how far it came.
 */

import {
  type Backend,
  type BulkOptions,
  type BulkProgress,
  type BulkResult,
  DistributedOrchestrator,
  ERRORS,
  type ErrorCode,
  MillraceError,
  type RunSelection,
} from "../index.ts";
import type { CommonOptions } from "./command-line.ts";
import { confirm } from "./input/confirmation.ts";
import { readSelection, type SelectionOptions } from "./input/run-selection.ts";
import { jsonLine } from "./output/json-output.ts";
import { plainLine } from "./output/plain-text.ts";
import { redactText } from "./output/redaction.ts";
import type { Output } from "./output/terminal.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is done to the runs of a selection, and its words. */
export interface SelectionAction {
  actOnMany(orchestrator: DistributedOrchestrator, runs: RunSelection, options: BulkOptions): Promise<BulkResult>;
  /** As in "cancel 3 runs". */
  readonly verb: string;
  /** As in "3 of 5 runs cancelled". */
  readonly done: string;
}

const SKIPPED_LINES = 20;
/** Refusals by the state that a run is in, which conditions alone cannot rule out. */
const EXPECTED: readonly string[] = [
  "RUN_CLOSED",
  "RUN_OPEN",
  "RUN_NOT_FOUND",
  "ILLEGAL_TRANSITION",
] satisfies ErrorCode[];

/** Does it and gives the exit code: 0 also where runs were skipped by their state. */
export async function controlSelection(
  around: Surroundings,
  backend: Backend,
  options: CommonOptions & SelectionOptions,
  action: SelectionAction,
): Promise<number> {
  const orchestrator = new DistributedOrchestrator({ backend });
  const selection = readSelection(options, await backend.operations.now());
  const { limit, json, dryRun } = options;
  if (dryRun === true || options.yes !== true) {
    const counted = await interruptible(around, (signal) =>
      action.actOnMany(orchestrator, selection, { limit, dryRun: true, signal }),
    );
    if (dryRun === true) {
      around.out.line(
        json === true ? jsonLine({ dryRun: true, ...counted }) : `would ${action.verb} ${runsText(counted.matched)}`,
      );
      return 0;
    }
    if (counted.matched > 0) await confirm(around, `${capital(action.verb)} ${runsText(counted.matched)}?`, options);
  }
  const onProgress = (progress: BulkProgress): void => around.err.status(progressText(progress, action));
  const result = await interruptible(around, (signal) =>
    action.actOnMany(orchestrator, selection, { limit, signal, onProgress }),
  ).finally(() => around.err.status(""));
  if (json === true) around.out.line(jsonLine({ ...result, skipped: result.skipped.map(shownSkip) }));
  else write(around.out, result, action);
  const unexpected = result.skipped.find(({ code }) => !EXPECTED.includes(code));
  return unexpected === undefined ? 0 : exitOf(unexpected.code);
}

/** The first interrupt stops the work where it can stop, the second one ends the process. */
async function interruptible<T>(around: Surroundings, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const release = around.onSignal(() => {
    if (interrupted.signal.aborted) around.exit(130);
    else interrupted.abort(new MillraceError("CANCELLED", "interrupted"));
  });
  try {
    return await work(interrupted.signal);
  } finally {
    release();
  }
}

function write(out: Output, result: BulkResult, { done }: SelectionAction): void {
  const { matched, changed, unchanged, skipped, skippedCount, complete } = result;
  if (matched === 0) {
    out.line("No runs are selected.");
    return;
  }
  const rest = [
    ...(unchanged > 0 ? [`${unchanged} ${unchanged === 1 ? "was" : "were"} already`] : []),
    ...(skippedCount > 0 ? [`${skippedCount} skipped`] : []),
  ].map((part) => `, ${part}`);
  out.line(`${changed} of ${runsText(matched)} ${done}${rest.join("")}`);
  for (const { runId, code, message } of skipped.slice(0, SKIPPED_LINES).map(shownSkip)) {
    out.line(`  ${plainLine(runId)}  ${out.tint("yellow", plainLine(code))}  ${plainLine(message)}`);
  }
  if (skippedCount > SKIPPED_LINES) out.line(out.tint("dim", `  … ${skippedCount - SKIPPED_LINES} more; see --json`));
  if (!complete) out.line(out.tint("dim", "There are more; the limit ended it."));
}

function shownSkip<S extends { readonly message: string }>(skip: S): S {
  return { ...skip, message: redactText(skip.message) };
}

function progressText({ matched, changed, skipped }: BulkProgress, { done }: SelectionAction): string {
  return `${runsText(matched)} visited, ${changed} ${done}, ${skipped} skipped`;
}

function exitOf(code: string): number {
  return Object.entries(ERRORS).find(([name]) => name === code)?.[1].exit ?? ERRORS.INTERNAL.exit;
}

function runsText(count: number): string {
  return count === 1 ? "1 run" : `${count} runs`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
