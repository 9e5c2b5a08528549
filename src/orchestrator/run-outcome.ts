/**
 * What a run that has ended gives: its output, decoded, or the error that stands for how it ended. Outputs of a run that
 * completes with all of them are read in pages. It waits for nothing.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunRecord } from "../backend/contract/run.ts";
import { ERRORS, isErrorCode, MillraceError } from "../core/errors.ts";
import { type RunFailureInfo, type RunInfo, toFailureInfo, toRunInfo } from "../stores/run-info.ts";
import { readOutput } from "../stores/run-output.ts";

/**
 * What ended a run, as it was recorded: the `cause` of a `RUN_FAILED`. Its stack is that of the error which the node
 * threw, in the process where it did.
 */
export class StoredFailure extends Error {
  /** A code of the engine, one given to `abort`, or one of a platform's error. */
  readonly code: string;
  readonly node: string | undefined;
  readonly itemId: string | undefined;
  readonly attempt: number | undefined;
  readonly details: unknown;

  constructor({ code, message, stack, details, node, itemId, attempt }: RunFailureInfo) {
    super(message);
    this.name = "StoredFailure";
    this.code = code;
    this.node = node;
    this.itemId = itemId;
    this.attempt = attempt;
    this.details = details;
    this.stack = stack ?? `${code}: ${message}`;
  }
}

/** The output of a completed run. Throws `RUN_FAILED` or `RUN_CANCELLED` for one that ended otherwise. */
export async function outputOf(operations: BackendOperations, run: RunRecord): Promise<unknown> {
  switch (run.status) {
    case "completed":
      return readOutput(operations, run);
    case "failed":
      throw runFailed(run);
    case "cancelled":
      throw runCancelled(run);
    case "running":
    case "waiting":
    case "paused":
    case "compensating":
      throw new MillraceError("RUN_OPEN", `run ${run.id} is ${run.status}`, { runId: run.id });
  }
}

/** The public form of a run; that of a completed one has its output in every completion mode. */
export async function describeRun(operations: BackendOperations, run: RunRecord): Promise<RunInfo> {
  const info = toRunInfo(run);
  return run.status === "completed" && run.output === undefined
    ? { ...info, output: await readOutput(operations, run) }
    : info;
}

function runFailed(run: RunRecord): MillraceError {
  const failure = toFailureInfo(run.id, run.failure) ?? { code: "ERROR", message: "no failure was recorded" };
  const { code, message, node, itemId, attempt } = failure;
  const at = node === undefined ? "" : ` at node "${node}"${attempt === undefined ? "" : ` (attempt ${attempt})`}`;
  const hints = isErrorCode(code) ? [ERRORS[code].hint] : [];
  return new MillraceError(
    "RUN_FAILED",
    `run ${run.id} of ${run.workflow}@${run.version} failed${at}: ${code}: ${message}`,
    {
      runId: run.id,
      ...{ node, itemId, attempt },
      hints: [...hints, ERRORS.RUN_FAILED.hint],
      cause: new StoredFailure(failure),
    },
  );
}

function runCancelled(run: RunRecord): MillraceError {
  const reason = run.failure?.message;
  const why = reason === undefined || reason === "cancelled" ? "" : `: ${reason}`;
  return new MillraceError("RUN_CANCELLED", `run ${run.id} of ${run.workflow}@${run.version} was cancelled${why}`, {
    runId: run.id,
  });
}
