/**
 * The whole of one run as plain rows, taken out of a world in memory: what a run in one process is saved as. Snapshots of
 * contexts are left out as caches, and progress as word of attempts that are over.
 */

import type { DefinitionRecord } from "../contract/records.ts";
import type { RunImage } from "../synchronous/run-image.ts";
import type { RunRow } from "./run-row.ts";

export type { RunImage } from "../synchronous/run-image.ts";

/**
 * All rows of a run. They are the store's own: not to be changed, and to be read before the store changes. A row itself
 * never changes: another object takes its place.
 */
export function imageOf(
  run: RunRow,
  definition: DefinitionRecord,
  { audit, entries }: Pick<RunImage, "audit" | "entries">,
): RunImage {
  return {
    definition,
    state: run.state,
    details: run.details,
    items: run.items,
    memos: [...run.memos].flatMap(([item, memos]) => [...memos].map(([name, value]) => ({ item, name, value }))),
    groups: [...run.groups.values()],
    arrivals: [...run.arrivals.values()].flatMap((rows) => [...rows.ascending()]),
    outputs: [...run.outputs.ascending()],
    deltas: run.deltas,
    failures: run.failures.map(({ entry }) => entry),
    metrics: run.metrics,
    logs: run.logs,
    audit,
    entries,
  };
}
