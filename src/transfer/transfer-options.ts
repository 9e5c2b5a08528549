/** What is moved between stores, how, and what became of it: the words that copying, exporting and importing share. */

import type { Duration } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { SkippedRun } from "../orchestrator/bulk.ts";
import type { RunConditions } from "../orchestrator/run-selection.ts";

/** How runs are imported. */
export interface ImportOptions {
  /** Stops between two runs with `CANCELLED`, whose details are what had been done. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each run. It observes: what it throws changes nothing. */
  readonly onProgress?: ((progress: TransferResult) => void) | undefined;
}

/** Which runs are exported, and how. */
export interface ExportOptions extends ImportOptions {
  /** Conditions that all hold, or ids. Every run if absent. */
  readonly runs?: RunConditions | readonly string[] | undefined;
  /** Takes open runs along, too: they are paused, and all runs are removed where they were once they have arrived. */
  readonly move?: boolean | undefined;
  /** Of a move: how long a run's attempts may take to end before the run is left where it is. Default one minute. */
  readonly wait?: Duration | undefined;
  /** Also checkpoints of runs that live in one process; without `move` those of runs that have ended. */
  readonly checkpoints?: boolean | undefined;
  /** Who asked; for the audit trail. */
  readonly actor?: string | undefined;
}

/** How runs are copied. */
export interface CopyOptions extends ExportOptions {
  /** Of a move: goes on with the runs that it paused, once they are there and nowhere else. */
  readonly resume?: boolean | undefined;
}

/** What became of the runs. */
export interface TransferResult {
  /** Runs that arrived. */
  readonly runs: number;
  /** Of these, open ones: they arrived paused. */
  readonly paused: number;
  /** Runs that were there already, equal. */
  readonly existing: number;
  /** Open runs that were left alone, as nothing was to be moved. */
  readonly open: number;
  /** Runs that were removed where they came from. */
  readonly removed: number;
  /** Runs that go on where they arrived. */
  readonly resumed: number;
  /** Checkpoints that arrived, or were there already. */
  readonly checkpoints: number;
  /** The first 1,000 that did not arrive, and why. */
  readonly skipped: readonly SkippedRun[];
  /** All that did not arrive, listed or not. */
  readonly skippedCount: number;
}

/** Counts what becomes of runs and tells whoever asked to be told. */
export class TransferTally {
  readonly #options: ImportOptions;
  readonly #counts = {
    runs: 0,
    paused: 0,
    existing: 0,
    open: 0,
    removed: 0,
    resumed: 0,
    checkpoints: 0,
    skippedCount: 0,
  };
  readonly #skipped: SkippedRun[] = [];

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  add(what: Exclude<keyof TransferResult, "skipped" | "skippedCount">): void {
    this.#counts[what] += 1;
    this.#tell();
  }

  skip(runId: string, code: SkippedRun["code"], message: string): void {
    this.#counts.skippedCount += 1;
    if (this.#skipped.length < LIMITS.skippedRuns) this.#skipped.push({ runId, code, message });
    this.#tell();
  }

  get result(): TransferResult {
    return { ...this.#counts, skipped: [...this.#skipped] };
  }

  /** Throws `CANCELLED` once whoever asked has given up. */
  check(): void {
    const { signal } = this.#options;
    if (signal?.aborted !== true) return;
    throw new MillraceError("CANCELLED", `stopped by its caller after ${this.#counts.runs} runs`, {
      cause: signal.reason,
      details: this.result,
      hints: ["What has been done stays done; the same call goes on with the rest."],
    });
  }

  #tell(): void {
    try {
      this.#options.onProgress?.(this.result);
    } catch {
      // It observes.
    }
  }
}
