/** One work item in memory, and what it takes to find it: its lane, and its place in one of the indexes. */

import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import { compareText, type OrderedRows } from "./ordered-rows.ts";

/** A place in an index: by rank or time, then run, then number. */
export interface IndexKey {
  readonly at: number;
  readonly runId: string;
  readonly item: number;
}

export interface IndexEntry extends IndexKey {
  readonly row: ItemRow;
}

export type Index = OrderedRows<IndexKey, IndexEntry>;

export interface Lane {
  readonly queue: string;
  readonly definition: string;
  readonly labels: readonly string[];
  readonly ready: Index;
  readonly stalled: Index;
}

/** Where a row is indexed, so that it can be taken out again. */
export type Place =
  | { readonly kind: "indexed"; readonly index: Index; readonly entry: IndexEntry }
  | { readonly kind: "aside" }
  | undefined;

export interface ItemRow {
  item: WorkItem;
  payload: ItemPayload;
  place: Place;
  readonly lane: Lane;
}

export function compareKeys(a: IndexKey, b: IndexKey): number {
  return a.at - b.at || compareText(a.runId, b.runId) || a.item - b.item;
}
