/**
 * The remaining records that a backend keeps beside runs and items: definitions, deltas, failures, metrics, outputs, memos.
 */

import type { FailureRecord } from "../../core/errors.ts";
import type { LogLine } from "./commit.ts";

export interface DefinitionRecord {
  readonly hash: string;
  readonly name: string;
  readonly version: string;
  /** The definition as canonical JSON text. */
  readonly json: string;
  readonly publishedAt: number;
}

export type PublishOutcome =
  | { readonly kind: "published" }
  /** The same name and version exist with another hash. */
  | { readonly kind: "conflict"; readonly existing: string };

export interface DeltaRecord {
  readonly sequence: number;
  /** Public id of the item that made it; of an initial or injected delta: the run's id. */
  readonly item: string;
  readonly epoch: number;
  readonly at: number;
  readonly delta: Uint8Array;
}

/** Everything needed to fold a context up to a sequence. */
export interface ContextTail {
  /** The run's sequence, or the one asked for. */
  readonly sequence: number;
  /** Present only if asked for by shape and newer than what the caller has. */
  readonly snapshot: { readonly sequence: number; readonly bytes: Uint8Array } | undefined;
  /** Dense from the caller's sequence (or the snapshot's) to `sequence`; may stop early: ask again. */
  readonly deltas: readonly DeltaRecord[];
}

/** One failed attempt. */
export interface FailureEntry {
  readonly runId: string;
  readonly item: number;
  readonly node: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly failure: FailureRecord;
  readonly outcome: "retried" | "failedOver" | "failed" | "stalled";
  readonly workerId: string;
  readonly at: number;
}

export interface MetricEntry {
  readonly runId: string;
  readonly item: number;
  readonly node: string;
  readonly name: string;
  readonly value: number;
  readonly at: number;
}

export interface LogEntry extends LogLine {
  readonly runId: string;
  readonly item: number;
  readonly attempt: number;
}

/** What a running attempt last said of how far it is. */
export interface ProgressRecord {
  readonly item: number;
  /** The claim that said it. */
  readonly epoch: number;
  readonly at: number;
  readonly details: Uint8Array;
}

/** A terminal output of an `all` run. Ordered by path, then commit, then index. */
export interface OutputRecord {
  readonly from: number;
  readonly path: string;
  readonly commit: number;
  readonly index: number;
  readonly value: Uint8Array;
}

/** What lies ready or delayed in one lane. */
export interface LaneBacklog {
  readonly queue: string;
  readonly definition: string;
  readonly labels: readonly string[];
  readonly ready: number;
  readonly oldestReadyAt: number | undefined;
}
