/**
 * The rows of runs as they stand in a file: the records of the contract without what their place says anyway (the run's id),
 * with records by name as lists of pairs, so that any text may be a name. What reads them refuses whatever could not have
 * come from a store.
 */

import type { AuditEntry } from "../backend/contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LogEntry,
  MetricEntry,
  OutputRecord,
} from "../backend/contract/records.ts";
import type { RunDetails, RunFailure, RunState } from "../backend/contract/run.ts";
import type { MemoRow } from "../backend/contract/transfer.ts";
import type {
  Arrival,
  BranchGroup,
  ItemPayload,
  JoinTemplate,
  WaitState,
  WorkItem,
} from "../backend/contract/work-item.ts";
import type { FailureRecord } from "../core/errors.ts";
import {
  anything,
  bytes,
  count,
  flag,
  listOf,
  named,
  number,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "../core/shapes.ts";
import {
  isTerminalRun,
  RUN_TRANSITIONS,
  type RunStatus,
  WORK_ITEM_TRANSITIONS,
  type WorkItemStatus,
} from "../core/status.ts";

/** A record without the id of its run. */
export type OfRun<T> = Omit<T, "runId">;

const RUN_STATUSES = Object.keys(RUN_TRANSITIONS).filter((key): key is RunStatus => key in RUN_TRANSITIONS);
const ITEM_STATUSES = Object.keys(WORK_ITEM_TRANSITIONS).filter(
  (key): key is WorkItemStatus => key in WORK_ITEM_TRANSITIONS,
);

export const runStatus: Shape<RunStatus> = oneOf(RUN_STATUSES);

export const definitionShape: Shape<DefinitionRecord> = record<DefinitionRecord>({
  hash: text,
  name: text,
  version: text,
  json: text,
  publishedAt: number,
});

/** A run arrives paused or ended. */
const restingStatus: Shape<RunStatus> = oneOf(RUN_STATUSES.filter((one) => one === "paused" || isTerminalRun(one)));

export const stateShape: Shape<RunState> = record<RunState>({
  id: text,
  definition: text,
  status: restingStatus,
  generation: count,
  sequence: count,
  commits: count,
  items: count,
  open: count,
  parked: count,
  held: count,
  outputs: count,
  completed: count,
  failed: count,
  retried: count,
  conflicts: count,
  completion: oneOf(["single", "first", "all"]),
  maxItems: number,
  priority: number,
  timeoutAt: optional(number),
  createdAt: number,
  statusAt: number,
  finishedAt: optional(number),
  fieldSequences: listOf(count),
  affinity: none,
  links: optional(count),
});

export const detailsShape: Shape<RunDetails> = record<RunDetails>({
  workflow: text,
  version: text,
  input: bytes,
  output: optional(bytes),
  failure: optional(runFailure),
  tags: named(text),
  idempotencyKey: optional(text),
  inputDigest: text,
  parent: optional(record<NonNullable<RunDetails["parent"]>>({ runId: text, item: count })),
});

export const itemShape: Shape<OfRun<WorkItem>> = record<OfRun<WorkItem>>({
  item: count,
  node: text,
  kind: oneOf(["node", "join"]),
  status: oneOf(ITEM_STATUSES),
  from: optional(count),
  attempts: count,
  stalls: count,
  conflicts: count,
  epoch: count,
  session: none,
  claimedAt: optional(number),
  readyAt: number,
  priority: number,
  queue: text,
  labels: listOf(text),
  keys: listOf(text),
  group: optional(count),
  joins: optional(count),
  index: count,
  path: text,
  createdAt: number,
  endedAt: optional(number),
  commit: count,
  timeoutMs: number,
  timeoutAt: optional(number),
  deadlineMs: optional(number),
  deadlineAt: optional(number),
  reason: oneOf(["ready", "stalled", "timeout", "deadline"]),
  revision: count,
  commitDigest: optional(text),
  waitedMs: optional(number),
  ranMs: optional(number),
  failure: optional(failureRecord),
  wait: optional(waitState),
});

export const payloadShape: Shape<ItemPayload> = record<ItemPayload>({
  input: optional(bytes),
  failure: optional(bytes),
});

export const memoShape: Shape<MemoRow> = record<MemoRow>({ item: count, name: text, value: bytes });

const joinShape: Shape<JoinTemplate> = (value, at) => {
  const { deadlineMs, ...join } = record<
    Required<Omit<JoinTemplate, "deadlineMs">> & { deadlineMs: number | undefined }
  >({
    node: text,
    queue: text,
    labels: listOf(text),
    keys: listOf(text),
    priority: number,
    timeoutMs: number,
    deadlineMs: optional(number),
  })(value, at);
  return deadlineMs === undefined ? join : { ...join, deadlineMs };
};

export const groupShape: Shape<OfRun<BranchGroup>> = record<OfRun<BranchGroup>>({
  group: count,
  fanOut: text,
  parent: optional(count),
  index: count,
  path: text,
  depth: count,
  open: count,
  joins: listOf(joinShape),
  arrived: named(count),
  done: flag,
});

export const arrivalShape: Shape<OfRun<Arrival>> = record<OfRun<Arrival>>({
  group: count,
  join: text,
  from: count,
  node: text,
  path: text,
  commit: count,
  index: count,
  value: bytes,
});

export const outputShape: Shape<OutputRecord> = record<OutputRecord>({
  from: count,
  path: text,
  commit: count,
  index: count,
  value: bytes,
});

export const deltaShape: Shape<DeltaRecord> = record<DeltaRecord>({
  sequence: count,
  item: text,
  epoch: count,
  at: number,
  delta: bytes,
});

export const failureShape: Shape<OfRun<FailureEntry>> = record<OfRun<FailureEntry>>({
  item: count,
  node: text,
  attempt: count,
  epoch: count,
  failure: failureRecord,
  outcome: oneOf(["retried", "failedOver", "failed", "stalled"]),
  workerId: text,
  at: number,
});

export const metricShape: Shape<OfRun<MetricEntry>> = record<OfRun<MetricEntry>>({
  item: count,
  node: text,
  name: text,
  value: measured,
  at: number,
});

export const logShape: Shape<OfRun<LogEntry>> = (value, at) => {
  const { data, ...line } = record<Required<Omit<OfRun<LogEntry>, "data">> & { data: string | undefined }>({
    item: count,
    attempt: count,
    at: number,
    level: oneOf(["debug", "info", "warn", "error"]),
    message: text,
    data: optional(text),
  })(value, at);
  return data === undefined ? line : { ...line, data };
};

/** The compiler holds them equal to the actions that there are. */
const ACTIONS: Readonly<Record<AuditEntry["action"], true>> = {
  cancel: true,
  pause: true,
  resume: true,
  retryItem: true,
  complete: true,
  fail: true,
  enqueue: true,
  merge: true,
  setAttempts: true,
  delete: true,
  completeWait: true,
};

export const auditShape: Shape<OfRun<AuditEntry>> = record<OfRun<AuditEntry>>({
  at: number,
  action: oneOf(Object.keys(ACTIONS).filter((key): key is AuditEntry["action"] => Object.hasOwn(ACTIONS, key))),
  actor: optional(text),
  detail: text,
  item: optional(count),
});

/** JSON has no word for what is no number, and for what is beyond all of them. */
export function writtenNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function measured(value: unknown, at: string): number {
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : number(value, at);
}

function waitState(value: unknown, at: string): WaitState {
  return record<WaitState>({
    kind: oneOf(["sleep", "event", "input", "tool", "child"]),
    number: count,
    since: number,
    dueAt: optional(number),
    deadlineLeftMs: optional(number),
    over: optional(oneOf(["answer", "time"])),
  })(value, at);
}

/** What belongs to another store's workers does not travel. */
function none(value: unknown, at: string): undefined {
  return optional(oneOf([]))(value, at);
}

function failureRecord(value: unknown, at: string): FailureRecord {
  const { stack, details, ...failure } = record<FailureFields>({
    code: text,
    message: text,
    stack: optional(text),
    details: anything,
  })(value, at);
  return { ...failure, ...(stack === undefined ? {} : { stack }), ...(details === undefined ? {} : { details }) };
}

interface FailureFields {
  readonly code: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly details: unknown;
}

function runFailure(value: unknown, at: string): RunFailure {
  const { node, item, attempt, ...rest } = record<FailureFields & Pick<RunFailure, "node" | "item" | "attempt">>({
    code: text,
    message: text,
    stack: optional(text),
    details: anything,
    node: optional(text),
    item: optional(count),
    attempt: optional(count),
  })(value, at);
  return {
    ...failureRecord(rest, at),
    ...(node === undefined ? {} : { node }),
    ...(item === undefined ? {} : { item }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}
