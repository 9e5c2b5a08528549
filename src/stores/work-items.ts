/**
 * The state store of work items: status and attempts by item id. It can look at everything and change what an operator
 * may change; what only the holder of a lease may do (start, complete, fail) is refused with `ILLEGAL_TRANSITION` and a
 * hint, whatever the table of transitions would allow to the engine.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import { checkItemTransition, type WorkItemStatus } from "../core/status.ts";
import { parseItemId } from "./item-id.ts";
import { withProgress } from "./item-progress.ts";
import { control, requireRunState } from "./run-control.ts";
import type { WorkItemInfo } from "./work-item-info.ts";

/** Status and attempts of work items. Every method throws `ITEM_NOT_FOUND` or `RUN_NOT_FOUND` for what does not exist. */
export interface WorkItemStateStore {
  getStatus(itemId: string): Promise<WorkItemStatus>;
  /**
   * Sets what may be set from outside: an item that failed for good becomes `pending` again (the same as a retry of it);
   * the status that it has changes nothing. Everything else throws `ILLEGAL_TRANSITION`.
   */
  setStatus(itemId: string, status: WorkItemStatus): Promise<void>;
  /** Attempts that failed since the item was created, resumed or retried. */
  getAttempts(itemId: string): Promise<number>;
  /** Counts one more failed attempt and gives the count. Throws `ILLEGAL_TRANSITION` while somebody executes the item, and after its end. */
  incrementAttempts(itemId: string): Promise<number>;
  /** Counts from zero again. Throws as `incrementAttempts`. */
  resetAttempts(itemId: string): Promise<void>;
  /** All items of a run, by number. */
  getAll(runId: string, page?: PageRequest): Promise<Page<WorkItemInfo>>;
}

/** The view on the items of a backend. */
export function workItemStateStore(operations: BackendOperations): WorkItemStateStore {
  return {
    async getStatus(itemId) {
      return (await requireItem(operations, itemId)).status;
    },
    async setStatus(itemId, status) {
      const item = await requireItem(operations, itemId);
      if (item.status === status) return;
      checkItemTransition(item.runId, itemId, item.status, status, true);
      if (item.status !== "permanently_failed") throw notFromOutside(item, itemId, status);
      await control(operations, { kind: "retryItem", runId: item.runId, item: item.item });
    },
    async getAttempts(itemId) {
      return (await requireItem(operations, itemId)).attempts;
    },
    async incrementAttempts(itemId) {
      const { runId, item } = parseItemId(itemId);
      await control(operations, { kind: "setAttempts", runId, item, attempts: { add: 1 } });
      return (await requireItem(operations, itemId)).attempts;
    },
    async resetAttempts(itemId) {
      const { runId, item } = parseItemId(itemId);
      await control(operations, { kind: "setAttempts", runId, item, attempts: 0 });
    },
    async getAll(runId, page = {}) {
      await requireRunState(operations, runId);
      const found = await operations.read.items({ runId }, page);
      return { ...found, entries: await withProgress(operations, runId, found.entries) };
    },
  };
}

/** The item of a public id. Throws `INVALID_VALUE`, `RUN_NOT_FOUND` or `ITEM_NOT_FOUND`. */
export async function requireItem(operations: BackendOperations, itemId: string): Promise<WorkItem> {
  const { runId, item } = parseItemId(itemId);
  const found = await operations.read.item(runId, item);
  if (found !== undefined) return found;
  await requireRunState(operations, runId);
  throw new MillraceError("ITEM_NOT_FOUND", `run ${runId} has no item ${item}`, { runId, itemId });
}

function notFromOutside(item: WorkItem, itemId: string, status: WorkItemStatus): MillraceError {
  const message = `item ${itemId} is ${item.status}; only who holds its lease, or its run, can make it ${status}`;
  const { runId, node } = item;
  return new MillraceError("ILLEGAL_TRANSITION", message, { runId, itemId, node, hints: [instead(item, status)] });
}

function instead(item: WorkItem, status: WorkItemStatus): string {
  switch (status) {
    case "in_progress":
      return "Claim it: dequeue it, or let a worker take it.";
    case "cancelled":
      return "Cancel its run; an item is never cancelled alone.";
    case "pending":
    case "waiting_retry":
    case "waiting":
      return item.status === "in_progress"
        ? "It goes back when its worker releases it or loses its lease."
        : "Resume its run.";
    case "held":
    case "completed":
    case "failed":
    case "permanently_failed":
      return "Dequeue it and end it through the handle that dequeue gives.";
  }
}
