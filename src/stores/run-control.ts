/**
 * Asking the backend to do something to a run, and turning a refusal into an error with a hint. Whether an action is
 * legal is decided by the backend, atomically, by the tables of transitions; nothing here decides it beforehand.
 */

import type { ControlAction, ControlOutcome } from "../backend/contract/control.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunState } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { formatItemId } from "./item-id.ts";

/** What an action led to. */
export interface Controlled {
  readonly run: RunState;
  /** False when the run already was as asked. */
  readonly changed: boolean;
  /** The item that the action was about or made, if any. */
  readonly item: number | undefined;
}

/** Who asks, for the audit trail. */
export interface ControlOptions {
  /** Free text: a person, a program, a ticket. */
  readonly actor?: string | undefined;
}

/** Applies one action. Throws the refusal's code: `RUN_NOT_FOUND`, `RUN_CLOSED`, `ILLEGAL_TRANSITION`, … */
export async function control(
  operations: BackendOperations,
  action: ControlAction,
  options: ControlOptions = {},
): Promise<Controlled> {
  const [outcome] = await operations.control([{ action, actor: options.actor }]);
  if (outcome === undefined) throw new MillraceError("INTERNAL", `the backend gave no answer to ${action.kind}`);
  return settle(outcome, action);
}

/** The error for a run that does not exist, or not any more. */
export function runNotFound(runId: string): MillraceError {
  return new MillraceError("RUN_NOT_FOUND", `there is no run ${runId}`, { runId });
}

/** The state of a run. Throws `RUN_NOT_FOUND`. */
export async function requireRunState(operations: BackendOperations, runId: string): Promise<RunState> {
  const state = await operations.read.runState(runId);
  if (state === undefined) throw runNotFound(runId);
  return state;
}

function settle(outcome: ControlOutcome, action: ControlAction): Controlled {
  switch (outcome.kind) {
    case "done":
      return { run: outcome.run, changed: true, item: outcome.item };
    case "unchanged":
      return { run: outcome.run, changed: false, item: undefined };
    case "refused":
      throw new MillraceError(outcome.code, outcome.message, {
        runId: action.runId,
        ...("item" in action && typeof action.item === "number"
          ? { itemId: formatItemId(action.runId, action.item) }
          : {}),
        hints: hintsOf(outcome, action),
      });
  }
}

/** The code's own hint, and before it what would help in place of the refused action. */
function hintsOf(outcome: ControlOutcome & { readonly kind: "refused" }, action: ControlAction): readonly string[] {
  if (outcome.code === "RUN_OPEN") return ["Cancel the run, or wait until it has ended, and delete it then."];
  if (outcome.code === "RUN_CLOSED") {
    const why = "A run that has ended moves again only when it is resumed or retried.";
    return action.kind === "cancel" || action.kind === "pause" ? ["Nothing of it is running any more."] : [why];
  }
  if (outcome.code !== "ILLEGAL_TRANSITION") return [];
  switch (action.kind) {
    case "resume":
      return [
        "Read what the run failed with: explain(runId) says what a resume needs, such as a new timeout or maxItems.",
      ];
    case "retryItem":
      return [
        "Only items that failed for good, in a run that failed, can be retried; resume(runId) re-opens all of them.",
      ];
    case "setAttempts":
      return ["Wait until the item is pending or waiting for a retry."];
    case "completeWait":
      return ["A wait takes one answer; explain(runId) says what the run waits for now."];
    case "cancel":
    case "pause":
    case "complete":
    case "fail":
    case "enqueue":
    case "merge":
    case "delete":
      return [];
  }
}
