/**
 * The history of a run: its start, what became of each item, every failed attempt, every change of its context, what
 * operators did, and its end, in order of time. Put together from the records that the store keeps anyway; nothing is
 * written for it. It is read as a whole, so it is as long as the run: at most its limit of items, and their attempts.
 */

import type { AuditEntry } from "../backend/contract/control.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { DeltaRecord } from "../backend/contract/records.ts";
import type { RunRecord } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import type { RunStatus } from "../core/status.ts";
import { allPages } from "../stores/all-pages.ts";
import { type AttemptFailureInfo, toAttemptFailure } from "../stores/errors.ts";
import { formatItemId } from "../stores/item-id.ts";
import { runNotFound } from "../stores/run-control.ts";
import { type RunFailureInfo, toFailureInfo } from "../stores/run-info.ts";
import { toWorkItemInfo, type WorkItemInfo } from "../stores/work-item-info.ts";

/** Something that happened. Instants are the backend's, in milliseconds since 1970. */
export type HistoryEntry =
  | { readonly type: "started"; readonly at: number; readonly workflow: string; readonly version: string }
  /** An operator's action. `detail` tells what was asked, without payloads. */
  | {
      readonly type: "control";
      readonly at: number;
      readonly action: AuditEntry["action"];
      readonly actor: string | undefined;
      readonly itemId: string | undefined;
      readonly detail: unknown;
    }
  /** A delta of the context. `itemId` is absent for initial values and for changes from outside. */
  | { readonly type: "context"; readonly at: number; readonly sequence: number; readonly itemId: string | undefined }
  | { readonly type: "failure"; readonly at: number; readonly failure: AttemptFailureInfo }
  /** An item ended, or was last committed. */
  | { readonly type: "item"; readonly at: number; readonly item: WorkItemInfo }
  | {
      readonly type: "ended";
      readonly at: number;
      readonly status: RunStatus;
      readonly failure: RunFailureInfo | undefined;
    };

/** Everything that happened to a run, oldest first. Throws `RUN_NOT_FOUND`. */
export async function readHistory(operations: BackendOperations, runId: string): Promise<readonly HistoryEntry[]> {
  const run = await operations.read.run(runId);
  if (run === undefined) throw runNotFound(runId);
  const { read } = operations;
  const entries: Ordered[] = [ordered(startOf(run), 0)];
  for await (const entry of allPages((page) => read.audit(runId, page))) entries.push(ordered(controlOf(entry), 0));
  for await (const delta of allPages((page) => read.deltas(runId, page))) {
    entries.push(ordered(contextOf(runId, delta), delta.sequence));
  }
  for await (const entry of allPages((page) => read.failures({ runId }, page))) {
    entries.push(ordered({ type: "failure", at: entry.at, failure: toAttemptFailure(entry) }, entry.epoch));
  }
  for await (const item of allPages((page) => read.items({ runId }, page))) {
    if (item.commit > 0)
      entries.push(ordered({ type: "item", at: committedAt(item), item: toWorkItemInfo(item) }, item.commit));
  }
  const end = endOf(run);
  if (end !== undefined) entries.push(ordered(end, 0));
  return entries.sort(compare).map(({ entry }) => entry);
}

interface Ordered {
  readonly entry: HistoryEntry;
  readonly rank: number;
  readonly number: number;
}

/** Within one millisecond: causes before what they led to, and entries of one kind by their number. */
const RANK: Readonly<Record<HistoryEntry["type"], number>> = {
  started: 0,
  control: 1,
  context: 2,
  failure: 3,
  item: 4,
  ended: 5,
};

function ordered(entry: HistoryEntry, number: number): Ordered {
  return { entry, rank: RANK[entry.type], number };
}

function compare(a: Ordered, b: Ordered): number {
  return a.entry.at - b.entry.at || a.rank - b.rank || a.number - b.number;
}

function startOf(run: RunRecord): HistoryEntry {
  return { type: "started", at: run.createdAt, workflow: run.workflow, version: run.version };
}

function endOf(run: RunRecord): HistoryEntry | undefined {
  if (run.finishedAt === undefined) return undefined;
  return { type: "ended", at: run.finishedAt, status: run.status, failure: toFailureInfo(run.id, run.failure) };
}

function controlOf({ runId, at, action, actor, item, detail }: AuditEntry): HistoryEntry {
  const itemId = item === undefined ? undefined : formatItemId(runId, item);
  return { type: "control", at, action, actor, itemId, detail: JSON.parse(detail) };
}

function contextOf(runId: string, { sequence, item, at }: DeltaRecord): HistoryEntry {
  return { type: "context", at, sequence, itemId: item === runId ? undefined : item };
}

function committedAt(item: WorkItem): number {
  return item.endedAt ?? (item.claimedAt ?? item.createdAt) + (item.ranMs ?? 0);
}
