/**
 * The rows that an in-process store keeps, and the few ways in which they are looked up. The engine in this folder does
 * everything a backend must do over these rows, inside `Executor.write`; a store only keeps rows and indexes and decides
 * nothing. Every method is synchronous and belongs to one namespace.
 */

import type { RunStatus } from "../../core/status.ts";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { LogLine } from "../contract/commit.ts";
import type { AuditEntry } from "../contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LaneBacklog,
  LogEntry,
  MetricEntry,
  OutputRecord,
  ProgressRecord,
} from "../contract/records.ts";
import type { Page, PageRequest, RunDetails, RunFailure, RunFilter, RunRecord, RunState } from "../contract/run.ts";
import type { SessionRecord } from "../contract/session.ts";
import type { Arrival, BranchGroup, ItemFilter, ItemPayload, WorkItem } from "../contract/work-item.ts";
import type { Blockades } from "./blockades.ts";

/** Runs functions against the rows, one at a time. */
export interface Executor {
  /**
   * Atomic and durable once the promise resolves; nothing of it stays when `work` throws. Several calls may share one
   * transaction, but a failing one never takes others with it. `work` changes nothing but rows, so it may be run again when
   * its transaction did not come about.
   */
  write<T>(work: () => T): Promise<T>;
  /** Sees every write acknowledged before the call. */
  read<T>(work: () => T): Promise<T>;
  /** Absent where nobody else can lock the rows. */
  readonly blockades?: Blockades | undefined;
  close(): Promise<void>;
}

/** Where an item stands in the indexes that claims look at. */
export type Placement =
  /** Claimable now. Items that have stalled before lie apart, so that they never stand in the way of others. */
  | { readonly kind: "ready"; readonly rank: number; readonly stalled: boolean }
  /** Something happens to it at `at` by itself. */
  | { readonly kind: "due"; readonly at: number }
  /** Claimable but for its run, which is paused or closed: out of every claim's way until put back. */
  | { readonly kind: "aside" }
  | { readonly kind: "none" };

/** What a claim may take: any of these queues and definitions, and only items whose labels are all among these. */
export interface LaneSelection {
  readonly queues: readonly string[];
  readonly definitions: readonly string[];
  readonly labels: readonly string[];
}

export interface StoredSession extends SessionRecord {
  /** Number and digest of the last answered request, and what was answered, to answer a resent one alike. */
  readonly lastRequest: number;
  readonly lastDigest: string;
  /** JSON text; claimed items by reference. */
  readonly lastAnswer: string;
  /** True once its expired leases were offered to others. */
  readonly swept: boolean;
}

/**
 * A small record beside runs, such as a wait, an event that nobody has taken yet, or a message between runs. Stores know
 * nothing of what it means: they find it by kind and key, and list it in the order of the places that it has.
 */
export interface Entry {
  readonly kind: string;
  /** Unique among entries of its kind. Plain ASCII, so that it sorts alike everywhere; as is the name of a list. */
  readonly key: string;
  /** Goes away with this run, if given. */
  readonly runId: string | undefined;
  /** JSON text. */
  readonly facts: string;
  readonly value: Uint8Array | undefined;
  /** Lists that it lies in, each named once. Entries of one list are all of one kind. */
  readonly places: readonly EntryPlace[];
}

export interface EntryPlace {
  readonly list: string;
  readonly at: number;
}

/** A part of a list of entries, in the order of `at`, then key. */
export interface EntryRange {
  /** What comes after this place. */
  readonly after?: { readonly at: number; readonly key: string } | undefined;
  /** What lies at or before this instant. */
  readonly upTo?: number | undefined;
  readonly limit: number;
}

/** Entries in this list bring something on when their time has come: it counts for `nextDueAt`. */
export const DUE_ENTRIES = "due";

export interface RowStore {
  // definitions
  definition(hash: string): DefinitionRecord | undefined;
  /** Hash that a name and version stand for now. */
  definitionHash(name: string, version: string): string | undefined;
  definitions(): readonly DefinitionRecord[];
  /** Inserts it, or makes its name and version stand for it. */
  putDefinition(record: DefinitionRecord): void;

  // runs
  runState(runId: string): RunState | undefined;
  /** Of the runs named, those that there are, in any order. */
  runStates(runIds: readonly string[]): readonly RunState[];
  runRecord(runId: string): RunRecord | undefined;
  runFailure(runId: string): RunFailure | undefined;
  runIdByKey(workflow: string, idempotencyKey: string): string | undefined;
  /** Takes the idempotency key over from an older run. */
  insertRun(state: RunState, details: RunDetails): void;
  putRun(state: RunState): void;
  putRunFailure(runId: string, failure: RunFailure | undefined): void;
  putRunOutput(runId: string, output: Uint8Array): void;
  runs(filter: RunFilter, page: PageRequest): Page<RunRecord>;
  /** Running or waiting runs whose timeout is due, earliest first. */
  expiredRuns(now: number, limit: number): readonly RunState[];
  /** Terminal runs that finished before the instant, oldest first. */
  finishedRuns(before: number, limit: number): readonly string[];
  /** Removes the run and every row of it. */
  removeRun(runId: string): void;

