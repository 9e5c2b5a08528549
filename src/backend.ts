/**
 * The public API of `millrace/backend`: what a store of one's own is made of, named one by one. `docs/write-a-backend.md`
 * says how. Clocks and errors come from `millrace`, the proof that a store is one from `millrace/testing`.
 */

import "./node-version.ts";

export type { Capabilities } from "./backend/contract/capabilities.ts";
export type {
  AppendCheckpoint,
  CheckpointOperations,
  CheckpointRecord,
  SaveCheckpoint,
  SaveOutcome,
} from "./backend/contract/checkpoints.ts";
export type { Claim, ClaimedItem, CommitAndClaim, CommitAndClaimAnswer, Peek } from "./backend/contract/claim.ts";
export type {
  Commit,
  CommitAnswer,
  CommitOutcomeRequest,
  LogLine,
  NewArrival,
  NewItem,
  NewOutput,
  RefusalCode,
} from "./backend/contract/commit.ts";
export type { AuditEntry, ControlAction, ControlOutcome, ControlRequest } from "./backend/contract/control.ts";
export type {
  DocumentOperations,
  DocumentRecord,
  PutDocument,
  PutOutcome,
  RemoveOutcome,
} from "./backend/contract/documents.ts";
export type { BackendOperations, Reads, Wakeup } from "./backend/contract/operations.ts";
export type {
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
} from "./backend/contract/records.ts";
export type {
  Completion,
  Page,
  PageRequest,
  RunDetails,
  RunFailure,
  RunFilter,
  RunRecord,
  RunState,
  StartOutcome,
  StartRun,
} from "./backend/contract/run.ts";
export type {
  HeldItem,
  NewSession,
  Renewal,
  RenewalAnswer,
  SessionRecord,
  WorkerHealth,
} from "./backend/contract/session.ts";
export type {
  ExportOutcome,
  ImportOutcome,
  ImportPart,
  MemoRow,
  RunHead,
  RunPart,
  RunRows,
  TransferOperations,
} from "./backend/contract/transfer.ts";
export type {
  Arrival,
  BranchGroup,
  ClaimReason,
  ItemFilter,
  ItemPayload,
  JoinTemplate,
  WorkItem,
} from "./backend/contract/work-item.ts";
export { compareText } from "./backend/memory/ordered-rows.ts";
export { pageOf } from "./backend/memory/row-page.ts";
export { type AttachedSessions, createAttachedSessions } from "./backend/synchronous/attached-sessions.ts";
export { Blockades } from "./backend/synchronous/blockades.ts";
export { type CursorPart, decodeCursor, encodeCursor } from "./backend/synchronous/paging.ts";
export {
  DUE_ENTRIES,
  type Entry,
  type EntryPlace,
  type EntryRange,
  type Executor,
  type LaneSelection,
  type Placement,
  type RowStore,
  type StoredSession,
} from "./backend/synchronous/row-store.ts";
export { createWakeupHub, type WakeupHub } from "./backend/synchronous/wakeups.ts";
export { type BackendOverRowsOptions, backendOverRows, memoryRows } from "./backend-over-rows.ts";
export { LIMITS } from "./core/limits.ts";
export { checkName } from "./core/names.ts";
export { type Backend, defineBackend } from "./stores/backend.ts";
