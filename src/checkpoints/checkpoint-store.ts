/**
 * Where checkpoints are kept, as runs in one process see it: bytes under an id, with versions that tell whether somebody
 * else has saved in the meantime. A store never looks inside a body and knows nothing of runs but their status. Anyone
 * may write one; every backend has one as `backend.checkpoints`.
 */

import type { CheckpointRecord } from "../backend/contract/checkpoints.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import type { Duration } from "../core/duration.ts";
import type { RunStatus } from "../core/status.ts";

/** What is saved. */
export interface Checkpoint {
  /** Of the run that the body holds. */
  readonly status: RunStatus;
  readonly body: Uint8Array;
}

/** What is stored. */
export interface StoredCheckpoint extends CheckpointRecord {
  readonly body: Uint8Array;
}

/** How to save. */
export interface SaveOptions {
  /**
   * The version that this save follows; 0 for none at all. With any other one there, nothing is saved. If absent, it is
   * saved over whatever there is.
   */
  readonly expectedVersion?: number | undefined;
}

/** How to add to what is there. */
export interface AppendOptions extends SaveOptions {
  readonly expectedVersion: number;
}

/** What to remove. */
export interface CleanupOptions {
  /** Age since the last save, by the store's clock. */
  readonly olderThan: Duration;
  /** `completed`, `failed` and `cancelled` if absent: what nobody works on. */
  readonly statuses?: readonly RunStatus[] | undefined;
}

/**
 * A store of checkpoints. Ids are names. Every method is atomic, and a save is as durable as its store promises when it
 * resolves. A version belongs to one life of an id: after `delete`, versions begin at 1 again, so delete only what nobody works on.
 */
export interface CheckpointStore {
  /**
   * Saves, and tells what was stored: the version is one more than that before, the first is 1. Throws
   * `CHECKPOINT_CONFLICT` if `expectedVersion` is not the one that is there, `PAYLOAD_TOO_LARGE`, `INVALID_VALUE`.
   */
  save(id: string, checkpoint: Checkpoint, options?: SaveOptions): Promise<CheckpointRecord>;
  /**
   * As `save`, but what is given is added to the end of the body that is there. Optional: a store without it is given
   * whole bodies. With it, a save costs what is new, not what there is.
   */
  readonly append?:
    | ((id: string, addition: Checkpoint, options: AppendOptions) => Promise<CheckpointRecord>)
    | undefined;
  /** `undefined` where there is none. */
  load(id: string): Promise<StoredCheckpoint | undefined>;
  /** Idempotent. */
  delete(id: string): Promise<void>;
  /** By id, without bodies. */
  list(page?: PageRequest): Promise<Page<CheckpointRecord>>;
  /** As `list`, of one status or of any of several. */
  listByStatus(status: RunStatus | readonly RunStatus[], page?: PageRequest): Promise<Page<CheckpointRecord>>;
  /**
   * Removes what is old enough; the number removed. Age and status are judged when it is removed, so a checkpoint that is
   * saved meanwhile stays.
   */
  cleanup(options: CleanupOptions): Promise<number>;
}
