/**
 * All that one step wrote, each row as it is to be, in one list to be applied in one atomic go. Rows that were written
 * several times appear once. What is appended appears in the order in which it was written.
 */

import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { LogLine } from "../contract/commit.ts";
import type { AuditEntry } from "../contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  MetricEntry,
  OutputRecord,
  ProgressRecord,
} from "../contract/records.ts";
import type { RunDetails, RunFailure, RunState } from "../contract/run.ts";
import type { Arrival, BranchGroup, ItemPayload, WorkItem } from "../contract/work-item.ts";
import type { Entry, Placement, StoredSession } from "../synchronous/row-store.ts";

/** An item's row with where it lies, as a server keeps them together. */
export interface StoredItem {
  readonly item: WorkItem;
  readonly placement: Placement;
  /** Hash of its run's definition: with queue and labels, its lane. */
  readonly definition: string;
}

/** An item that comes from a server: what it carries is there, or is known not to be. */
export interface LoadedItem extends StoredItem {
  /** Absent: to be asked for. */
  readonly payload?: ItemPayload | undefined;
  /** Whether there may be results of durable steps: false spares the asking. */
  readonly hasMemos: boolean;
}

export interface InsertedItem extends StoredItem {
  readonly payload: ItemPayload;
}

export interface UpdatedItem extends StoredItem {
  /** The row as it was loaded, to tell which indexes change. */
  readonly before: StoredItem;
}

export interface Changes {
  /** The instant of the step. */
  readonly now: number;
  /** Sets what their names and versions stand for, too. */
  readonly definitions: readonly DefinitionRecord[];
  /** Runs must not be there yet. A key held by an older run goes over to the new one. */
  readonly insertedRuns: readonly { readonly state: RunState; readonly details: RunDetails }[];
  /** `before`: as loaded. */
  readonly updatedRuns: readonly { readonly state: RunState; readonly before: RunState }[];
  readonly runFailures: readonly { readonly runId: string; readonly failure: RunFailure | undefined }[];
  readonly runOutputs: readonly { readonly runId: string; readonly output: Uint8Array }[];
  /** With every row of theirs but the audit trail; nothing else in this list is of these runs, but new audit entries. */
  readonly removedRuns: readonly RunState[];
  readonly insertedItems: readonly InsertedItem[];
  readonly updatedItems: readonly UpdatedItem[];
  readonly inputs: readonly { readonly runId: string; readonly item: number; readonly input: Uint8Array }[];
  readonly groups: readonly BranchGroup[];
  readonly arrivals: readonly Arrival[];
  readonly outputs: readonly { readonly runId: string; readonly output: OutputRecord }[];
  readonly deltas: readonly { readonly runId: string; readonly delta: DeltaRecord }[];
  /** Each replaces one of its shape. */
  readonly snapshots: readonly {
    readonly runId: string;
    readonly shape: string;
    readonly sequence: number;
    readonly bytes: Uint8Array;
  }[];
  /** The first of a name stays. */
  readonly memos: readonly {
    readonly runId: string;
    readonly item: number;
    readonly name: string;
    readonly value: Uint8Array;
  }[];
  /** The latest of an item stays. */
  readonly progress: readonly { readonly runId: string; readonly progress: ProgressRecord }[];
  readonly failures: readonly FailureEntry[];
  readonly metrics: readonly MetricEntry[];
  readonly logs: readonly {
    readonly runId: string;
    readonly item: number;
    readonly attempt: number;
    readonly line: LogLine;
  }[];
  readonly audit: readonly AuditEntry[];
  /** Each entry once, as it is to be; `before` as loaded, `undefined` where there was none. */
  readonly entries: readonly {
    readonly kind: string;
    readonly key: string;
    readonly before: Entry | undefined;
    readonly after: Entry | undefined;
  }[];
  readonly sessions: readonly StoredSession[];
  /** Forget sessions that signed off, or whose leases ended, before the instant and that hold nothing. */
  readonly forgetSessionsBefore: number | undefined;
  /** In order; a `put` replaces the body, an `append` adds to it. */
  readonly checkpoints: readonly (
    | { readonly kind: "put" | "append"; readonly record: CheckpointRecord; readonly body: Uint8Array }
    | { readonly kind: "remove"; readonly id: string }
  )[];
  /** Rows that must be as they were loaded, besides all that are written: the step decided by them. */
  readonly held: {
    readonly runs: readonly string[];
    readonly items: readonly { readonly runId: string; readonly item: number }[];
  };
  /** Whether anything is to be written at all. */
  readonly empty: boolean;
}
