/** One run in memory with everything that belongs to it, and the orders that runs and branches lie in. */

import type {
  DeltaRecord,
  FailureEntry,
  LogEntry,
  MetricEntry,
  OutputRecord,
  ProgressRecord,
} from "../contract/records.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { Arrival, BranchGroup } from "../contract/work-item.ts";
import type { ItemRow } from "./item-row.ts";
import type { Journal } from "./journal.ts";
import { compareText, OrderedRows } from "./ordered-rows.ts";

export interface InstantKey {
  readonly at: number;
  readonly id: string;
}

/** One run and all that belongs to it. Lists and maps change through the journal only. */
export class RunRow implements InstantKey {
  readonly at: number;
  readonly id: string;
  readonly items: ItemRow[] = [];
  readonly groups = new Map<number, BranchGroup>();
  readonly arrivals = new Map<string, OrderedRows<BranchKey, Arrival>>();
  readonly deltas: DeltaRecord[] = [];
  readonly snapshots = new Map<string, { readonly sequence: number; readonly bytes: Uint8Array }>();
  readonly memos = new Map<number, Map<string, Uint8Array>>();
  readonly progress = new Map<number, ProgressRecord>();
  readonly failures: { readonly number: number; readonly entry: FailureEntry }[] = [];
  readonly metrics: MetricEntry[] = [];
  readonly logs: LogEntry[] = [];
  readonly outputs: OrderedRows<BranchKey, OutputRecord>;
  state: RunState;
  details: RunDetails;
  expiry: InstantKey | undefined;
  finish: InstantKey | undefined;

  constructor(journal: Journal, state: RunState, details: RunDetails) {
    this.at = state.createdAt;
    this.id = state.id;
    this.outputs = new OrderedRows(journal, compareBranches);
    this.state = state;
    this.details = details;
  }
}

/** Branch order. */
export interface BranchKey {
  readonly path: string;
  readonly commit: number;
  readonly index: number;
}

export function compareBranches(a: BranchKey, b: BranchKey): number {
  return compareText(a.path, b.path) || a.commit - b.commit || a.index - b.index;
}

export function compareInstants(a: InstantKey, b: InstantKey): number {
  return a.at - b.at || compareText(a.id, b.id);
}
