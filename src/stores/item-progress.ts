/**
 * Work items together with what their last attempts said of how far they were. What an attempt before the last one said is
 * not shown: another attempt has begun anew.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { LIMITS } from "../core/limits.ts";
import { decodeValue } from "../core/values.ts";
import { type ItemProgress, toWorkItemInfo, type WorkItemInfo } from "./work-item-info.ts";

/** The progress of these items of one run, by number; of those that have said anything. */
export async function readProgress(
  { read }: BackendOperations,
  runId: string,
  items: readonly WorkItem[],
): Promise<ReadonlyMap<number, ItemProgress>> {
  const claimed = new Map(items.filter(({ epoch }) => epoch > 0).map(({ item, epoch }) => [item, epoch]));
  const numbers = [...claimed.keys()];
  const found = new Map<number, ItemProgress>();
  for (let at = 0; at < numbers.length; at += LIMITS.pageRows) {
    for (const record of await read.progress(runId, numbers.slice(at, at + LIMITS.pageRows))) {
      if (claimed.get(record.item) !== record.epoch) continue;
      const details = decodeValue(record.details, { what: `the progress of item ${record.item}` });
      found.set(record.item, { at: record.at, details });
    }
  }
  return found;
}

/** The public form of items of one run, with their progress. */
export async function withProgress(
  operations: BackendOperations,
  runId: string,
  items: readonly WorkItem[],
): Promise<readonly WorkItemInfo[]> {
  const progress = await readProgress(operations, runId, items);
  return items.map((item) => ({ ...toWorkItemInfo(item), progress: progress.get(item.item) }));
}
