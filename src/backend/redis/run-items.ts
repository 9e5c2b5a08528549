/**
 * All items of a run that are not over, for the few steps that need them: what re-opens a run, and what finds it stuck. They
 * are read in parts, not at one instant; no item begins or stops being one of them without its run being written, so the
 * run's version stands for the list.
 */

import { isOpenItem } from "../../core/status.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { LoadedRows } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { RUN_FIELDS } from "./keys.ts";
import type { Partition } from "./partition.ts";
import { listOf } from "./reply.ts";
import type { StepRows } from "./step-rows.ts";

const ITEMS_AT_ONCE = 500;

type RunItemsWant = Extract<Want, { readonly kind: "unfinished" | "heldNodes" }>;

export async function loadRunItems(
  want: RunItemsWant,
  { reads, keys }: Partition,
  step: StepRows,
  rows: LoadedRows,
): Promise<void> {
  const { runId } = want;
  const key = keys.run(runId);
  const state = step.run(runId, await reads.one("HGET", key, RUN_FIELDS.state), rows);
  step.wholeRuns.add(runId);
  const found: WorkItem[] = [];
  for (let from = 0; from < (state?.items ?? 0); from += ITEMS_AT_ONCE) {
    const count = Math.min(ITEMS_AT_ONCE, (state?.items ?? 0) - from);
    const fields = Array.from({ length: count }, (_, at) => RUN_FIELDS.item(from + at));
    for (const [at, reply] of listOf(await reads.one("HMGET", key, ...fields)).entries()) {
      const row = step.item(runId, from + at, reply, rows);
      if (row !== undefined && isUnfinished(row.item)) found.push(row.item);
    }
  }
  if (want.kind === "unfinished") {
    const listed = found.map(({ item }) => ({ runId, item }));
    rows.list(want, listed, true);
    return;
  }
  const nodes = new Set(found.filter(({ status }) => status === "held").map(({ node }) => node));
  rows.list(want, [...nodes].sort(), true);
}

function isUnfinished({ status }: WorkItem): boolean {
  return isOpenItem(status) || status === "permanently_failed" || status === "held";
}
