/**
 * What can be asked. Reads change nothing and see every write acknowledged before them. Invariant: whoever asks, an item of a closed
 * run that is open by its row reads as cancelled, in lists and in their filters too.
 */

import { LIMITS } from "../../core/limits.ts";
import { isOpenItem, isTerminalRun, WORK_ITEM_TRANSITIONS, type WorkItemStatus } from "../../core/status.ts";
import type { Reads } from "../contract/operations.ts";
import type { ContextTail, DeltaRecord } from "../contract/records.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { ItemFilter, WorkItem } from "../contract/work-item.ts";
import { readItem } from "../rules/item-row.ts";
import { sessionRecord } from "./leases.ts";
import { decodeCursor, encodeCursor, pageLimit } from "./paging.ts";
import type { RowStore } from "./row-store.ts";

const DELTAS = "deltas";
const STATUSES = Object.keys(WORK_ITEM_TRANSITIONS).filter(isStatus);
const OPEN = STATUSES.filter(isOpenItem);

/** `read` runs a function against the rows, or refuses because the backend is closed. */
export function readsOf(store: RowStore, read: <T>(work: () => T) => Promise<T>): Reads {
  return {
    definition: (hash) => read(() => store.definition(hash)),
    definitions: () => read(() => store.definitions()),
    run: (runId) => read(() => store.runRecord(runId)),
    runState: (runId) => read(() => store.runState(runId)),
    runs: (filter, page) => read(() => store.runs(filter, bounded(page))),
    item: (runId, item) => read(() => getItem(store, runId, item)),
    itemPayload: (runId, item) => read(() => store.payload(runId, item)),
    items: (filter, page) => read(() => listItems(store, filter, page)),
    group: (runId, group) => read(() => store.group(runId, group)),
    arrivals: (runId, group, join, page) => read(() => store.arrivals(runId, group, join, bounded(page))),
    outputs: (runId, page) => read(() => store.outputs(runId, bounded(page))),
    contextTail: (runId, range) => read(() => contextTail(store, runId, range)),
    deltas: (runId, page) => read(() => listDeltas(store, runId, page)),
    failures: (filter, page) => read(() => store.failures(filter, bounded(page))),
    progress: (runId, items) =>
      read(() => items.slice(0, LIMITS.pageRows).flatMap((item) => store.progress(runId, item) ?? [])),
    metrics: (runId, page) => read(() => store.metrics(runId, bounded(page))),
    logs: (filter, page) => read(() => store.logs(filter, bounded(page))),
    audit: (runId, page) => read(() => store.audit(runId, bounded(page))),
    session: (id) => read(() => getSession(store, id)),
    sessions: () => read(() => store.sessions().map(sessionRecord)),
    backlog: () => read(() => store.backlog()),
  };
}

function bounded(page: PageRequest): PageRequest {
  return { ...page, limit: pageLimit(page) };
}

function getItem(store: RowStore, runId: string, number: number): WorkItem | undefined {
  const run = store.runState(runId);
  const item = run === undefined ? undefined : store.item(runId, number);
  return run === undefined || item === undefined ? undefined : readItem(item, run);
}

function getSession(store: RowStore, id: string) {
  const session = store.session(id);
  return session === undefined ? undefined : sessionRecord(session);
}

function listItems(store: RowStore, filter: ItemFilter, page: PageRequest): Page<WorkItem> {
  const limit = pageLimit(page);
  const rows = byRow(store, filter);
  if (rows.status?.length === 0) return { entries: [] };
  const entries: WorkItem[] = [];
  let cursor = page.cursor;
  // A filter by status over all runs is looser by row than as read: what does not fit is left out, within a bound.
  for (let pages = 0; pages < LIMITS.filteredPages; pages += 1) {
    const found = store.items(rows, { limit: limit - entries.length, cursor });
    for (const item of found.entries) {
      const seen = asRead(store, item);
      if (filter.status === undefined || filter.status.includes(seen.status)) entries.push(seen);
    }
    cursor = found.cursor;
    if (cursor === undefined || entries.length >= limit) break;
  }
  return cursor === undefined ? { entries } : { entries, cursor };
}

/** The filter that finds at least the rows which read as asked; exactly those when it names a run. */
function byRow(store: RowStore, filter: ItemFilter): ItemFilter {
  const { status, runId } = filter;
  if (status === undefined) return filter;
  const run = runId === undefined ? undefined : store.runState(runId);
  const open = run === undefined || !isTerminalRun(run.status);
  const closed = run === undefined || isTerminalRun(run.status);
  const wanted = STATUSES.filter((row) => {
    const asWritten = status.includes(row) && (open || !isOpenItem(row));
    return asWritten || (closed && status.includes("cancelled") && OPEN.includes(row));
  });
  return { ...filter, status: wanted };
}

function asRead(store: RowStore, item: WorkItem): WorkItem {
  const run = isOpenItem(item.status) ? store.runState(item.runId) : undefined;
  return run === undefined ? item : readItem(item, run);
}

function contextTail(
  store: RowStore,
  runId: string,
  range: { readonly after: number; readonly upTo?: number | undefined; readonly shape?: string | undefined },
): ContextTail | undefined {
  const run = store.runState(runId);
  if (run === undefined) return undefined;
  const sequence = Math.min(range.upTo ?? run.sequence, run.sequence);
  const found = range.shape === undefined ? undefined : store.snapshot(runId, range.shape, sequence);
  const snapshot = found !== undefined && found.sequence > range.after ? found : undefined;
  const from = snapshot?.sequence ?? range.after;
  const deltas = from < sequence ? store.deltasAfter(runId, from, sequence, LIMITS.contextTailBytes) : [];
  return { sequence, snapshot, deltas };
}

function listDeltas(store: RowStore, runId: string, page: PageRequest): Page<DeltaRecord> {
  const limit = pageLimit(page);
  const [after] = decodeCursor(DELTAS, page.cursor, ["number"]) ?? [0];
  const run = store.runState(runId);
  if (run === undefined) return { entries: [] };
  const upTo = Math.min(run.sequence, after + limit);
  const entries = after < upTo ? store.deltasAfter(runId, after, upTo, LIMITS.contextTailBytes) : [];
  const last = entries.at(-1)?.sequence;
  return last === undefined || last >= run.sequence ? { entries } : { entries, cursor: encodeCursor(DELTAS, [last]) };
}

function isStatus(key: string): key is WorkItemStatus {
  return key in WORK_ITEM_TRANSITIONS;
}
