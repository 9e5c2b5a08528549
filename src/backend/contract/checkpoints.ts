/**
 * Checkpoints: bytes under an id, each save a version of its own, for runs that live in one process and are to outlive
 * it. A backend keeps them beside its runs and never looks inside. They belong to the namespace like everything else.
 */

import type { RunStatus } from "../../core/status.ts";
import type { Page, PageRequest } from "./run.ts";

/** What is known of a checkpoint without its body. */
export interface CheckpointRecord {
  readonly id: string;
  /** 1 for the first save under the id, and one more for each further one. */
  readonly version: number;
  /** Of the run that was saved. */
  readonly status: RunStatus;
  /** By the backend's clock. */
  readonly savedAt: number;
  /** Length of the body. */
  readonly bytes: number;
}

export interface SaveCheckpoint {
  readonly id: string;
  readonly status: RunStatus;
  readonly body: Uint8Array;
  /** Saves only over this version; 0 means that there must be none. Without it, over whatever there is. */
  readonly expectedVersion?: number | undefined;
}

/** What is added to the end of a body. It is a save like any other: a version of its own, compared and set. */
export interface AppendCheckpoint extends SaveCheckpoint {
  readonly expectedVersion: number;
}

export type SaveOutcome =
  | { readonly kind: "saved"; readonly record: CheckpointRecord }
  /** Another version is there (0: none), and stays. */
  | { readonly kind: "conflict"; readonly version: number };

/** Each method is one atomic step. */
export interface CheckpointOperations {
  /** Throws `PAYLOAD_TOO_LARGE` over `LIMITS.checkpointBytes`. */
  save(request: SaveCheckpoint): Promise<SaveOutcome>;
  /** As `save`, with the body added to the one that is there; costs what is added, however much is there. */
  append(request: AppendCheckpoint): Promise<SaveOutcome>;
  load(id: string): Promise<{ readonly record: CheckpointRecord; readonly body: Uint8Array } | undefined>;
  /** Whether there was one. The next save under the id begins at version 1. */
  delete(id: string): Promise<boolean>;
  /** By id. */
  list(
    filter: { readonly status?: readonly RunStatus[] | undefined },
    page: PageRequest,
  ): Promise<Page<CheckpointRecord>>;
  /**
   * Removes checkpoints of these statuses that were last saved longer than `olderThanMs` ago, at most `limit` of them, longest
   * ago first; the number removed. Age and status are judged in the step that removes, so what was just saved stays.
   */
  cleanup(request: {
    readonly olderThanMs: number;
    readonly statuses: readonly RunStatus[];
    readonly limit: number;
  }): Promise<number>;
}
