/**
 * The run store: insert, look up and move runs, one small step at a time, under the guards of the engine. A status
 * changes by the action that stands for it (pause, resume, cancel, fail), never by writing a word into a row; what no
 * action stands for is refused with `ILLEGAL_TRANSITION` and the way to get there.
 */

import { Buffer } from "node:buffer";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Page, PageRequest, RunFilter, RunRecord, StartOutcome, StartRun } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import type { Ids } from "../core/ports.ts";
import { checkRunTransition, isTerminalRun, type RunStatus } from "../core/status.ts";
import { encodeValue } from "../core/values.ts";
import type { PublishedDefinitions } from "./published-definitions.ts";
import { type ControlOptions, control, requireRunState, runNotFound } from "./run-control.ts";
import { type RunInfo, toRunInfo } from "./run-info.ts";
import { buildStart, type RunOptions } from "./run-start.ts";
import { mapPage } from "./work-item-info.ts";

/** A run to be inserted. */
export interface NewRun extends RunOptions {
  /** Name of a workflow that has been published. */
  readonly workflow: string;
  /** Its newest version if absent. */
  readonly version?: string | undefined;
  readonly input: unknown;
}

/** What may go with a change of status. */
export interface StatusChange extends ControlOptions {
  /** Why: the message of a failure or a cancellation. */
  readonly reason?: string | undefined;
  /** Needed to become `completed`. */
  readonly output?: unknown;
}

/** Rows of runs. */
export interface RunInfoStore {
  /**
   * Starts a run with its first item; the same as `startRun`, but for the input, which only the worker checks. Throws
   * `UNKNOWN_WORKFLOW`, `RUN_EXISTS`, `IDEMPOTENCY_CONFLICT`, `INVALID_VALUE`, `INVALID_INPUT`.
   */
  insertRun(run: NewRun): Promise<RunInfo>;
  /**
   * Makes a run `paused`, `running` (of a paused one), `cancelled`, `failed` or `completed` (with `output`). The status
   * that it has changes nothing. Throws `RUN_NOT_FOUND`, and `ILLEGAL_TRANSITION` for every other move.
   */
  updateStatus(runId: string, status: RunStatus, change?: StatusChange): Promise<void>;
  /** Accepts the instant that the backend set when the run ended. Throws `ILLEGAL_TRANSITION` for another, and while it is open. */
  updateFinishedAt(runId: string, finishedAt: number): Promise<void>;
  /** Ends an open run with this output; the output that it has changes nothing. Throws `ILLEGAL_TRANSITION` for another. */
  updateOutput(runId: string, output: unknown, options?: ControlOptions): Promise<void>;
  /** `undefined` for an unknown run. */
  getRun(runId: string): Promise<RunInfo | undefined>;
  /** Newest first. */
  listRuns(filter?: RunFilter, page?: PageRequest): Promise<Page<RunInfo>>;
}

/** The view on the runs of a backend. */
export function runInfoStore(operations: BackendOperations, published: PublishedDefinitions, ids: Ids): RunInfoStore {
  return {
    async insertRun({ workflow, version, input, ...options }) {
      const definition = await published.newest(workflow, version);
      const id = options.id ?? ids.runId(await operations.now());
      const start = buildStart({ id, published: definition, input, options });
      const [outcome] = await operations.startRuns([start]);
      return toRunInfo(settleStart(outcome, start));
    },
    updateStatus: (runId, status, change = {}) => updateStatus(operations, runId, status, change),
    async updateFinishedAt(runId, finishedAt) {
      const run = await requireRunState(operations, runId);
      if (run.finishedAt === finishedAt) return;
      const is = run.finishedAt === undefined ? "has not ended" : `ended at ${run.finishedAt}`;
      throw new MillraceError(
        "ILLEGAL_TRANSITION",
        `run ${runId} ${is}; the backend sets the instant when a run ends`,
        {
          runId,
          hints: ["End the run by updateStatus or updateOutput; its end is recorded in the same step."],
        },
      );
    },
    async updateOutput(runId, output, options) {
      const bytes = encodeValue(output, { what: `the output of run ${runId}`, code: "INVALID_OUTPUT" });
      const run = await operations.read.run(runId);
      if (run === undefined) throw runNotFound(runId);
      if (run.output !== undefined && Buffer.compare(run.output, bytes) === 0) return;
      if (isTerminalRun(run.status)) checkRunTransition(runId, run.status, "completed");
      if (run.status === "completed") throw hasOutput(runId);
      await control(operations, { kind: "complete", runId, output: bytes }, options);
    },
    async getRun(runId) {
      const record = await operations.read.run(runId);
      return record && toRunInfo(record);
    },
    async listRuns(filter = {}, page = {}) {
      return mapPage(await operations.read.runs(filter, page), toRunInfo);
    },
  };
}

