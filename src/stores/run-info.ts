/**
 * A run as users see it: the row of the backend with its payloads decoded. Engine counters that only commits decide by
 * (field sequences, affinity) stay behind. It reads nothing; it turns a record into another.
 */

import type { RunFailure, RunRecord } from "../backend/contract/run.ts";
import type { RunStatus } from "../core/status.ts";
import { decodeValue } from "../core/values.ts";
import { formatItemId } from "./item-id.ts";

/** Why a run failed or was cancelled, and where. */
export interface RunFailureInfo {
  /** A code of the engine, one given to `abort`, or one of a platform's error. */
  readonly code: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly details?: unknown;
  readonly node?: string | undefined;
  readonly itemId?: string | undefined;
  /** From 1. */
  readonly attempt?: number | undefined;
}

/** How many work items a run has, by what became of them. */
export interface ItemCounts {
  /** All that were ever made. */
  readonly total: number;
  /** Pending, in progress, waiting, or waiting for a retry. */
  readonly open: number;
  readonly held: number;
  readonly completed: number;
  /** Failed for good, or gone to a failure edge. */
  readonly failed: number;
}

/** A run. Instants are milliseconds since 1970 by the backend's clock. */
export interface RunInfo {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  /** Hash of the definition that it was started with. */
  readonly definition: string;
  readonly status: RunStatus;
  /** As it was given to `startRun`. */
  readonly input: unknown;
  /** `undefined` while there is none. The outputs of a run that completes with all of them are not part of its row. */
  readonly output: unknown;
  readonly failure: RunFailureInfo | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly idempotencyKey: string | undefined;
  readonly parent: { readonly runId: string; readonly itemId: string } | undefined;
  readonly createdAt: number;
  /** When the status became what it is. */
  readonly statusAt: number;
  readonly finishedAt: number | undefined;
  /** When the run's own timeout is due, if it has one. */
  readonly timeoutAt: number | undefined;
  /** Number of its last context change. */
  readonly sequence: number;
  /** Accepted commits so far. */
  readonly commits: number;
  readonly items: ItemCounts;
  /** Failed attempts that were tried again. */
  readonly retried: number;
  /** Executions that lost to a conflict and left no trace. */
  readonly conflicts: number;
  /** Terminal outputs so far. */
  readonly outputs: number;
}

/** The public form of a run's record. Throws `BACKEND_CORRUPT` for payloads that cannot be read. */
export function toRunInfo(record: RunRecord): RunInfo {
  const { id, parent } = record;
  return {
    id,
    workflow: record.workflow,
    version: record.version,
    definition: record.definition,
    status: record.status,
    input: decodeValue(record.input, { what: `the input of run ${id}` }),
    output: record.output === undefined ? undefined : decodeValue(record.output, { what: `the output of run ${id}` }),
    failure: toFailureInfo(id, record.failure),
    tags: record.tags,
    priority: record.priority,
    idempotencyKey: record.idempotencyKey,
    parent: parent && { runId: parent.runId, itemId: formatItemId(parent.runId, parent.item) },
    createdAt: record.createdAt,
    statusAt: record.statusAt,
    finishedAt: record.finishedAt,
    timeoutAt: record.timeoutAt,
    sequence: record.sequence,
    commits: record.commits,
    items: {
      total: record.items,
      open: record.open,
      held: record.held,
      completed: record.completed,
      failed: record.failed,
    },
    retried: record.retried,
    conflicts: record.conflicts,
    outputs: record.outputs,
  };
}

/** The public form of a run's failure. */
export function toFailureInfo(runId: string, failure: RunFailure | undefined): RunFailureInfo | undefined {
  if (failure === undefined) return undefined;
  const { item, ...rest } = failure;
  return item === undefined ? rest : { ...rest, itemId: formatItemId(runId, item) };
}
