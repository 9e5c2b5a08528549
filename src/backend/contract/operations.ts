/**
 * The atomic operations that a backend is. Every method is one atomic step; a conditional write that lost returns a tagged
 * outcome instead of throwing. Exceptions mean that the caller does not know whether it happened (`BACKEND_UNAVAILABLE`)
 * or that nothing did (`STORE_FULL`, `BACKEND_CORRUPT`, `CLOSED`, …). Every call settles: one that a server does not answer
 * rejects with `BACKEND_UNAVAILABLE` after a bounded time. Only the backend's clock counts.
 */

import type { Capabilities } from "./capabilities.ts";
import type { CheckpointOperations } from "./checkpoints.ts";
import type { Claim, CommitAndClaim, CommitAndClaimAnswer, Peek } from "./claim.ts";
import type { AuditEntry, ControlOutcome, ControlRequest } from "./control.ts";
import type { DocumentOperations } from "./documents.ts";
import type {
  ContextTail,
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LaneBacklog,
  LogEntry,
  MetricEntry,
  OutputRecord,
  ProgressRecord,
  PublishOutcome,
} from "./records.ts";
import type { Page, PageRequest, RunFilter, RunRecord, RunState, StartOutcome, StartRun } from "./run.ts";
import type { NewSession, Renewal, RenewalAnswer, SessionRecord } from "./session.ts";
import type { TransferOperations } from "./transfer.ts";
import type { EventOutcome, SentEvent, WaitFilter, WaitRecord } from "./wait.ts";
import type { Arrival, BranchGroup, ItemFilter, ItemPayload, WorkItem } from "./work-item.ts";

/** A hint that something changed; polling is the truth. `any` comes from outside the process. */
export type Wakeup =
  | { readonly kind: "work" }
  | { readonly kind: "run"; readonly runId: string }
  /** A document is due that nobody has done anything about. */
  | { readonly kind: "documents" }
  | { readonly kind: "any" };

export interface BackendOperations {
  /** For people and logs only. */
  readonly kind: string;
  /** What to show of where the data is; never contains a secret. */
  readonly location: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  /** What a second thread passes to `connect` to renew sessions; present where `renewal` is `thread`. */
  readonly renewalUrl?: string | undefined;

  /** Stores definitions once per hash. `replace` lets the same name and version take another hash (development mode). Idempotent. */
  publish(
    definitions: readonly Omit<DefinitionRecord, "publishedAt">[],
    options: { readonly replace: boolean },
  ): Promise<readonly PublishOutcome[]>;

  /** Starts runs, each atomically; outcomes in order. Idempotent by id and by (workflow, idempotency key). */
  startRuns(starts: readonly StartRun[]): Promise<readonly StartOutcome[]>;

  openSession(session: NewSession): Promise<SessionRecord>;
  /** Applies the commits in order, then claims. Idempotent by (session, request). Throws CLOSED when the session is gone. */
  commitAndClaim(request: CommitAndClaim): Promise<CommitAndClaimAnswer>;
  /**
   * Whether a claim would find anything, so that idle workers need not write to find out. Changes nothing, needs no session,
   * has no number, and wakes nobody; one that fails may simply be made again. Where it is absent, workers claim to find out.
   */
  peek?(claim: Claim): Promise<Peek>;
  /** Extends the session's leases that nobody took; tells what it lost. */
  renew(renewal: Renewal): Promise<RenewalAnswer>;
  /** Signs off: the session's items become ready at once, without counting a stall. Idempotent. */
  closeSession(session: string): Promise<void>;
  /** Where `renewal` is `inProcess`: the session counts as alive until the returned function is called. */
  attachSession?(session: string): () => void;

  /** Applies each action atomically, in order. */
  control(requests: readonly ControlRequest[]): Promise<readonly ControlOutcome[]>;

  /** Sends each event atomically, in order. */
  sendEvents(events: readonly SentEvent[]): Promise<readonly EventOutcome[]>;

