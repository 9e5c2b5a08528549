/**
 * What can be asked. Reads change nothing and see every write acknowledged before them. Invariant: whoever asks, an item of a closed
 * run that is open by its row reads as cancelled, in lists and in their filters too.
 */

import { LIMITS } from "../../core/limits.ts";
import { isOpenItem, isTerminalRun, WORK_ITEM_TRANSITIONS, type WorkItemStatus } from "../../core/status.ts";
import type { Reads } from "../contract/operations.ts";
import type { ContextTail, DeltaRecord, FailureEntry } from "../contract/records.ts";
import type { Page, PageRequest, RunFilter, RunRecord, RunState } from "../contract/run.ts";
import type { WaitFilter, WaitRecord } from "../contract/wait.ts";
import type { ItemFilter, WorkItem } from "../contract/work-item.ts";
import { readItem } from "../rules/item-row.ts";
import type { Engine } from "./engine.ts";
import { sessionRecord } from "./leases.ts";
import { decodeCursor, encodeCursor, pageLimit } from "./paging.ts";
import type { RowStore } from "./row-store.ts";
import { isStaged, visible } from "./staged-runs.ts";
import { recordOf, waitLists, waitOf } from "./waits.ts";

const DELTAS = "deltas";
const WAITS = "waits";
const STATUSES = Object.keys(WORK_ITEM_TRANSITIONS).filter(isStatus);
const OPEN = STATUSES.filter(isOpenItem);

/** `read` runs a function against the rows, or refuses because the backend is closed. */
export function readsOf(read: Engine["read"]): Reads {
  return {
    definition: (hash) => read((store) => store.definition(hash)),
    definitions: () => read((store) => store.definitions()),
    run: (runId) => read((store) => visible(store.runRecord(runId))),
    runState: (runId) => read((store) => visible(store.runState(runId))),
    runs: (filter, page) => read((store) => listRuns(store, filter, page)),
    item: (runId, item) => read((store) => getItem(store, runId, item)),
    itemPayload: (runId, item) => read((store) => store.payload(runId, item)),
    items: (filter, page) => read((store) => listItems(store, filter, page)),
    group: (runId, group) => read((store) => store.group(runId, group)),
    arrivals: (runId, group, join, page) => read((store) => store.arrivals(runId, group, join, bounded(page))),
    outputs: (runId, page) => read((store) => store.outputs(runId, bounded(page))),
    contextTail: (runId, range) => read((store) => contextTail(store, runId, range)),
    deltas: (runId, page) => read((store) => listDeltas(store, runId, page)),
    failures: (filter, page) => read((store) => listFailures(store, filter, page)),
    progress: (runId, items) => read((store) => store.progress(runId, items.slice(0, LIMITS.pageRows))),
    metrics: (runId, page) => read((store) => store.metrics(runId, bounded(page))),
    logs: (filter, page) => read((store) => store.logs(filter, bounded(page))),
    audit: (runId, page) => read((store) => store.audit(runId, bounded(page))),
    waits: (filter, page) => read((store) => listWaits(store, filter, page)),
    wait: (runId, item) => read((store) => openWait(store, waitOf(store, runId, item))),
    session: (id) => read((store) => getSession(store, id)),
    sessions: () => read((store) => store.sessions().map(sessionRecord)),
    backlog: () => read((store) => store.backlog()),
  };
}

function bounded(page: PageRequest): PageRequest {
  return { ...page, limit: pageLimit(page) };
}

/** A page is shorter by runs that are being imported. */
function listRuns(store: RowStore, filter: RunFilter, page: PageRequest): Page<RunRecord> {
  const found = store.runs(filter, bounded(page));
  return found.entries.some(isStaged) ? { ...found, entries: found.entries.filter((run) => !isStaged(run)) } : found;
}