/** The run that a start led to. Throws `RUN_EXISTS`, `IDEMPOTENCY_CONFLICT` or `UNKNOWN_WORKFLOW`. */
export function settleStart(outcome: StartOutcome | undefined, start: StartRun): RunRecord {
  switch (outcome?.kind) {
    case "started":
    case "existing":
      return outcome.run;
    case "conflict":
      throw startConflict(outcome, start);
    case "unknownDefinition":
      throw new MillraceError("UNKNOWN_WORKFLOW", `${start.workflow}@${start.version} has not been published`);
    case undefined:
      throw new MillraceError("INTERNAL", "the backend gave no answer to a start");
  }
}

/** A key that is taken with the same input was only refused because the caller wanted no other run. */
function startConflict({ run, by }: StartOutcome & { readonly kind: "conflict" }, start: StartRun): MillraceError {
  const what = by === "id" ? `the id ${run.id}` : `the idempotency key ${JSON.stringify(run.idempotencyKey)}`;
  const same = run.workflow === start.workflow && run.inputDigest === start.inputDigest;
  const input = same ? "with the same input" : "with another input";
  const message = `${what} is taken, ${input}, by run ${run.id} of ${run.workflow}@${run.version}, which is ${run.status}`;
  return new MillraceError(same || by === "id" ? "RUN_EXISTS" : "IDEMPOTENCY_CONFLICT", message, { runId: run.id });
}

async function updateStatus(
  operations: BackendOperations,
  runId: string,
  status: RunStatus,
  change: StatusChange,
): Promise<void> {
  const run = await requireRunState(operations, runId);
  if (run.status === status) return;
  checkRunTransition(runId, run.status, status);
  const { reason, actor } = change;
  switch (status) {
    case "paused":
      await control(operations, { kind: "pause", runId }, { actor });
      return;
    case "running":
      if (run.status !== "paused") throw bySelf(runId, run.status, status);
      await control(operations, { kind: "resume", runId }, { actor });
      return;
    case "cancelled":
      await control(operations, { kind: "cancel", runId, reason }, { actor });
      return;
    case "failed": {
      const failure = { code: "ERROR", message: reason ?? "set to failed from outside" };
      await control(operations, { kind: "fail", runId, failure }, { actor });
      return;
    }
    case "completed": {
      if (!("output" in change)) throw needsOutput(runId, run.status);
      const output = encodeValue(change.output, { what: `the output of run ${runId}`, code: "INVALID_OUTPUT" });
      await control(operations, { kind: "complete", runId, output }, { actor });
      return;
    }
    case "waiting":
    case "compensating":
      throw bySelf(runId, run.status, status);
  }
}

function needsOutput(runId: string, from: RunStatus): MillraceError {
  return new MillraceError("ILLEGAL_TRANSITION", `run ${runId} is ${from} and cannot complete without an output`, {
    runId,
    hints: ['Give it: updateStatus(runId, "completed", { output }), or updateOutput(runId, output).'],
  });
}

function bySelf(runId: string, from: RunStatus, to: RunStatus): MillraceError {
  return new MillraceError("ILLEGAL_TRANSITION", `run ${runId} is ${from}; it becomes ${to} by itself or not at all`, {
    runId,
    hints: ["The engine sets this status from what the run's items do."],
  });
}

function hasOutput(runId: string): MillraceError {
  return new MillraceError("ILLEGAL_TRANSITION", `run ${runId} has completed with another output`, { runId });
}
