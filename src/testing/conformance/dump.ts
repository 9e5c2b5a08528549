/**
 * Everything that a backend shows of a namespace, or of one run, as plain records in a fixed order: to compare two
 * backends, or one before and after something that must leave no trace. It reads through the contract alone, in pages.
 */

import type { AuditEntry } from "../../backend/contract/control.ts";
import type { BackendOperations, Reads } from "../../backend/contract/operations.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LaneBacklog,
  LogEntry,
  MetricEntry,
  OutputRecord,
} from "../../backend/contract/records.ts";
import type { RunRecord } from "../../backend/contract/run.ts";
import type { SessionRecord } from "../../backend/contract/session.ts";
import type { Arrival, BranchGroup, ItemPayload, WorkItem } from "../../backend/contract/work-item.ts";
import { present } from "./expectation.ts";
import { allPages } from "./stage.ts";

const PAGE = 500;

/** Everything of one run. */
export interface RunDump {
  readonly run: RunRecord;
  /** By number. */
  readonly items: readonly WorkItem[];
  readonly payloads: readonly (ItemPayload | undefined)[];
  /** By number. */
  readonly groups: readonly BranchGroup[];
  /** By group, then join, then branch order. */
  readonly arrivals: readonly Arrival[];
  readonly outputs: readonly OutputRecord[];
  readonly deltas: readonly DeltaRecord[];
  readonly failures: readonly FailureEntry[];
  readonly metrics: readonly MetricEntry[];
  readonly logs: readonly LogEntry[];
  readonly audit: readonly AuditEntry[];
}

/** Everything of a namespace. */
export interface BackendDump {
  readonly definitions: readonly DefinitionRecord[];
  /** Newest first. */
  readonly runs: readonly RunDump[];
  readonly sessions: readonly SessionRecord[];
  /** By queue, definition and labels. */
  readonly backlog: readonly LaneBacklog[];
}

/** Everything of the namespace. Consistent only while nobody writes. */
export async function dumpBackend({ read }: Pick<BackendOperations, "read">): Promise<BackendDump> {
  const runs: RunDump[] = [];
  for (const run of await allPages((page) => read.runs({}, page), PAGE)) runs.push(await dumpOf(read, run));
  const backlog = await read.backlog();
  return {
    definitions: await read.definitions(),
    runs,
    sessions: await read.sessions(),
    backlog: backlog.toSorted((a, b) => (laneKey(a) < laneKey(b) ? -1 : 1)),
  };
}

/** Everything of a run. Consistent only while nobody writes. */
export async function dumpRun({ read }: Pick<BackendOperations, "read">, runId: string): Promise<RunDump> {
  return dumpOf(read, present(await read.run(runId), `run ${runId}`));
}

async function dumpOf(read: Reads, run: RunRecord): Promise<RunDump> {
  const { id } = run;
  const items = await allPages((page) => read.items({ runId: id }, page), PAGE);
  const groups = await groupsOf(read, items);
  return {
    run,
    items,
    payloads: await Promise.all(items.map(({ item }) => read.itemPayload(id, item))),
    groups,
    arrivals: await arrivalsOf(read, groups),
    outputs: await allPages((page) => read.outputs(id, page), PAGE),
    deltas: await allPages((page) => read.deltas(id, page), PAGE),
    failures: await allPages((page) => read.failures({ runId: id }, page), PAGE),
    metrics: await allPages((page) => read.metrics(id, page), PAGE),
    logs: await allPages((page) => read.logs({ runId: id }, page), PAGE),
    audit: await allPages((page) => read.audit(id, page), PAGE),
  };
}

/** A group has members, or a join that reads it. */
async function groupsOf(read: Reads, items: readonly WorkItem[]): Promise<readonly BranchGroup[]> {
  const numbers = new Set(items.flatMap(({ group, joins }) => [group, joins]).filter((number) => number !== undefined));
  const [runId] = items.map((item) => item.runId);
  if (runId === undefined) return [];
  const groups = await Promise.all([...numbers].sort((a, b) => a - b).map((number) => read.group(runId, number)));
  return groups.filter((group) => group !== undefined);
}

async function arrivalsOf(read: Reads, groups: readonly BranchGroup[]): Promise<readonly Arrival[]> {
  const arrivals: Arrival[] = [];
  for (const { runId, group, joins } of groups) {
    for (const { node } of joins)
      arrivals.push(...(await allPages((page) => read.arrivals(runId, group, node, page), PAGE)));
  }
  return arrivals;
}

function laneKey({ queue, definition, labels }: LaneBacklog): string {
  return JSON.stringify([queue, definition, labels]);
}