/** Whoever names a run knows of it; a list of all runs leaves those out that are being imported. */
function listFailures(store: RowStore, filter: { runId?: string | undefined }, page: PageRequest): Page<FailureEntry> {
  const found = store.failures(filter, bounded(page));
  if (filter.runId !== undefined || found.entries.length === 0) return found;
  const hidden = new Set(
    statesOf(store, found.entries)
      .filter(isStaged)
      .map(({ id }) => id),
  );
  return hidden.size === 0 ? found : { ...found, entries: found.entries.filter(({ runId }) => !hidden.has(runId)) };
}

function statesOf(store: RowStore, rows: readonly { readonly runId: string }[]): readonly RunState[] {
  return rows.length === 0 ? [] : store.runStates([...new Set(rows.map(({ runId }) => runId))]);
}

function getItem(store: RowStore, runId: string, number: number): WorkItem | undefined {
  const run = visible(store.runState(runId));
  const item = run === undefined ? undefined : store.item(runId, number);
  return run === undefined || item === undefined ? undefined : readItem(item, run);
}

/** Waits of closed runs are there, in case their runs are resumed, but cannot be answered now. */
function openWait(store: RowStore, wait: WaitRecord | undefined): WaitRecord | undefined {
  const run = wait === undefined ? undefined : visible(store.runState(wait.runId));
  return run === undefined || isTerminalRun(run.status) ? undefined : wait;
}

function listWaits(store: RowStore, filter: WaitFilter, page: PageRequest): Page<WaitRecord> {
  const limit = pageLimit(page);
  const list = waitLists(filter);
  const position = decodeCursor(WAITS, page.cursor, ["number", "string"]);
  let after = position === undefined ? undefined : { at: position[0], key: position[1] };
  const entries: WaitRecord[] = [];
  for (let pages = 0; pages < LIMITS.filteredPages; pages += 1) {
    const found = store.entries(list, { after, limit: limit + 1 });
    const records = found.map((entry) => ({ key: entry.key, record: recordOf(entry) }));
    const runs = new Map(
      store.runStates([...new Set(records.map(({ record }) => record.runId))]).map((run) => [run.id, run]),
    );
    for (const { key, record } of records) {
      if (entries.length === limit) return { entries, cursor: cursorAfter(after) };
      after = { at: record.since, key };
      const run = visible(runs.get(record.runId));
      const isOpen = run !== undefined && !isTerminalRun(run.status);
      if (isOpen && (filter.kind === undefined || filter.kind === record.kind)) entries.push(record);
    }
    if (found.length <= limit) return { entries };
  }
  return { entries, cursor: cursorAfter(after) };
}

function cursorAfter(after: { readonly at: number; readonly key: string } | undefined): string {
  return encodeCursor(WAITS, [after?.at ?? 0, after?.key ?? ""]);
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
    for (const seen of asRead(store, found.entries)) {
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

function asRead(store: RowStore, items: readonly WorkItem[]): readonly WorkItem[] {
  const runs = new Map(statesOf(store, items).map((run) => [run.id, run]));
  return items.flatMap((item) => {
    const run = runs.get(item.runId);
    if (run === undefined) return item;
    return isStaged(run) ? [] : readItem(item, run);
  });
}

function contextTail(
  store: RowStore,
  runId: string,
  range: { readonly after: number; readonly upTo?: number | undefined; readonly shape?: string | undefined },
): ContextTail | undefined {
  const run = visible(store.runState(runId));
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
  const run = visible(store.runState(runId));
  if (run === undefined) return { entries: [] };
  const upTo = Math.min(run.sequence, after + limit);
  const entries = after < upTo ? store.deltasAfter(runId, after, upTo, LIMITS.contextTailBytes) : [];
  const last = entries.at(-1)?.sequence;
  return last === undefined || last >= run.sequence ? { entries } : { entries, cursor: encodeCursor(DELTAS, [last]) };
}

function isStatus(key: string): key is WorkItemStatus {
  return key in WORK_ITEM_TRANSITIONS;
}
