/**
 * Waiting for a run to end. Subscribes first and reads then, and reads again at the latest after a second, so that a
 * completion is never missed, whether its wake-up arrives or not. A store that is away for a while is waited for; the
 * waiting itself changes nothing.
 */

import type { RunState } from "../backend/contract/run.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { isTerminalRun } from "../core/status.ts";
import { runNotFound } from "../stores/run-control.ts";
import type { Orchestration } from "./orchestration.ts";
import { listenForRun, POLL_MS, type RunHints } from "./run-hints.ts";

/** How long to wait. Without either, as long as it takes. */
export interface AwaitOptions {
  /** Gives up with `CANCELLED`. The run goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up with `TIMEOUT`. The run goes on. */
  readonly timeout?: Duration | undefined;
}

/** Looks in a row that may fail because the store is away before the wait fails too. */
const FAILED_LOOKS = 60;

/** The state of the run once it has ended. Throws `RUN_NOT_FOUND`, `TIMEOUT`, `CANCELLED`, `BACKEND_UNAVAILABLE`. */
export async function awaitEnd(
  orchestration: Orchestration,
  runId: string,
  options: AwaitOptions = {},
): Promise<RunState> {
  const { operations, clock } = orchestration;
  const timeoutMs = options.timeout === undefined ? undefined : toMilliseconds(options.timeout, "the timeout");
  const endsAt = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + timeoutMs;
  const hints = listenForRun(operations, clock, runId);
  try {
    return await waitFor(orchestration, hints, runId, options.signal, endsAt);
  } finally {
    hints.close();
  }
}

/** Throws `CANCELLED` if the signal was aborted. */
export function checkSignal(signal: AbortSignal | undefined, runId: string): void {
  if (signal?.aborted !== true) return;
  throw new MillraceError("CANCELLED", `waiting for run ${runId} was cancelled by its caller; the run goes on`, {
    runId,
    cause: signal.reason,
  });
}

async function waitFor(
  { operations, clock, logger }: Orchestration,
  hints: RunHints,
  runId: string,
  signal: AbortSignal | undefined,
  endsAt: number,
): Promise<RunState> {
  let failedLooks = 0;
  for (;;) {
    checkSignal(signal, runId);
    const state = await look(() => operations.read.runState(runId));
    if (state.kind === "unavailable") {
      failedLooks += 1;
      if (failedLooks === 1) logger.warn("the store is away; still waiting for a run", { runId });
      if (failedLooks >= FAILED_LOOKS) throw state.error;
    } else {
      failedLooks = 0;
      if (state.value === undefined) throw runNotFound(runId);
      if (isTerminalRun(state.value.status)) return state.value;
    }
    const leftMs = endsAt - clock.monotonic();
    if (leftMs <= 0) throw timedOut(runId, state.kind === "read" ? state.value?.status : undefined);
    await hints.next(Math.min(POLL_MS, leftMs), signal);
  }
}

type Look<T> = { readonly kind: "read"; readonly value: T } | { readonly kind: "unavailable"; readonly error: unknown };

async function look<T>(read: () => Promise<T>): Promise<Look<T>> {
  try {
    return { kind: "read", value: await read() };
  } catch (error) {
    if (isMillraceError(error, "BACKEND_UNAVAILABLE")) return { kind: "unavailable", error };
    throw error;
  }
}

function timedOut(runId: string, status: string | undefined): MillraceError {
  const is = status === undefined ? "" : `; it is ${status}`;
  return new MillraceError("TIMEOUT", `run ${runId} has not ended in time${is} and goes on`, {
    runId,
    hints: ["Wait for longer, or ask explain(runId) what it waits for."],
  });
}
