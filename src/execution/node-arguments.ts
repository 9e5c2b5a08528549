/**
 * What the body of a node is handed, put together from the claimed item, its parsed input and what the worker offers.
 * The rare parts are made when they are first asked for. It holds no state of its own.
 */

import type { WorkItem } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import { decodeValue } from "../core/values.ts";
import type { AttemptArgs } from "../definition/attempt.ts";
import type { Failure } from "../definition/failure.ts";
import type { AttemptRecords } from "./attempt-records.ts";
import type { StepMemos } from "./step-memos.ts";

/** What one execution gives its body. */
export interface ExecutionArguments {
  readonly given: { readonly input: unknown } | { readonly inputs: unknown };
  /** In the second phase of a wait. */
  readonly received?: unknown;
  readonly error: Failure | undefined;
  readonly context: unknown;
  /** Throws `CLOSED` once the execution is over. */
  checkOpen(): void;
}

/** What the attempt offers to the bodies of its executions. */
export interface AttemptServices {
  readonly records: AttemptRecords;
  readonly memos: StepMemos;
  signal(): AbortSignal;
  heartbeat(details: unknown): void;
}

export function nodeArguments(
  item: WorkItem,
  { given, error, context, checkOpen, ...answer }: ExecutionArguments,
  attempt: AttemptServices,
): AttemptArgs {
  return {
    ...given,
    ...answer,
    context,
    error,
    runId: item.runId,
    itemId: itemIdOf(item),
    attempt: item.attempts + 1,
    idempotencyKey: idempotencyKeyOf(item),
    get signal() {
      return attempt.signal();
    },
    get logger() {
      return attempt.records.logger;
    },
    heartbeat: (details) => attempt.heartbeat(details),
    step: (name, fn, options) => attempt.memos.run(name, fn, checkOpen, options),
    metric: (name, value) => {
      checkOpen();
      attempt.records.measure(name, value);
    },
  };
}

/** The public id of a work item. */
export function itemIdOf({ runId, item }: Pick<WorkItem, "runId" | "item">): string {
  return `${runId}.${item}`;
}

/** The same on every attempt; another one once an operator has retried the item with edited input. */
function idempotencyKeyOf(item: Pick<WorkItem, "runId" | "item" | "revision">): string {
  return item.revision === 0 ? itemIdOf(item) : `${itemIdOf(item)}.r${item.revision}`;
}

/** The failure that was handed over on a failure edge. Throws `BACKEND_CORRUPT`. */
export function failureOf(bytes: Uint8Array | undefined): Failure | undefined {
  if (bytes === undefined) return undefined;
  const failure = decodeValue(bytes, { what: "the failure that was handed over" });
  if (isFailure(failure)) return failure;
  throw new MillraceError("BACKEND_CORRUPT", "the failure that was handed over is not one");
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  if (!("code" in value && "message" in value && "node" in value && "attempt" in value)) return false;
  return typeof value.code === "string" && typeof value.message === "string" && typeof value.node === "string";
}
