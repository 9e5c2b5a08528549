/**
 * The error store: every failed attempt, the retried ones too, oldest first. Failures are recorded by the commit that
 * ends their attempt, in the same atomic step; a record without its commit would tell of something that never counted,
 * so none is taken from outside.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { FailureEntry } from "../backend/contract/records.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { formatItemId, parseItemId } from "./item-id.ts";
import { requireRunState } from "./run-control.ts";
import { mapPage } from "./work-item-info.ts";

/** One failed attempt. */
export interface AttemptFailureInfo {
  readonly runId: string;
  readonly itemId: string;
  readonly node: string;
  /** From 1. */
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly details: unknown;
  /** What followed: another attempt, the failure edge, the end of the run, or a takeover after the worker vanished. */
  readonly outcome: FailureEntry["outcome"];
  readonly workerId: string;
  /** Milliseconds since 1970 by the backend's clock. */
  readonly at: number;
}

/** Failed attempts of runs. */
export interface ErrorStore {
  /** Oldest first; of one item where its id is given. Throws `RUN_NOT_FOUND`. */
  getErrors(
    runId: string,
    page?: PageRequest & { readonly itemId?: string | undefined },
  ): Promise<Page<AttemptFailureInfo>>;
  /** Always throws `ILLEGAL_TRANSITION`: a failure is recorded by the commit of its attempt, or not at all. */
  recordError(runId: string, failure: { readonly code: string; readonly message: string }): Promise<never>;
}

/** The view on the failures of a backend. */
export function errorStore(operations: BackendOperations): ErrorStore {
  return {
    async getErrors(runId, { itemId, ...page } = {}) {
      await requireRunState(operations, runId);
      const item = itemId === undefined ? undefined : parseItemId(itemId);
      if (item !== undefined && item.runId !== runId) {
        throw new MillraceError("INVALID_VALUE", `item ${itemId} is not of run ${runId}`, { runId });
      }
      return mapPage(await operations.read.failures({ runId, item: item?.item }, page), toAttemptFailure);
    },
    async recordError(runId) {
      await requireRunState(operations, runId);
      throw new MillraceError("ILLEGAL_TRANSITION", "a failure cannot be recorded without the commit of its attempt", {
        runId,
        hints: ["Dequeue the item and call fail(error) on the handle, or throw the error in the node."],
      });
    },
  };
}

/** The public form of a recorded failure. */
export function toAttemptFailure(entry: FailureEntry): AttemptFailureInfo {
  const { runId, node, attempt, failure, outcome, workerId, at } = entry;
  const { code, message, stack, details } = failure;
  const itemId = formatItemId(runId, entry.item);
  return { runId, itemId, node, attempt, code, message, stack, details, outcome, workerId, at };
}
