/**
 * Holding a run for a move: it is paused, and what executes may end, so that nobody works on it when it is read. The pause
 * stands in the run's audit trail, which travels along; that is how it is known, also after a crash, which runs were paused by
 * a move and not by a person.
 */

import type { ControlAction } from "../backend/contract/control.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { toMilliseconds } from "../core/duration.ts";
import { systemClock } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { allPages } from "../stores/all-pages.ts";
import type { ExportOptions } from "./transfer-options.ts";

const MARK = " (move)";
const WAIT_MS = 60_000;
const LOOK_MS = 100;

/** Pauses the run if it is open, and waits until nothing of it executes. False when that takes too long. */
export async function holdRun(
  operations: BackendOperations,
  runId: string,
  { wait, actor, signal }: ExportOptions,
): Promise<boolean> {
  const run = await operations.read.runState(runId);
  if (run === undefined || isTerminalRun(run.status)) return true;
  if (run.status !== "paused") await act(operations, { kind: "pause", runId }, actor);
  const until = systemClock.monotonic() + (wait === undefined ? WAIT_MS : toMilliseconds(wait, "wait"));
  while (await isExecuting(operations, runId)) {
    if (systemClock.monotonic() >= until) return false;
    await systemClock.sleep(LOOK_MS, signal);
  }
  return true;
}

/** Lets a run go on that was paused by a move, if nothing else was done to it since. True if it goes on now. */
export async function releaseRun(
  operations: BackendOperations,
  runId: string,
  { actor }: Pick<ExportOptions, "actor">,
): Promise<boolean> {
  const run = await operations.read.runState(runId);
  if (run?.status !== "paused" || !(await wasHeld(operations, runId))) return false;
  return await act(operations, { kind: "resume", runId }, actor);
}

async function wasHeld({ read }: BackendOperations, runId: string): Promise<boolean> {
  let last: { readonly action: string; readonly actor: string | undefined } | undefined;
  for await (const entry of allPages((page) => read.audit(runId, page))) last = entry;
  return last?.action === "pause" && last.actor?.endsWith(MARK) === true;
}

/** Whether a living worker has an item of the run. What a worker had that vanished is nobody's. */
async function isExecuting({ read, now }: BackendOperations, runId: string): Promise<boolean> {
  for await (const { session } of allPages((page) => read.items({ runId, status: ["in_progress"] }, page))) {
    const holder = session === undefined ? undefined : await read.session(session);
    if (holder !== undefined && holder.stoppedAt === undefined && holder.until > (await now())) return true;
  }
  return false;
}

async function act(operations: BackendOperations, action: ControlAction, actor = "somebody"): Promise<boolean> {
  const [outcome] = await operations.control([{ action, actor: `${actor}${MARK}` }]);
  return outcome?.kind === "done";
}