  /** Keeps the result of a durable step. First write wins; refused (false) when the lease is stale. */
  putMemo(memo: {
    readonly runId: string;
    readonly item: number;
    readonly epoch: number;
    readonly session: string;
    readonly name: string;
    readonly value: Uint8Array;
  }): Promise<boolean>;
  /** Keeps what an attempt says of how far it is; the latest of an item replaces the one before. Refused (false) when the lease is stale. */
  putProgress(progress: {
    readonly runId: string;
    readonly item: number;
    readonly epoch: number;
    readonly session: string;
    readonly details: Uint8Array;
  }): Promise<boolean>;
  /** Keeps a folded context as a cache; an older one of the same shape is replaced. */
  putSnapshot(snapshot: {
    readonly runId: string;
    readonly sequence: number;
    readonly shape: string;
    readonly bytes: Uint8Array;
  }): Promise<void>;
  /**
   * Removes runs that finished before the instant, at most `limit` of them; the number removed. Also forgets sessions that
   * ended by then, and, a part at a time, events that nobody took for 30 days, with the ids of events of that age.
   */
  purge(request: { readonly before: number; readonly limit: number }): Promise<number>;

  readonly read: Reads;
  readonly checkpoints: CheckpointOperations;
  readonly documents: DocumentOperations;
  readonly transfer: TransferOperations;

  /** Settings of the server that weaken a promise or slow things down, for people and logs. Absent where there is none. */
  advise?(): Promise<readonly Advice[]>;

  /** Calls back on hints until the returned function is called. A listener that throws is ignored. */
  subscribe(listener: (wakeup: Wakeup) => void): () => void;
  /** The backend's clock. */
  now(): Promise<number>;
  /** Waits for what is in flight, then frees everything. Idempotent. Later calls throw CLOSED. */
  close(): Promise<void>;
}

/** What an operator should know of a store. */
export interface Advice {
  /** `warning`: runs may be lost or stand still by it. */
  readonly level: "note" | "warning";
  /** What it is about; stable, for programs. */
  readonly about: string;
  readonly message: string;
  readonly hint: string;
}

/** Reads see every write acknowledged before they began. Items of a closed run read as `cancelled`. */
export interface Reads {
  definition(hash: string): Promise<DefinitionRecord | undefined>;
  /** By name, then publication. */
  definitions(): Promise<readonly DefinitionRecord[]>;
  run(runId: string): Promise<RunRecord | undefined>;
  runState(runId: string): Promise<RunState | undefined>;
  runs(filter: RunFilter, page: PageRequest): Promise<Page<RunRecord>>;
  item(runId: string, item: number): Promise<WorkItem | undefined>;
  itemPayload(runId: string, item: number): Promise<ItemPayload | undefined>;
  /** By run, then number. */
  items(filter: ItemFilter, page: PageRequest): Promise<Page<WorkItem>>;
  group(runId: string, group: number): Promise<BranchGroup | undefined>;
  /** In branch order. */
  arrivals(runId: string, group: number, join: string, page: PageRequest): Promise<Page<Arrival>>;
  /** In branch order. */
  outputs(runId: string, page: PageRequest): Promise<Page<OutputRecord>>;
  /** Snapshot (if `shape` is given and it helps) and the deltas after `after`, up to `upTo` or the run's sequence. `undefined` for an unknown run. */
  contextTail(
    runId: string,
    range: { readonly after: number; readonly upTo?: number | undefined; readonly shape?: string | undefined },
  ): Promise<ContextTail | undefined>;
  deltas(runId: string, page: PageRequest): Promise<Page<DeltaRecord>>;
  /** Oldest first. */
  failures(
    filter: { readonly runId?: string | undefined; readonly item?: number | undefined },
    page: PageRequest,
  ): Promise<Page<FailureEntry>>;
  /** Of the items named, in their order, those that have any; of the first 1,000 names. */
  progress(runId: string, items: readonly number[]): Promise<readonly ProgressRecord[]>;
  metrics(runId: string, page: PageRequest): Promise<Page<MetricEntry>>;
  logs(
    filter: { readonly runId: string; readonly item?: number | undefined },
    page: PageRequest,
  ): Promise<Page<LogEntry>>;
  /** Oldest first. */
  audit(runId: string, page: PageRequest): Promise<Page<AuditEntry>>;
  /** Waits of open runs that can be answered, longest first. */
  waits(filter: WaitFilter, page: PageRequest): Promise<Page<WaitRecord>>;
  wait(runId: string, item: number): Promise<WaitRecord | undefined>;
  session(id: string): Promise<SessionRecord | undefined>;
  /** Newest first; signed-off and dead ones too, until purged. */
  sessions(): Promise<readonly SessionRecord[]>;
  /** What is ready, by lane. */
  backlog(): Promise<readonly LaneBacklog[]>;
}
