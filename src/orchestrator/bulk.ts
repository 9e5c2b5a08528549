/**
 * One action on many runs. Runs are read newest first in small chunks, and each chunk is acted on before the next is
 * read; every run is its own atomic step, and one that refuses does not stop the others. Nothing is held back for an end
 * that fits all: what has been done stays done. Invariant: each run is visited at most once, and none that was started
 * after the call, whatever starts, ends or is removed meanwhile; the order of the list never changes.
 */

import type { ControlAction, ControlOutcome } from "../backend/contract/control.ts";
import type { RunFilter, RunRecord } from "../backend/contract/run.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/ports.ts";
import type { Orchestration } from "./orchestration.ts";
import { type RunSelection, selectRuns } from "./run-selection.ts";

/** How an action on many runs is carried out. */
export interface BulkOptions {
  /** Visits at most so many runs, the newest. All if absent. */
  readonly limit?: number | undefined;
  /** Counts what is selected and does nothing to it. */
  readonly dryRun?: boolean | undefined;
  /** Stops between two chunks with `CANCELLED`, whose details are what had been done. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk. It observes: what it throws is logged and changes nothing. */
  readonly onProgress?: ((progress: BulkProgress) => void) | undefined;
}

/** How far an action on many runs has come. */
export interface BulkProgress {
  /** Runs that were selected and visited. */
  readonly matched: number;
  readonly changed: number;
  /** Already were as asked. */
  readonly unchanged: number;
  /** Refused. */
  readonly skipped: number;
}

/** A run that refused, and why. */
export interface SkippedRun {
  readonly runId: string;
  readonly code: string;
  readonly message: string;
}

/** What became of an action on many runs. `matched` is the sum of changed, unchanged and skipped, except in a dry run. */
export interface BulkResult {
  readonly matched: number;
  readonly changed: number;
  readonly unchanged: number;
  /** The first 1,000 that refused. */
  readonly skipped: readonly SkippedRun[];
  /** All that refused, listed or not. */
  readonly skippedCount: number;
  /** False when `limit` ended it before the last run. */
  readonly complete: boolean;
}

/** What is done to each run, and how many share a request. */
export interface BulkAction {
  readonly actionOn: (runId: string) => ControlAction;
  readonly actor: string | undefined;
  /** Why a run is left alone without asking; `undefined`: it is asked. */
  readonly refusal?: ((run: RunRecord) => MillraceError | undefined) | undefined;
  /** Fewer for actions that cost as much as the run is large. */
  readonly chunk?: number | undefined;
}

/** Runs of one request. A page holds their payloads, so it is far smaller than pages of lists may be. */
const CHUNK = 100;

/** Acts on every run of the selection. Throws `INVALID_VALUE` for a selection without a condition, `CANCELLED`. */
export async function controlRuns(
  { operations, logger }: Orchestration,
  selection: RunSelection,
  action: BulkAction,
  options: BulkOptions = {},
): Promise<BulkResult> {
  const { limit, signal, dryRun } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new MillraceError("INVALID_VALUE", `limit must be a whole number of at least 1, not ${String(limit)}`);
  }
  const filter = boundedBy(selectRuns(selection), await operations.now());
  const tally = newTally();
  let cursor: string | undefined;
  do {
    if (signal?.aborted === true) throw cancelled(tally.result(false), signal);
    const most = Math.min(action.chunk ?? CHUNK, (limit ?? Number.POSITIVE_INFINITY) - tally.matched);
    const page = await operations.read.runs(filter, { limit: most, cursor });
    cursor = page.cursor;
    tally.visited(page.entries.length);
    if (dryRun !== true) await actOn(operations, page.entries, action, tally);
    observe(options, tally.progress(), logger);
  } while (cursor !== undefined && (limit === undefined || tally.matched < limit));
  return tally.result(cursor === undefined);
}

/** Runs that are started from now on are not meant. */
function boundedBy(filter: RunFilter, now: number): RunFilter {
  return { ...filter, until: Math.min(filter.until ?? now, now) };
}

async function actOn(
  operations: Orchestration["operations"],
  runs: readonly RunRecord[],
  action: BulkAction,
  tally: Tally,
): Promise<void> {
  const asked: string[] = [];
  for (const run of runs) {
    const refusal = action.refusal?.(run);
    if (refusal === undefined) asked.push(run.id);
    else tally.skipped({ runId: run.id, code: refusal.code, message: refusal.message });
  }
  if (asked.length === 0) return;
  const request = (runId: string) => ({ action: action.actionOn(runId), actor: action.actor });
  let outcomes: readonly ControlOutcome[];
  try {
    outcomes = await operations.control(asked.map(request));
  } catch (error) {
    // A run whose rows are damaged takes its whole request down; one by one, only itself.
    if (!isMillraceError(error, "BACKEND_CORRUPT")) throw error;
    for (const runId of asked) tally.answered(runId, await outcomeAlone(operations, request(runId)));
    return;
  }
  for (const [at, runId] of asked.entries()) tally.answered(runId, outcomes[at]);
}

async function outcomeAlone(
  operations: Orchestration["operations"],
  request: Parameters<Orchestration["operations"]["control"]>[0][number],
): Promise<ControlOutcome | undefined> {
  try {
    return (await operations.control([request]))[0];
  } catch (error) {
    if (!isMillraceError(error, "BACKEND_CORRUPT")) throw error;
    return { kind: "refused", code: error.code, message: error.message };
  }
}

interface Tally {
  readonly matched: number;
  visited(runs: number): void;
  skipped(run: SkippedRun): void;
  answered(runId: string, outcome: ControlOutcome | undefined): void;
  progress(): BulkProgress;
  result(complete: boolean): BulkResult;
}

function newTally(): Tally {
  let matched = 0;
  let changed = 0;
  let unchanged = 0;
  let skippedCount = 0;
  const listed: SkippedRun[] = [];
  const skipped = (run: SkippedRun): void => {
    skippedCount += 1;
    if (listed.length < LIMITS.skippedRuns) listed.push(run);
  };
  return {
    get matched() {
      return matched;
    },
    visited(runs) {
      matched += runs;
    },
    skipped,
    answered(runId, outcome) {
      if (outcome === undefined) throw new MillraceError("INTERNAL", `the backend gave no answer about run ${runId}`);
      if (outcome.kind === "done") changed += 1;
      else if (outcome.kind === "unchanged") unchanged += 1;
      else skipped({ runId, code: outcome.code, message: outcome.message });
    },
    progress: () => ({ matched, changed, unchanged, skipped: skippedCount }),
    result: (complete) => ({ matched, changed, unchanged, skipped: listed, skippedCount, complete }),
  };
}

function observe({ onProgress }: BulkOptions, progress: BulkProgress, logger: Logger): void {
  try {
    onProgress?.(progress);
  } catch (error) {
    logger.warn("onProgress threw", { error: String(error) });
  }
}

function cancelled(result: BulkResult, signal: AbortSignal): MillraceError {
  const { matched, changed } = result;
  return new MillraceError("CANCELLED", `stopped by its caller after ${matched} runs, of which ${changed} changed`, {
    cause: signal.reason,
    details: result,
    hints: ["What has been done stays done; the same call goes on with the rest."],
  });
}
