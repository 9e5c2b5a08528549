/**
 * Rows of whole runs put into a store: those of a run that was saved, or moved here from another store. Sessions, leases
 * and places in indexes are not part of them, since they belong to workers that are gone: what was in progress goes back to
 * the queue, with the attempts that it has used, and every item is placed anew by its row.
 */

import type { RunState } from "../contract/run.ts";
import type { RunHead, RunRows } from "../contract/transfer.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { releasedItem } from "../rules/item-row.ts";
import { withParked } from "../rules/waits.ts";
import { placementOf } from "./placement.ts";
import type { Entry, RowStore } from "./row-store.ts";
import { isWaitOf } from "./waits.ts";

/** All rows of one run. */
export interface RunImage extends RunHead, RunRows {
  /** Entries that go away with it. */
  readonly entries: readonly Entry[];
}

/**
 * Puts a run that the store does not have into it, inside of an atomic step. What its items wait for can be answered as
 * before; but for child runs, which are not part of an image: items that waited for one begin again.
 */
export function restoreImage(store: RowStore, image: RunImage, now: number): void {
  const items = image.items.map((row) => (isForChild(row.item) ? { ...row, item: asBefore(row.item, now) } : row));
  const parked = items.filter(({ item }) => item.status === "waiting").length;
  const run = { ...withParked(image.state, parked, now), affinity: undefined };
  store.putDefinition(image.definition);
  store.insertRun(run, image.details);
  insertRows(store, run, { ...image, items }, now);
  for (const { item } of items) {
    const wait = isAnswerable(item) ? image.entries.find((entry) => isWaitOf(entry, item)) : undefined;
    if (wait !== undefined) store.putEntry(wait);
  }
}

function isForChild({ status, wait }: WorkItem): boolean {
  return status === "waiting" && wait?.kind === "child";
}

function isAnswerable({ status, wait }: WorkItem): boolean {
  return status === "waiting" && wait?.kind !== "sleep";
}

function asBefore(item: WorkItem, now: number): WorkItem {
  const left = item.wait?.deadlineLeftMs;
  const deadlineAt = left === undefined ? undefined : now + left;
  return { ...item, status: "pending", readyAt: now, deadlineAt, wait: undefined };
}

/** Adds rows to a run that has been inserted. */
export function insertRows(store: RowStore, run: RunState, rows: RunRows, now: number): void {
  for (const { item, payload } of rows.items) {
    const released = item.status === "in_progress" ? releasedItem(item) : item;
    store.insertItem(released, payload, placementOf(released, run, true, now), run.definition);
  }
  for (const { item, name, value } of rows.memos) store.insertMemo(run.id, item, name, value);
  for (const group of rows.groups) store.putGroup(group);
  for (const arrival of rows.arrivals) store.insertArrival(arrival);
  for (const output of rows.outputs) store.insertOutput(run.id, output);
  for (const delta of rows.deltas) store.insertDelta(run.id, delta);
  for (const entry of rows.failures) store.insertFailure(entry);
  for (const entry of rows.metrics) store.insertMetric(entry);
  for (const { runId, item, attempt, ...line } of rows.logs) store.insertLog(runId, item, attempt, line);
  for (const entry of rows.audit) store.insertAudit(entry);
}
