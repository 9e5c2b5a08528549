/**
 * The checkpoint store of a backend: a view on its operations that checks what it is given and turns a lost save into an
 * error. It adds no state, so any number of views on one backend are the same store.
 */

import type {
  CheckpointOperations,
  CheckpointRecord,
  SaveCheckpoint,
  SaveOutcome,
} from "../backend/contract/checkpoints.ts";
import { toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import { isTerminalRun, RUN_TRANSITIONS, type RunStatus } from "../core/status.ts";
import type { Checkpoint, CheckpointStore, SaveOptions } from "./checkpoint-store.ts";

/** The view on the checkpoints of a backend. */
export function backendCheckpoints(operations: CheckpointOperations): CheckpointStore {
  return Object.freeze<CheckpointStore>({
    async save(id, checkpoint, options = {}) {
      const request = requestOf(id, checkpoint, options);
      return recordOf(await operations.save(request), request);
    },
    async append(id, addition, options) {
      const { expectedVersion } = options;
      const request = { ...requestOf(id, addition, options), expectedVersion };
      return recordOf(await operations.append(request), request);
    },
    async load(id) {
      const found = await operations.load(checkId(id));
      return found && { ...found.record, body: found.body };
    },
    async delete(id) {
      await operations.delete(checkId(id));
    },
    async list(page = {}) {
      return await operations.list({}, page);
    },
    async listByStatus(status, page = {}) {
      return await operations.list({ status: checkStatuses(typeof status === "string" ? [status] : status) }, page);
    },
    async cleanup({ olderThan, statuses = STATUSES.filter(isTerminalRun) }) {
      const olderThanMs = toMilliseconds(olderThan, "the age of checkpoints to remove");
      const request = { olderThanMs, statuses: checkStatuses(statuses), limit: LIMITS.cleanupCheckpoints };
      for (let removed = 0; ; ) {
        const count = await operations.cleanup(request);
        removed += count;
        if (count < request.limit) return removed;
      }
    },
  });
}

/** What everybody says who finds another version than the one that was expected. */
function checkpointConflict(id: string, expected: number, found: number): MillraceError {
  const is = found === 0 ? "there is none" : `it is at version ${found}`;
  const was = expected === 0 ? "none was expected" : `version ${expected} was expected`;
  return new MillraceError("CHECKPOINT_CONFLICT", `the checkpoint ${id} was changed by somebody else: ${is}, ${was}`, {
    details: { id, expectedVersion: expected, version: found },
  });
}

function requestOf(id: string, { status, body }: Checkpoint, { expectedVersion }: SaveOptions): SaveCheckpoint {
  checkId(id);
  checkStatuses([status]);
  if (!(body instanceof Uint8Array)) throw invalid("the body of a checkpoint must be a Uint8Array");
  if (expectedVersion !== undefined && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
    throw invalid(`expectedVersion must be a whole number from 0, not ${String(expectedVersion)}`);
  }
  return { id, status, body, expectedVersion };
}

function recordOf(outcome: SaveOutcome, { id, expectedVersion = 0 }: SaveCheckpoint): CheckpointRecord {
  switch (outcome.kind) {
    case "saved":
      return outcome.record;
    case "conflict":
      throw checkpointConflict(id, expectedVersion, outcome.version);
  }
}

const STATUSES = Object.keys(RUN_TRANSITIONS).filter(isRunStatus);

function isRunStatus(status: unknown): status is RunStatus {
  return typeof status === "string" && Object.hasOwn(RUN_TRANSITIONS, status);
}

function checkStatuses(statuses: readonly unknown[]): readonly RunStatus[] {
  if (Array.isArray(statuses) && statuses.every(isRunStatus)) return statuses;
  throw invalid(`the status of a checkpoint is one of ${STATUSES.join(", ")}`);
}

function checkId(id: string): string {
  return checkName(id, "the id of a checkpoint");
}

function invalid(message: string): MillraceError {
  return new MillraceError("INVALID_VALUE", message);
}
