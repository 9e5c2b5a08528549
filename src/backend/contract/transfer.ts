/**
 * Moving whole runs between stores, part by part, so that a run of any size needs no step of its size. What belongs to a
 * store and its workers stays behind: sessions, leases, folded contexts, progress. Invariant: a run is not there, for
 * anybody, until its last part is; and an open run arrives paused, so that no import ever starts work.
 */

import type { AuditEntry } from "./control.ts";
import type { DefinitionRecord, DeltaRecord, FailureEntry, LogEntry, MetricEntry, OutputRecord } from "./records.ts";
import type { RunDetails, RunState } from "./run.ts";
import type { Arrival, BranchGroup, ItemPayload, WorkItem } from "./work-item.ts";

/** What there is once of a run. */
export interface RunHead {
  readonly definition: DefinitionRecord;
  /** Ended, or paused: what was running or waiting is exported as paused. */
  readonly state: RunState;
  /** With its idempotency key if the key stands for this run, not for one that took it over. */
  readonly details: RunDetails;
}

/** The result of a durable step; its name is that of the row. */
export interface MemoRow {
  readonly item: number;
  readonly name: string;
  readonly value: Uint8Array;
}

/** Rows of one run, each list in the order in which its rows were made or are listed. */
export interface RunRows {
  /** By number, dense. What was in progress is pending, with the attempts that it has used. */
  readonly items: readonly { readonly item: WorkItem; readonly payload: ItemPayload }[];
  /** After their items. */
  readonly memos: readonly MemoRow[];
  readonly groups: readonly BranchGroup[];
  readonly arrivals: readonly Arrival[];
  readonly outputs: readonly OutputRecord[];
  readonly deltas: readonly DeltaRecord[];
  readonly failures: readonly FailureEntry[];
  readonly metrics: readonly MetricEntry[];
  readonly logs: readonly LogEntry[];
  readonly audit: readonly AuditEntry[];
}

/** A piece of a run: its rows in their order, cut where a piece gets large. */
export interface RunPart {
  readonly runId: string;
  /** From 0. */
  readonly number: number;
  /** Present in the first part and in the last. */
  readonly head?: RunHead | undefined;
  readonly rows: RunRows;
  readonly last: boolean;
}

export type ExportOutcome =
  | {
      readonly kind: "part";
      readonly part: RunPart;
      /** Present unless it was the last part. */
      readonly cursor?: string | undefined;
      /** Equal as long as the run has not changed; what `remove` is asked by. */
      readonly mark: string;
    }
  /** Items of it wait for an answer that would not find them elsewhere, or it is open and tied to a parent or to children. */
  | { readonly kind: "parked" }
  /** The run is not as it was when its first part was exported: begin anew. */
  | { readonly kind: "changed" }
  | { readonly kind: "absent" };

export interface ImportPart {
  /** Names this import of this run: any text that no other import uses. */
  readonly import: string;
  readonly part: RunPart;
}

export type ImportOutcome =
  /** It was the last part: the run is there. */
  | { readonly kind: "imported" }
  /** Taken; more has to follow. */
  | { readonly kind: "taken" }
  /** The same run is there already. */
  | { readonly kind: "existing" }
  /** Another run has this id or this idempotency key; nothing was imported. */
  | { readonly kind: "conflict"; readonly by: "id" | "idempotencyKey"; readonly runId: string }
  /** Another import of this run came between, or the parts before are not there: begin anew. */
  | { readonly kind: "superseded" };

/** Each method is one atomic step. */
export interface TransferOperations {
  /** The part that the cursor leads to, or the first one. It changes nothing. Of a run that is being worked on, parts soon belong to different states. */
  export(runId: string, cursor?: string): Promise<ExportOutcome>;
  /**
   * Takes the next part of a run. Idempotent: a part that is sent again has one effect. Throws `INVALID_VALUE` for what is no
   * part of a run. A name and version that stand for another definition go on to stand for that one.
   */
  import(request: ImportPart): Promise<ImportOutcome>;
  /** Removes a run, open or not, if it is as it was when exported under this mark. */
  remove(request: {
    readonly runId: string;
    readonly mark: string;
    readonly actor?: string | undefined;
  }): Promise<"removed" | "changed" | "absent">;
}
