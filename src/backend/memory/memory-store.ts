/** All rows of one namespace in memory, as the engine wants them. Each noun has a file of its own; this puts them together. */

import type { RunState } from "../contract/run.ts";
import type { Executor, RowStore } from "../synchronous/row-store.ts";
import { type RunImage, restoreImage } from "../synchronous/run-image.ts";
import { branchRows } from "./branch-rows.ts";
import { checkpointRows } from "./checkpoint-rows.ts";
import { contextRows } from "./context-rows.ts";
import { definitionRows } from "./definition-rows.ts";
import { EntryTable } from "./entry-rows.ts";
import { HistoryTable } from "./history-rows.ts";
import { ItemTable } from "./item-rows.ts";
import { Journal } from "./journal.ts";
import { imageOf } from "./run-image.ts";
import { RunTable } from "./run-rows.ts";
import { SessionTable } from "./session-rows.ts";

export interface MemoryStore {
  readonly store: RowStore;
  readonly executor: Executor;
  readonly images: RunImages;
}

/** Whole runs, taken out and put back. */
export interface RunImages {
  /** Another object after every change of the run, but for results of durable steps and progress; the same while nothing changes. */
  stateOf(runId: string): RunState | undefined;
  capture(runId: string): RunImage | undefined;
  /** Atomic. The store must not have a run of this id. */
  restore(image: RunImage, now: number): void;
}

export function createMemoryStore(): MemoryStore {
  const journal = new Journal();
  const runs = new RunTable(journal);
  const items = new ItemTable(journal, runs);
  const sessions = new SessionTable(journal, items);
  const history = new HistoryTable(journal, runs);
  const entries = new EntryTable(journal);
  const store: RowStore = {
    ...definitionRows(journal),
    ...runs.rows(),
    ...items.rows(),
    ...branchRows(journal, runs),
    ...contextRows(journal, runs),
    ...history.rows(),
    ...sessions.rows(),
    ...entries.rows(),
    ...checkpointRows(journal),
    removeRun(runId) {
      const run = runs.get(runId);
      if (run !== undefined) items.removeOf(run);
      runs.remove(runId);
      history.removeOf(runId);
      entries.removeOf(runId);
    },
    nextDueAt: () => earliest([items.firstDue(), entries.firstDue(), sessions.firstExpiry(), runs.firstExpiry()]),
  };
  const images: RunImages = {
    stateOf: (runId) => runs.get(runId)?.state,
    capture(runId) {
      const run = runs.get(runId);
      const definition = run && store.definition(run.state.definition);
      const rest = { audit: history.auditOf(runId), entries: entries.ofRun(runId) };
      return run && definition && imageOf(run, definition, rest);
    },
    restore: (image, now) => journal.atomically(() => restoreImage(store, image, now)),
  };
  return { store, executor: executorOver(journal), images };
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
