/**
 * What an operator may do to a run. Each action is one atomic step of the store, guarded by the tables of transitions
 * and kept in the audit trail; here options are checked and turned into it. An action that finds the run as asked
 * changes nothing and says so.
 */

import type { ControlAction } from "../backend/contract/control.ts";
import type { RunState } from "../backend/contract/run.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import type { RunStatus } from "../core/status.ts";
import { encodeValue } from "../core/values.ts";
import { nodeOf } from "../definition/definition.ts";
import { parseWith } from "../definition/schema.ts";
import { formatItemId, parseItemId } from "../stores/item-id.ts";
import { type Controlled, type ControlOptions, control, requireRunState } from "../stores/run-control.ts";
import { requireItem } from "../stores/work-items.ts";
import type { Orchestration } from "./orchestration.ts";

/** What an action led to. */
export interface ControlResult {
  readonly runId: string;
  readonly status: RunStatus;
  /** False when the run already was as asked. */
  readonly changed: boolean;
}

/** How to cancel. */
export interface CancelOptions extends ControlOptions {
  /** Kept as the run's failure message. */
  readonly reason?: string | undefined;
}

/** How to resume. */
export interface ResumeOptions extends ControlOptions {
  /** A new timeout of the run, from now; needed after one that has passed. */
  readonly timeout?: Duration | undefined;
  /** A new limit on its items; needed after `TOO_MANY_ITEMS`. */
  readonly maxItems?: number | undefined;
}

/** What to retry. */
export interface RetryOptions extends ResumeOptions {
  /** Only this item, by its id. All that failed for good or was open if absent. */
  readonly item?: string | undefined;
  /** Another input for the item; it then gets a new idempotency key. Not for joins, whose inputs have arrived. */
  readonly input?: unknown;
}

/** Throws `RUN_NOT_FOUND`, and `RUN_CLOSED` for a run that has ended otherwise. */
export async function cancelRun(
  orchestration: Orchestration,
  runId: string,
  options: CancelOptions = {},
): Promise<ControlResult> {
  const { reason, actor } = options;
  return resultOf(await control(orchestration.operations, { kind: "cancel", runId, reason }, { actor }));
}

/** Throws `RUN_NOT_FOUND`, and `RUN_CLOSED` for a run that has ended. */
export async function pauseRun(
  orchestration: Orchestration,
  runId: string,
  options: ControlOptions = {},
): Promise<ControlResult> {
  return resultOf(await control(orchestration.operations, { kind: "pause", runId }, options));
}

/** Throws `RUN_NOT_FOUND`, `RUN_CLOSED` for a completed run, and `ILLEGAL_TRANSITION` where it needs a new limit. */
export async function resumeRun(
  orchestration: Orchestration,
  runId: string,
  options: ResumeOptions = {},
): Promise<ControlResult> {
  const { actor } = options;
  return resultOf(await control(orchestration.operations, resumeAction(options)(runId), { actor }));
}

/** Going on with a run, as an action. Throws `INVALID_VALUE` for limits that are none. */
export function resumeAction({ timeout, maxItems }: ResumeOptions): (runId: string) => ControlAction {
  const timeoutMs = timeout === undefined ? undefined : toMilliseconds(timeout, "the timeout of a run");
  if (maxItems !== undefined && !(Number.isSafeInteger(maxItems) && maxItems > 0)) {
    throw new MillraceError("INVALID_VALUE", `maxItems must be a whole number of at least 1, not ${String(maxItems)}`);
  }
  return (runId) => ({ kind: "resume", runId, timeoutMs, maxItems });
}

/** As `resumeRun` for a run that failed or was cancelled, or of one item; throws `ILLEGAL_TRANSITION` for all others. */
export async function retryRun(
  orchestration: Orchestration,
  runId: string,
  options: RetryOptions = {},
): Promise<ControlResult> {
  if (options.item !== undefined) return retryItem(orchestration, runId, options.item, options);
  if ("input" in options) {
    throw new MillraceError("INVALID_VALUE", "edited input is for one item: name it as `item`", { runId });
  }
  const refusal = retryRefusal(await requireRunState(orchestration.operations, runId));
  if (refusal !== undefined) throw refusal;
  return resumeRun(orchestration, runId, options);
}

/** Why a run cannot be retried, if it cannot: only what failed or was cancelled can. */
export function retryRefusal({ id, status }: Pick<RunState, "id" | "status">): MillraceError | undefined {
  if (status === "failed" || status === "cancelled") return undefined;
  return new MillraceError(
    "ILLEGAL_TRANSITION",
    `run ${id} is ${status}; only failed and cancelled runs can be retried`,
    {
      runId: id,
      hints: [
        status === "paused" ? "Resume it." : "Failed attempts of an open run are tried again by its retry policy.",
      ],
    },
  );
}

/** Ends an open run with this output, whatever is still open. Throws `RUN_NOT_FOUND`, `RUN_CLOSED`, `INVALID_OUTPUT`. */
export async function completeRun(
  orchestration: Orchestration,
  runId: string,
  output: unknown,
  options: ControlOptions = {},
): Promise<ControlResult> {
  const bytes = encodeValue(output, { what: `the output of run ${runId}`, code: "INVALID_OUTPUT" });
  return resultOf(await control(orchestration.operations, { kind: "complete", runId, output: bytes }, options));
}

async function retryItem(
  orchestration: Orchestration,
  runId: string,
  itemId: string,
  options: RetryOptions,
): Promise<ControlResult> {
  if (options.timeout !== undefined || options.maxItems !== undefined) {
    throw new MillraceError("INVALID_VALUE", "new limits are for the whole run: leave `item` out", { runId, itemId });
  }
  const address = parseItemId(itemId);
  if (address.runId !== runId) {
    throw new MillraceError("INVALID_VALUE", `item ${itemId} is not of run ${runId}`, { runId, itemId });
  }
  const input = "input" in options ? await editedInput(orchestration, itemId, options.input) : undefined;
  const { actor } = options;
  const action = { kind: "retryItem", runId, item: address.item, input } as const;
  return resultOf(await control(orchestration.operations, action, { actor }));
}

/** Checked by the node's schema where the code is at hand; stored as it was given. */
async function editedInput(orchestration: Orchestration, itemId: string, input: unknown): Promise<Uint8Array> {
  const { operations, workflows, published } = orchestration;
  const { runId, item, node } = await requireItem(operations, itemId);
  const where = { runId, itemId: formatItemId(runId, item), node };
  const { definition: hash } = await requireRunState(operations, runId);
  const { definition } = await published.get(hash);
  if (nodeOf(definition, node)?.kind !== "node") {
    throw new MillraceError(
      "INVALID_VALUE",
      `item ${itemId} is a join: its inputs have arrived and cannot be edited`,
      where,
    );
  }
  const runtime = workflows.byHash(hash)?.["~runtime"].nodes.get(node);
  const parsed = runtime?.kind === "node" ? await parseWith(runtime.input, input) : undefined;
  if (parsed?.ok === false) {
    throw new MillraceError("INVALID_INPUT", `the input does not fit node "${node}": ${parsed.issues.join("; ")}`, {
      ...where,
      details: { issues: parsed.issues },
    });
  }
  return encodeValue(input, { what: `the input of item ${itemId}`, code: "INVALID_INPUT" });
}

function resultOf({ run, changed }: Controlled): ControlResult {
  return { runId: run.id, status: run.status, changed };
}
