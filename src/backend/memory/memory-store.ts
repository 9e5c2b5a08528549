/** All rows of one namespace in memory, as the engine wants them. Each noun has a file of its own; this puts them together. */

import type { Executor, RowStore } from "../synchronous/row-store.ts";
import { branchRows } from "./branch-rows.ts";
import { checkpointRows } from "./checkpoint-rows.ts";
import { contextRows } from "./context-rows.ts";
import { definitionRows } from "./definition-rows.ts";
import { HistoryTable } from "./history-rows.ts";
import { ItemTable } from "./item-rows.ts";
import { Journal } from "./journal.ts";
import { RunTable } from "./run-rows.ts";
import { SessionTable } from "./session-rows.ts";

export interface MemoryStore {
  readonly store: RowStore;
  readonly executor: Executor;
}

export function createMemoryStore(): MemoryStore {
  const journal = new Journal();
  const runs = new RunTable(journal);
  const items = new ItemTable(journal, runs);
  const sessions = new SessionTable(journal, items);
  const history = new HistoryTable(journal, runs);
  const store: RowStore = {
    ...definitionRows(journal),
    ...runs.rows(),
    ...items.rows(),
    ...branchRows(journal, runs),
    ...contextRows(journal, runs),
    ...history.rows(),
    ...sessions.rows(),
    ...checkpointRows(journal),
    removeRun(runId) {
      const run = runs.get(runId);
      if (run !== undefined) items.removeOf(run);
      runs.remove(runId);
      history.removeOf(runId);
    },
    nextDueAt: () => earliest([items.firstDue(), sessions.firstExpiry(), runs.firstExpiry()]),
  };
  return { store, executor: executorOver(journal) };
}

/** What runs in one go cannot be interrupted, so a step is its own transaction. */
function executorOver(journal: Journal): Executor {
  return {
    write: async (work) => journal.atomically(work),
    read: async (work) => work(),
    close: async () => undefined,
  };
}

function earliest(instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
