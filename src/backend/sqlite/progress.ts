/** What running attempts last said of how far they are: one row per item, overwritten in place. It checks no lease. */

import type { ProgressRecord } from "../contract/records.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import { bytesAt, numberAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

export class Progress implements Pick<RowStore, "putProgress" | "progress"> {
  readonly #tables: Tables;
  readonly #runs: Runs;

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  putProgress(runId: string, { item, epoch, at, details }: ProgressRecord): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const put = this.#tables.db.statement(
      "REPLACE INTO progress (run, item, epoch, at, details) VALUES (?, ?, ?, ?, ?)",
    );
    put.run(run.number, item, epoch, at, details);
  }

  progress(runId: string, items: readonly number[]): readonly ProgressRecord[] {
    const run = this.#runs.find(runId);
    if (run === undefined) return [];
    const find = this.#tables.db.statement("SELECT epoch, at, details FROM progress WHERE run = ? AND item = ?");
    return items.flatMap((item) => {
      const row = find.get(run.number, item);
      return row === undefined
        ? []
        : [{ item, epoch: numberAt(row, 0), at: numberAt(row, 1), details: bytesAt(row, 2) }];
    });
  }
}
