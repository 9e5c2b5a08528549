/**
 * How a transfer is told: its progress while it lasts, then one sentence, what did not arrive and why, and what is to be
 * done next. The exit code is that of the first run that did not arrive.
 */

import { ERRORS, MillraceError, type TransferResult } from "../../index.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { redactText } from "../output/redaction.ts";
import type { Output } from "../output/terminal.ts";
import type { Surroundings } from "../surroundings.ts";

const SKIPPED_LINES = 20;

/** Words of one transfer. */
export interface TransferWords {
  /** As in "3 runs copied to sqlite:runs.db". */
  readonly done: string;
  /** Where, as it may be shown. */
  readonly where: string;
  /** The command that lets runs go on where they arrived, if some arrived paused. */
  readonly resume: string | undefined;
}

/** Runs it with its progress shown; the first interrupt stops it where it can stop, the second ends the process. */
export async function watched<T>(
  around: Surroundings,
  work: (control: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: TransferResult) => void;
  }) => Promise<T>,
): Promise<T> {
  const interrupted = new AbortController();
  const release = around.onSignal(() => {
    if (interrupted.signal.aborted) around.exit(130);
    else interrupted.abort(new MillraceError("CANCELLED", "interrupted"));
  });
  const onProgress = ({ runs, existing, skippedCount }: TransferResult): void =>
    around.err.status(`${countOf(runs)} arrived, ${existing} there already, ${skippedCount} skipped`);
  try {
    return await work({ signal: interrupted.signal, onProgress });
  } finally {
    around.err.status("");
    release();
  }
}

/** Writes what became of it, and gives the exit code. */
export function report(output: Output, result: TransferResult, words: TransferWords, json: boolean): number {
  const skipped = result.skipped.map((skip) => ({ ...skip, message: redactText(skip.message) }));
  if (json) output.line(jsonLine({ ...result, skipped }));
  else for (const line of sentences(output, { ...result, skipped }, words)) output.line(line);
  const [first] = skipped;
  return first === undefined ? 0 : exitOf(first.code);
}

function sentences(output: Output, result: TransferResult, words: TransferWords): readonly string[] {
  const { runs, existing, checkpoints, skipped, skippedCount, open, paused, resumed } = result;
  const rest = [
    ...(existing > 0 ? [`, ${existing} ${existing === 1 ? "was" : "were"} there already`] : []),
    ...(skippedCount > 0 ? [`, ${skippedCount} skipped`] : []),
    ...(checkpoints > 0 ? [`; ${checkpoints} ${checkpoints === 1 ? "checkpoint" : "checkpoints"}, too`] : []),
  ];
  const lines = skipped
    .slice(0, SKIPPED_LINES)
    .map(({ runId, code, message }) => `  ${plainLine(runId)}  ${output.tint("yellow", code)}  ${plainLine(message)}`);
  const more = skippedCount - lines.length;
  return [
    `${countOf(runs)} ${words.done} ${plainLine(words.where)}${rest.join("")}`,
    ...lines,
    ...(more > 0 ? [output.tint("dim", `  … ${more} more; see --json`)] : []),
    ...(open > 0
      ? [
          `${open} that ${open === 1 ? "is" : "are"} open ${open === 1 ? "was" : "were"} left alone; --move takes them along.`,
        ]
      : []),
    ...(resumed > 0 ? [`${countOf(resumed)} ${resumed === 1 ? "goes" : "go"} on there.`] : []),
    ...(paused > resumed && words.resume !== undefined
      ? [`${countOf(paused - resumed)} arrived paused. To go on: ${words.resume}`]
      : []),
  ];
}

function exitOf(code: string): number {
  return Object.entries(ERRORS).find(([name]) => name === code)?.[1].exit ?? ERRORS.INTERNAL.exit;
}

function countOf(runs: number): string {
  return runs === 1 ? "1 run" : `${runs} runs`;
}
