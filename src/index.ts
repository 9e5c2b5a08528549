/**
 * The public API of `millrace`, named one by one. It holds no code: what a user may rely on is listed here, and what is
 * not listed here is nobody's contract.
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
export type { Claim, ClaimedItem, CommitAndClaim, CommitAndClaimAnswer } from "./backend/contract/claim.ts";
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
export type { Advice, BackendOperations, Reads, Wakeup } from "./backend/contract/operations.ts";
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
export { type MemoryOptions, MemoryWorld } from "./backend/memory/index.ts";
export type {
  AppendOptions,
  Checkpoint,
  CheckpointStore,
  CleanupOptions,
  SaveOptions,
  StoredCheckpoint,
} from "./checkpoints/checkpoint-store.ts";
export { type Config, defineConfig, isWorkflow, type WorkerConfig } from "./configuration.ts";
export { type ConnectOptions, connect, type Durability, memory } from "./connect.ts";
export { type Duration, toMilliseconds } from "./core/duration.ts";
export {
  ERRORS,
  type ErrorCode,
  type ErrorEntry,
  type ErrorJson,
  type FailureRecord,
  isMillraceError,
  MillraceError,
  NonRetryableError,
  RetryAfterError,
} from "./core/errors.ts";
export type { Instant } from "./core/instant.ts";
export {
  type Clock,
  type Ids,
  type Logger,
  type ManualClock,
  manualClock,
  type Random,
  systemClock,
  type Timer,
} from "./core/ports.ts";
export type { RetryPolicy } from "./core/retry.ts";
export type { Liveness, RunStatus, WorkerStatus, WorkItemStatus } from "./core/status.ts";
export { parseJson, type ValueOptions } from "./core/values.ts";
export type { AttemptInfo, RunArgs, StepOptions } from "./definition/attempt.ts";
export type {
  Counter,
  EventLog,
  EventLogView,
  Extreme,
  Fixed,
  LoggedEvent,
  MapField,
  MapView,
  Merged,
  Register,
  SetField,
  SetView,
} from "./definition/context/accessors.ts";
export {
  type Context,
  type ContextInit,
  type ContextView,
  type CounterField,
  context,
  type EventLogField,
  type ExtremeField,
  type Field,
  type Fields,
  type FixedField,
  field,
  type LiveContext,
  type MapFieldOf,
  type MergedField,
  type RegisterField,
  type SetFieldOf,
} from "./definition/context/field.ts";
export type { Choice, Definition, DefinitionEdge, DefinitionNode, Destination } from "./definition/definition.ts";
export { toDot } from "./definition/dot.ts";
export type { EdgeMismatch, InvalidWorkflow } from "./definition/edge-check.ts";
export type { InOf, OutOf } from "./definition/edge-shape.ts";
export type { Failure } from "./definition/failure.ts";
export { type ByName, type JoinArgs, join, joinByName } from "./definition/join.ts";
export { toMermaid } from "./definition/mermaid.ts";
export { type AnyNode, type Emits, type Node, type NodeArgs, type NoFields, node } from "./definition/node.ts";
export type { NodeOptions } from "./definition/node-options.ts";
export { retryInProcess, split } from "./definition/ready-made.ts";
export { type InferInput, type InferOutput, type StandardSchema, unchecked } from "./definition/schema.ts";
export {
  type Abort,
  abort,
  type EmitOptions,
  type EmittedBy,
  type Hold,
  hold,
  type Next,
  type NextAll,
  next,
  nextAll,
  type Transition,
} from "./definition/transition.ts";
export { type AnyVariant, type Variant, variant, variantBy } from "./definition/variant.ts";
export { type ChildOptions, child } from "./definition/waits/child.ts";
export { type Event, event, type Where } from "./definition/waits/event.ts";
export { externalTool, type ToolWait } from "./definition/waits/external-tool.ts";
export { type SleepOptions, sleep } from "./definition/waits/sleep.ts";
export { type EventWait, waitForEvent } from "./definition/waits/wait-for-event.ts";
export { type InputWait, waitForInput } from "./definition/waits/wait-for-input.ts";
export type { ReceivedArgs, WaitArgs, WaitNode, WaitOptions } from "./definition/waits/wait-node.ts";
export type { DefinitionWait } from "./definition/waits/wait-runtime.ts";
export { type ContextMismatch, dynamicWorkflow, type LooseEdge, workflow } from "./definition/workflow.ts";
export type { Workflow, WorkflowOptions } from "./definition/workflow-building.ts";
export type { Completion, OutputOfGraph } from "./definition/workflow-output.ts";
export type {
  AnswerOf,
  InputOf,
  NameOf,
  NodeTypes,
  OutputOf,
  TypesOf,
  WaitNames,
  WorkflowTypes,
} from "./definition/workflow-types.ts";
export type { LocalOptions, LocalRunOptions, LocalRunResult, RunProgress } from "./local/local-options.ts";
export { run } from "./local/run.ts";
export {
  type CheckpointedRunOptions,
  type CheckpointPlace,
  type NewLimits,
  type ResumeRunOptions,
  resume,
  runWithCheckpoint,
} from "./local/run-with-checkpoint.ts";
export { type PinoLike, pinoLogger } from "./logging/pino-logger.ts";
export type { AwaitOptions } from "./orchestrator/await-run.ts";
export type { BulkOptions, BulkProgress, BulkResult, SkippedRun } from "./orchestrator/bulk.ts";
export type { CancelOptions, ControlResult, ResumeOptions, RetryOptions } from "./orchestrator/control.ts";
export {
  DistributedOrchestrator,
  type ListItemsOptions,
  type ListRunsOptions,
  type OrchestratorOptions,
  type StartEntry,
  type Started,
  type StartOptions,
} from "./orchestrator/distributed-orchestrator.ts";
export type { EventToSend, SendResult } from "./orchestrator/events.ts";
export type { ItemExplanation } from "./orchestrator/explain/item-sentence.ts";
export type { RunExplanation } from "./orchestrator/explain/run-sentence.ts";
export type { HistoryEntry } from "./orchestrator/history.ts";
export type { AttemptLogLine, ListLogsOptions } from "./orchestrator/logs.ts";
export type { RunHandle } from "./orchestrator/run-handle.ts";
export type { Distribution, NodeMetrics, RunMetrics } from "./orchestrator/run-metrics.ts";
export { StoredFailure } from "./orchestrator/run-outcome.ts";
export type { RunConditions, RunSelection } from "./orchestrator/run-selection.ts";
export type {
  KeepOptions,
  NewSchedule,
  ScheduleChanges,
  SchedulePage,
  Schedules,
  SchedulesKeeper,
  TriggerOptions,
  UnreadableSchedule,
} from "./orchestrator/schedules.ts";
export type { StartEvent } from "./orchestrator/start.ts";
export type { ListWaitsOptions } from "./orchestrator/waits.ts";
export type { RunEvent, RunItemEvent, RunStatusEvent, WatchOptions } from "./orchestrator/watch.ts";
export type { Backlog, LivenessOptions, WorkerLiveness } from "./orchestrator/workers.ts";
export type { Firing, FiringCounts, Overlap, ScheduleFailure } from "./schedules/schedule.ts";
export type { SaidOfSchedule, ScheduleSettings, ScheduleTimes } from "./schedules/schedule-content.ts";
export type { ScheduleInfo } from "./schedules/schedule-info.ts";
export { type Backend, defineBackend } from "./stores/backend.ts";
export type { ContextStore } from "./stores/contexts.ts";
export type { DequeuedItem } from "./stores/dequeued-item.ts";
export type { AttemptFailureInfo, ErrorStore } from "./stores/errors.ts";
export type { LivenessStore } from "./stores/liveness.ts";
export type { MetricsStore, RunCounters } from "./stores/metrics.ts";
export type { DequeueOptions, EnqueueOptions, WorkQueue } from "./stores/queue.ts";
export type { ControlOptions } from "./stores/run-control.ts";
export type { ItemCounts, RunFailureInfo, RunInfo } from "./stores/run-info.ts";
export type { RunOptions } from "./stores/run-start.ts";
export type { NewRun, RunInfoStore, StatusChange } from "./stores/runs.ts";
export type { WaitInfo } from "./stores/wait-info.ts";
export type { ItemProgress, ItemWait, WorkItemInfo } from "./stores/work-item-info.ts";
export type { WorkItemStateStore } from "./stores/work-items.ts";
export type { WorkerHealthInfo, WorkerInfo } from "./stores/worker-info.ts";
export { copyRuns } from "./transfer/copy-runs.ts";
export { exportRuns, type RunExport } from "./transfer/export-runs.ts";
export { importRuns } from "./transfer/import-runs.ts";
export type { CopyOptions, ExportOptions, ImportOptions, TransferResult } from "./transfer/transfer-options.ts";
export { VERSION } from "./version.ts";
export {
  DistributedWorker,
  type RunOnceResult,
  type StopOptions,
  type WorkerReport,
} from "./worker/distributed-worker.ts";
export type { ItemEvent, ItemOutcome, WorkerCallbacks } from "./worker/worker-callbacks.ts";
export type { WorkerBackend, WorkerOptions } from "./worker/worker-options.ts";
export { WorkerPool, type WorkerPoolOptions } from "./worker/worker-pool.ts";
