/**
 * What a backend keeps of a run, and what it takes to start one. A run row is the serialisation point of everything that
 * happens inside the run: each accepted commit reads and writes it once. Payloads (input, output, tags, …) are kept apart
 * from the counters, so that the hot row stays narrow.
 */

import type { FailureRecord } from "../../core/errors.ts";
import type { RunStatus } from "../../core/status.ts";
import type { NewItem } from "./work-item.ts";

export type Completion = "single" | "first" | "all";

/** The narrow, hot part of a run: all that a commit, a claim or a control action decides by. */
export interface RunState {
  readonly id: string;
  /** Hash of the definition that the run was started with. */
  readonly definition: string;
  readonly status: RunStatus;
  /** Grows by one whenever the run closes; a commit of an older generation is refused. */
  readonly generation: number;
  /** Sequence of the last delta; 0 while there is none. Dense. */
  readonly sequence: number;
  /** Accepted commits so far. Orders them within the run. */
  readonly commits: number;
  /** Work items created so far; also the number of the next one. */
  readonly items: number;
  /** Items that are pending, in progress, waiting or waiting for a retry. */
  readonly open: number;
  /** Open items that are parked in a wait. */
  readonly parked: number;
  readonly held: number;
  /** Terminal outputs so far. */
  readonly outputs: number;
  readonly completed: number;
  /** Items that failed for good or went to a failure edge. */
  readonly failed: number;
  readonly retried: number;
  readonly conflicts: number;
  readonly completion: Completion;
  readonly maxItems: number;
  readonly priority: number;
  /** When the run's own timeout is due (backend clock), if it has one. */
  readonly timeoutAt: number | undefined;
  readonly createdAt: number;
  /** When the status became what it is. */
  readonly statusAt: number;
  readonly finishedAt: number | undefined;
  /** Last sequence that wrote each context field, by field number. Missing entries are 0. */
  readonly fieldSequences: readonly number[];
  /** Session that committed last: claims of others leave its items to it while there is other work. */
  readonly affinity: string | undefined;
  /** Runs that hear of its end: 1 for a parent, 2 for children, or their sum. Absent if there are none. */
  readonly links?: number | undefined;
}

/** What a run carries but no commit decides by. */
export interface RunDetails {
  readonly workflow: string;
  readonly version: string;
  readonly input: Uint8Array;
  /** The one output of a `single` or `first` run; outputs of an `all` run are read in pages. */
  readonly output: Uint8Array | undefined;
  readonly failure: RunFailure | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly idempotencyKey: string | undefined;
  /** Digest of the canonical input, made before any encryption. */
  readonly inputDigest: string;
  readonly parent: { readonly runId: string; readonly item: number } | undefined;
}

export interface RunRecord extends RunState, RunDetails {}

/** Why a run failed or was cancelled, and where. */
export interface RunFailure extends FailureRecord {
  readonly node?: string | undefined;
  readonly item?: number | undefined;
  readonly attempt?: number | undefined;
}

export interface StartRun {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  /** Must have been published. */
  readonly definition: string;
  readonly input: Uint8Array;
  readonly inputDigest: string;
  readonly idempotencyKey?: string | undefined;
  /** What to do when the key is taken by a run with the same input. */
  readonly onConflict: "return" | "fail" | "cancelRunning";
  /** Initial context values: the run's first delta. */
  readonly delta?: { readonly bytes: Uint8Array; readonly writes: readonly number[] } | undefined;
  readonly first: NewItem;
  readonly completion: Completion;
  readonly maxItems: number;
  readonly timeoutMs?: number | undefined;
  /** Absolute instant before which nothing of the run is claimed; combined with `first.delayMs` by taking the later. */
  readonly startAt?: number | undefined;
  readonly priority: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly parent?: { readonly runId: string; readonly item: number } | undefined;
}

export type StartOutcome =
  | { readonly kind: "started"; readonly run: RunRecord }
  /** The idempotency key or the id is taken by a run of this workflow with the same input. */
  | { readonly kind: "existing"; readonly run: RunRecord }
  /** The key or id is taken with another input, by another workflow, or `onConflict` is `fail`. */
  | { readonly kind: "conflict"; readonly run: RunRecord; readonly by: "idempotencyKey" | "id" }
  | { readonly kind: "unknownDefinition" };

export interface RunFilter {
  readonly status?: readonly RunStatus[] | undefined;
  readonly workflow?: string | undefined;
  readonly version?: string | undefined;
  /** Every given tag must be equal. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Created at or after (backend clock, ms). */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Substring of id, workflow name, tag value or idempotency key; no wildcards. */
  readonly search?: string | undefined;
}

/** Newest first (created, then id, descending). `cursor` is opaque; `limit` is clamped to 1,000. */
export interface PageRequest {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly entries: readonly T[];
  /** Present when there is more. */
  readonly cursor?: string | undefined;
}
