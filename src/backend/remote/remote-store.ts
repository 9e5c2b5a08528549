/**
 * What a server must be able to do for the engine to run over it: begin a step with rows that it will probably need, load
 * the ones that turn out to be missing, and apply what the step changed in one atomic go, if nothing that it decided by
 * has changed since. How that is kept true (locks, versions) is the server's own matter. It decides nothing about runs.
 */

import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { Claim, Peek } from "../contract/claim.ts";
import type { Advice, Wakeup } from "../contract/operations.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { BranchGroup, ItemPayload } from "../contract/work-item.ts";
import type { Entry, RowStore, StoredSession } from "../synchronous/row-store.ts";
import type { Changes, LoadedItem } from "./changes.ts";
import type { Want } from "./wants.ts";

export interface RemoteStore {
  /**
   * Begins an atomic step: takes what locks it needs for the wants, loads them, and tells the instant of the step, which is
   * read after any lock was waited for. Throws `BACKEND_UNAVAILABLE` and the like; nothing is left open then.
   */
  begin(wants: readonly Want[], rows: LoadedRows): Promise<RemoteStep>;
  /**
   * Whether a claim would find anything, in one round trip that changes nothing: a ready item in its lanes, an item or a run
   * that is due, an entry in `DUE_ENTRIES` that is due, a session whose lease ended more than the grace ago. Items that have stalled count
   * only where the claim takes some. `nextDueAt` as after a commit. What is not sure is `ready`.
   */
  peek(claim: Claim): Promise<Peek>;
  /** Reads outside of steps: each sees every write acknowledged before it began. */
  readonly read: RemoteReads;
  /** Tells other processes, as a hint. Never throws, never waits. */
  announce(wakeups: readonly Wakeup[]): void;
  /** What an operator should know of the server. */
  advise(): Promise<readonly Advice[]>;
  /** The server's clock. */
  now(): Promise<number>;
  close(): Promise<void>;
}

export interface RemoteStep {
  /** Milliseconds of the server's clock. */
  readonly now: number;
  /** Throws `StepLost` if the step has to be done again. */
  load(wants: readonly Want[], rows: LoadedRows): Promise<void>;
  /** Ends the step. Throws when it is unknown whether the changes were applied, or nothing was. */
  commit(changes: Changes, options: { readonly nextDue: boolean }): Promise<CommitResult>;
  /** Ends the step without a change. Never throws. */
  abandon(): Promise<void>;
}

export type CommitResult =
  | {
      readonly kind: "done";
      /**
       * If asked for, as of right after the changes, the earliest of: items placed as due, leases of unswept, unstopped
       * sessions that hold items, timeouts of running or waiting runs, entries in `DUE_ENTRIES`.
       */
      readonly nextDueAt: number | undefined;
      /** A ready item of a want was left out because another step held it: there may be more to take in a moment. */
      readonly contended: boolean;
    }
  /** Something that the step decided by has changed, or has to be held from the beginning: nothing was applied, do it again. */
  | { readonly kind: "again"; readonly wants: readonly Want[] };

/**
 * Where loaded rows go. Any row may be given at any time, also ones that nobody asked for; the last counts, since the step
 * is run again from its start after each load. `undefined` says that there is none.
 */
export interface LoadedRows {
  definition(hash: string, record: DefinitionRecord | undefined): void;
  definitionHash(name: string, version: string, hash: string | undefined): void;
  run(runId: string, state: RunState | undefined): void;
  runDetails(runId: string, details: RunDetails | undefined): void;
  runIdByKey(workflow: string, idempotencyKey: string, runId: string | undefined): void;
  item(runId: string, item: number, row: LoadedItem | undefined): void;
  group(runId: string, group: number, row: BranchGroup | undefined): void;
  payload(runId: string, item: number, payload: ItemPayload | undefined): void;
  memos(runId: string, item: number, memos: ReadonlyMap<string, Uint8Array>): void;
  session(id: string, session: StoredSession | undefined): void;
  snapshot(runId: string, shape: string, sequence: number | undefined): void;
  entry(kind: string, key: string, entry: Entry | undefined): void;
  checkpoint(id: string, record: CheckpointRecord | undefined): void;
  /** The answer to a want that asks for a list: the keys of its rows in its order, each given as a row before. `complete`: there is no more than that. */
  list(want: Want, keys: readonly ListKey[], complete: boolean): void;
}

/** Run and item; run; session; node; id of a checkpoint; kind and key of an entry: what the want asks for. */
export type ListKey = string | { readonly runId: string; readonly item: number } | EntryKey;

interface EntryKey {
  readonly kind: string;
  readonly key: string;
}

/** The reading methods of a store of rows, over the wire. */
export type RemoteReads = {
  readonly [M in ReadMethod]: (...parameters: Parameters<RowStore[M]>) => Promise<ReturnType<RowStore[M]>>;
};

type ReadMethod =
  | "definition"
  | "definitions"
  | "runState"
  | "runStates"
  | "runRecord"
  | "runIdByKey"
  | "runs"
  | "item"
  | "payload"
  | "items"
  | "group"
  | "arrivals"
  | "outputs"
  | "deltasAfter"
  | "snapshot"
  | "memos"
  | "progress"
  | "failures"
  | "metrics"
  | "logs"
  | "audit"
  | "session"
  | "sessions"
  | "backlog"
  | "entry"
  | "entries"
  | "checkpoint"
  | "checkpointBody"
  | "checkpoints";
