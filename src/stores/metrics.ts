/**
 * The metrics store: the counters of a run as its commits left them. They are part of the run's row and change only in
 * the atomic step that they count, so they can't drift from what happened, and can't be written from outside.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunState } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { requireRunState } from "./run-control.ts";

/** How many work items a run has made, and what became of them and their attempts. */
export interface RunCounters {
  /** Items ever made. */
  readonly total: number;
  readonly completed: number;
  /** Failed for good, or gone to a failure edge. */
  readonly failed: number;
  /** Failed attempts that were tried again. */
  readonly retried: number;
  /** Executions that lost to a conflict and left no trace. */
  readonly conflicts: number;
}

/** Counters of runs. */
export interface MetricsStore {
  /** Throws `RUN_NOT_FOUND`. */
  getMetrics(runId: string): Promise<RunCounters>;
  /** Accepts what is already so; throws `ILLEGAL_TRANSITION` for other numbers, since commits alone count. */
  updateMetrics(runId: string, counters: RunCounters): Promise<void>;
}

/** The view on the run rows of a backend. */
export function metricsStore(operations: BackendOperations): MetricsStore {
  return {
    async getMetrics(runId) {
      return countersOf(await requireRunState(operations, runId));
    },
    async updateMetrics(runId, counters) {
      const known = countersOf(await requireRunState(operations, runId));
      const names = ["total", "completed", "failed", "retried", "conflicts"] as const;
      const other = names.find((name) => counters[name] !== known[name]);
      if (other === undefined) return;
      throw new MillraceError(
        "ILLEGAL_TRANSITION",
        `${other} of run ${runId} is ${known[other]}; only commits change it`,
        {
          runId,
          hints: ["For numbers of your own call metric(name, value) in a node: they are recorded with its commit."],
        },
      );
    },
  };
}

/** The counters of a run's row. */
export function countersOf(run: RunState): RunCounters {
  const { items, completed, failed, retried, conflicts } = run;
  return { total: items, completed, failed, retried, conflicts };
}
