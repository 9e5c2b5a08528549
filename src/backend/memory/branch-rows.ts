/** Branch groups, arrivals at joins and collected outputs in memory, in branch order. */

import { decodeCursor } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { OrderedRows } from "./ordered-rows.ts";
import { copyOf, pageOf } from "./row-page.ts";
import { type BranchKey, compareBranches } from "./run-row.ts";
import type { RunTable } from "./run-rows.ts";

const ARRIVALS = "arrivals";
const OUTPUTS = "outputs";

type BranchMethods = Pick<RowStore, "group" | "putGroup" | "insertArrival" | "arrivals" | "insertOutput" | "outputs">;

export function branchRows(journal: Journal, runs: RunTable): BranchMethods {
  return {
    group: (runId, group) => runs.get(runId)?.groups.get(group),
    putGroup(group) {
      const run = runs.get(group.runId);
      if (run !== undefined) journal.set(run.groups, group.group, group);
    },
    insertArrival(arrival) {
      const run = runs.get(arrival.runId);
      if (run === undefined) return;
      const key = arrivalsKey(arrival.group, arrival.join);
      const rows = run.arrivals.get(key) ?? new OrderedRows(journal, compareBranches);
      if (rows.size === 0) journal.set(run.arrivals, key, rows);
      rows.insert({ ...arrival, value: copyOf(arrival.value) });
    },
    arrivals(runId, group, join, page) {
      const rows = runs
        .get(runId)
        ?.arrivals.get(arrivalsKey(group, join))
        ?.ascending(positionIn(ARRIVALS, page.cursor));
      return pageOf(ARRIVALS, rows ?? [], page, { entry: withOwnValue, position: positionOf });
    },
    insertOutput(runId, output) {
      runs.get(runId)?.outputs.insert({ ...output, value: copyOf(output.value) });
    },
    outputs(runId, page) {
      const rows = runs.get(runId)?.outputs.ascending(positionIn(OUTPUTS, page.cursor));
      return pageOf(OUTPUTS, rows ?? [], page, { entry: withOwnValue, position: positionOf });
    },
  };
}

function arrivalsKey(group: number, join: string): string {
  return `${group}:${join}`;
}

function positionOf({ path, commit, index }: BranchKey): readonly (string | number)[] {
  return [path, commit, index];
}

function positionIn(list: string, cursor: string | undefined): BranchKey | undefined {
  const position = decodeCursor(list, cursor, ["string", "number", "number"]);
  if (position === undefined) return undefined;
  const [path, commit, index] = position;
  return { path, commit, index };
}

function withOwnValue<T extends { readonly value: Uint8Array }>(row: T): T {
  return { ...row, value: copyOf(row.value) };
}