  // items
  item(runId: string, item: number): WorkItem | undefined;
  payload(runId: string, item: number): ItemPayload | undefined;
  insertItem(item: WorkItem, payload: ItemPayload, placement: Placement, definition: string): void;
  putItem(item: WorkItem, placement: Placement): void;
  putPlacement(runId: string, item: number, placement: Placement): void;
  putInput(runId: string, item: number, input: Uint8Array): void;
  /** By run, then number; statuses as the rows say, whatever their runs are. Pages of all lists have an explicit limit. */
  items(filter: ItemFilter, page: PageRequest): Page<WorkItem>;
  /** Items of the run that are open by their row, permanently failed or held, by number. */
  unfinished(runId: string): readonly WorkItem[];
  /** Items of the run that lie aside. */
  aside(runId: string): readonly WorkItem[];
  /** Distinct nodes with held items, sorted. */
  heldNodes(runId: string): readonly string[];
  /** Items in progress under the session. */
  itemsOf(session: string): readonly WorkItem[];
  /** In rank order (then run, then number), at most `limit`; never looks at what the selection excludes. */
  ready(selection: LaneSelection, stalled: boolean, limit: number): readonly WorkItem[];
  /** Items placed as due at or before `now`, earliest first. */
  due(now: number, limit: number): readonly WorkItem[];
  /** The earliest of: due items and entries, leases of unswept, unstopped sessions that hold items, timeouts of running or waiting runs. */
  nextDueAt(): number | undefined;
  backlog(): readonly LaneBacklog[];

  // groups, arrivals, outputs
  group(runId: string, group: number): BranchGroup | undefined;
  putGroup(group: BranchGroup): void;
  insertArrival(arrival: Arrival): void;
  arrivals(runId: string, group: number, join: string, page: PageRequest): Page<Arrival>;
  insertOutput(runId: string, output: OutputRecord): void;
  outputs(runId: string, page: PageRequest): Page<OutputRecord>;

  // context
  insertDelta(runId: string, delta: DeltaRecord): void;
  /** Ascending from `after` + 1 to `upTo`; stops after about `maxBytes`. */
  deltasAfter(runId: string, after: number, upTo: number, maxBytes: number): readonly DeltaRecord[];
  /** The newest snapshot of the shape at or before `upTo`. */
  snapshot(
    runId: string,
    shape: string,
    upTo: number,
  ): { readonly sequence: number; readonly bytes: Uint8Array } | undefined;
  putSnapshot(runId: string, shape: string, sequence: number, bytes: Uint8Array): void;
  memos(runId: string, item: number): ReadonlyMap<string, Uint8Array>;
  /** First write wins. */
  insertMemo(runId: string, item: number, name: string, value: Uint8Array): void;

  /** The latest wins. */
  putProgress(runId: string, progress: ProgressRecord): void;
  /** Of the items named, in their order, those that have any. */
  progress(runId: string, items: readonly number[]): readonly ProgressRecord[];

  // history
  insertFailure(entry: FailureEntry): void;
  failures(
    filter: { readonly runId?: string | undefined; readonly item?: number | undefined },
    page: PageRequest,
  ): Page<FailureEntry>;
  insertMetric(entry: MetricEntry): void;
  metrics(runId: string, page: PageRequest): Page<MetricEntry>;
  insertLog(runId: string, item: number, attempt: number, line: LogLine): void;
  logs(filter: { readonly runId: string; readonly item?: number | undefined }, page: PageRequest): Page<LogEntry>;
  insertAudit(entry: AuditEntry): void;
  audit(runId: string, page: PageRequest): Page<AuditEntry>;

  // sessions
  session(id: string): StoredSession | undefined;
  sessions(): readonly StoredSession[];
  putSession(session: StoredSession): void;
  /** Unswept, unstopped sessions whose lease ended at or before the instant. */
  expiredSessions(now: number): readonly StoredSession[];
  /** Forgets sessions that signed off, or whose leases ended, before the instant and that hold nothing. */
  removeSessions(before: number): void;

  // entries
  entry(kind: string, key: string): Entry | undefined;
  /** Inserts it, or replaces the one of its kind and key. */
  putEntry(entry: Entry): void;
  removeEntry(entry: Pick<Entry, "kind" | "key" | "runId">): void;
  entries(list: string, range: EntryRange): readonly Entry[];

  // checkpoints
  checkpoint(id: string): CheckpointRecord | undefined;
  checkpointBody(id: string): Uint8Array | undefined;
  /** Inserts it, or replaces the one under its id. */
  putCheckpoint(record: CheckpointRecord, body: Uint8Array): void;
  /** Adds to the body of the one under its id. */
  appendCheckpoint(record: CheckpointRecord, part: Uint8Array): void;
  removeCheckpoint(id: string): void;
  /** By id. */
  checkpoints(
    filter: { readonly status?: readonly RunStatus[] | undefined },
    page: PageRequest,
  ): Page<CheckpointRecord>;
  /** Ids of those of the statuses that were saved before the instant, longest ago first. */
  oldCheckpoints(before: number, statuses: readonly RunStatus[], limit: number): readonly string[];
}
