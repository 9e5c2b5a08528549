/**
 * The whole of one run as plain rows, to be kept elsewhere and put back into another world: what a run in one process is
 * saved as. Sessions, leases and places in indexes are not part of it, since they belong to workers that will be gone: what was in
 * progress goes back to the queue, with the attempts that it has used. Snapshots of contexts are left out as caches, and progress as word of attempts that are over.
 */

import type { AuditEntry } from "../contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LogEntry,
  MetricEntry,
  OutputRecord,
} from "../contract/records.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { Arrival, BranchGroup, ItemPayload, WorkItem } from "../contract/work-item.ts";
import { releasedItem } from "../rules/item-row.ts";
import { placementOf } from "../synchronous/placement.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { RunRow } from "./run-row.ts";

/**
 * Rows of one run, in the orders in which they were made or are listed. They are the store's own: not to be changed, and
 * to be read before the store changes. A row itself never changes: another object takes its place.
 */
export interface RunImage {
  readonly definition: DefinitionRecord;
  readonly state: RunState;
  readonly details: RunDetails;
  /** By number, dense from 0. */
  readonly items: readonly { readonly item: WorkItem; readonly payload: ItemPayload }[];
  readonly memos: readonly MemoImage[];
  readonly groups: readonly BranchGroup[];
  readonly arrivals: readonly Arrival[];
  readonly outputs: readonly OutputRecord[];
  readonly deltas: readonly DeltaRecord[];
  readonly failures: readonly FailureEntry[];
  readonly metrics: readonly MetricEntry[];
  readonly logs: readonly LogEntry[];
  readonly audit: readonly AuditEntry[];
}

/** The result of a durable step; its name is that of the row. */
export interface MemoImage {
  readonly item: number;
  readonly name: string;
  readonly value: Uint8Array;
}

/** All rows of a run. */
export function imageOf(run: RunRow, definition: DefinitionRecord, audit: readonly AuditEntry[]): RunImage {
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
  };
}

/** Puts a run that the store does not have into it, inside of an atomic step. */
export function restoreImage(store: RowStore, image: RunImage, now: number): void {
  const { definition, details, state } = image;
  const run = { ...state, affinity: undefined };
  store.putDefinition(definition);
  store.insertRun(run, details);
  for (const { item, payload } of image.items) {
    const restored = item.status === "in_progress" ? releasedItem(item) : item;
    store.insertItem(restored, payload, placementOf(restored, run, true, now), run.definition);
  }
  for (const { item, name, value } of image.memos) store.insertMemo(run.id, item, name, value);
  for (const group of image.groups) store.putGroup(group);
  for (const arrival of image.arrivals) store.insertArrival(arrival);
  for (const output of image.outputs) store.insertOutput(run.id, output);
  for (const delta of image.deltas) store.insertDelta(run.id, delta);
  for (const entry of image.failures) store.insertFailure(entry);
  for (const entry of image.metrics) store.insertMetric(entry);
  for (const { runId, item, attempt, ...line } of image.logs) store.insertLog(runId, item, attempt, line);
  for (const entry of image.audit) store.insertAudit(entry);
}
