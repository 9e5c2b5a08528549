/** What happened, in memory: failed attempts, metrics and log lines of runs, and who did what to them. Lists that only grow. */

import type { AuditEntry } from "../contract/control.ts";
import type { PageRequest } from "../contract/run.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { numbered, pageOf } from "./row-page.ts";
import type { RunTable } from "./run-rows.ts";

type HistoryMethods = Pick<
  RowStore,
  "insertFailure" | "failures" | "insertMetric" | "metrics" | "insertLog" | "logs" | "insertAudit" | "audit"
>;

export class HistoryTable {
  readonly #journal: Journal;
  readonly #runs: RunTable;
  /** Not kept with its run: that somebody deleted a run is known after it. */
  readonly #audit = new Map<string, AuditEntry[]>();
  #failures = 0;

  constructor(journal: Journal, runs: RunTable) {
    this.#journal = journal;
    this.#runs = runs;
  }

  auditOf(runId: string): readonly AuditEntry[] {
    return this.#audit.get(runId) ?? [];
  }

  removeOf(runId: string): void {
    this.#journal.set(this.#audit, runId, undefined);
  }

  rows(): HistoryMethods {
    return {
      insertFailure: (entry) => {
        const run = this.#runs.get(entry.runId);
        if (run === undefined) return;
        this.#failures += 1;
        this.#journal.append(run.failures, { number: this.#failures, entry });
      },
      failures: ({ runId, item }, page) => {
        const [after] = decodeCursor("failures", page.cursor, ["number"]) ?? [0];
        const all = runId === undefined ? this.#allFailures() : (this.#runs.get(runId)?.failures ?? []);
        return pageOf("failures", all, page, {
          entry: (row) => row.entry,
          position: (row) => [row.number],
          where: (row) => row.number > after && (item === undefined || row.entry.item === item),
        });
      },
      insertMetric: (entry) => {
        const run = this.#runs.get(entry.runId);
        if (run !== undefined) this.#journal.append(run.metrics, entry);
      },
      metrics: (runId, page) => listed("metrics", this.#runs.get(runId)?.metrics ?? [], page),
      insertLog: (runId, item, attempt, line) => {
        const run = this.#runs.get(runId);
        if (run !== undefined) this.#journal.append(run.logs, { ...line, runId, item, attempt });
      },
      logs: ({ runId, item }, page) =>
        listed("logs", this.#runs.get(runId)?.logs ?? [], page, (line) => item === undefined || line.item === item),
      insertAudit: (entry) => {
        const entries = this.#audit.get(entry.runId) ?? [];
        if (entries.length === 0) this.#journal.set(this.#audit, entry.runId, entries);
        this.#journal.append(entries, entry);
      },
      audit: (runId, page) => listed("audit", this.#audit.get(runId) ?? [], page),
    };
  }

  #allFailures() {
    return [...this.#runs.ascending()].flatMap((run) => run.failures).sort((a, b) => a.number - b.number);
  }
}

function listed<T>(list: string, rows: readonly T[], page: PageRequest, where: (row: T) => boolean = () => true) {
  const [after] = decodeCursor(list, page.cursor, ["number"]) ?? [-1];
  return pageOf(list, numbered(rows, after + 1), page, {
    entry: ({ row }) => row,
    position: ({ at }) => [at],
    where: ({ row }) => where(row),
  });
}
