/**
 * Copies runs from one backend to another, or moves them. A run that is open is never copied, as both would go on with it: it is
 * moved, paused from before it is read until it is nowhere else. Invariant: a run is removed where it was only in the state in which it
 * arrived, and only after it did. Done again after a crash, it goes on where it was.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { systemIds } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { allPages } from "../stores/all-pages.ts";
import type { Backend } from "../stores/backend.ts";
import { inLanes } from "./lanes.ts";
import { holdRun, releaseRun } from "./run-hold.ts";
import { isIds, RunUnread, runParts, type SelectedRun, selectedRuns } from "./run-source.ts";
import { counted, LANES, saveCheckpoint, sendPart } from "./run-target.ts";
import { type CopyOptions, type TransferResult, TransferTally } from "./transfer-options.ts";

/**
 * Copies runs that have ended, or moves all that are selected. Each run arrives whole or not at all; one that is there
 * already is left as it is. Open runs arrive paused. Throws `INVALID_VALUE`, `CANCELLED`, and what the backends throw; then what
 * has arrived stays, and the same call goes on with the rest.
 */
export async function copyRuns(from: Backend, to: Backend, options: CopyOptions = {}): Promise<TransferResult> {
  const journey = { from: from.operations, to: to.operations, options, tally: new TransferTally(options) };
  if (options.resume === true && options.move !== true) {
    throw new MillraceError("INVALID_VALUE", "only runs that are moved can be resumed where they arrive");
  }
  if (options.move === true) await refuseSelf(journey.from, journey.to);
  await inLanes(selectedRuns(journey.from, options.runs ?? {}), LANES, async (run) => {
    journey.tally.check();
    await transferRun(journey, run);
  });
  if (options.resume === true) await resumeLeftovers(journey);
  if (options.checkpoints === true) await copyCheckpoints(journey);
  return journey.tally.result;
}

/** Two handles may lead to one store under different names; a run that is moved to where it is would be gone. */
async function refuseSelf(from: BackendOperations, to: BackendOperations): Promise<void> {
  const id = `transfer-${systemIds.token()}`;
  await from.checkpoints.save({ id, status: "completed", body: new Uint8Array() });
  try {
    if ((await to.checkpoints.load(id)) === undefined) return;
  } finally {
    await from.checkpoints.delete(id);
  }
  throw new MillraceError("INVALID_VALUE", "runs cannot be moved to where they are: both are the same store");
}

interface Journey {
  readonly from: BackendOperations;
  readonly to: BackendOperations;
  readonly options: CopyOptions;
  readonly tally: TransferTally;
}

async function transferRun(journey: Journey, { id, open, named }: SelectedRun): Promise<void> {
  const { from, options, tally } = journey;
  if (open && options.move !== true) {
    if (named) tally.skip(id, "RUN_OPEN", `run ${id} has not ended; it can only be moved`);
    else tally.add("open");
    return;
  }
  if (options.move === true && !(await holdRun(from, id, options))) {
    await releaseRun(from, id, options);
    tally.skip(id, "RUN_OPEN", `run ${id} is executing still; it stays where it is`);
    return;
  }
  const mark = await sendRun(journey, id);
  if (options.move !== true) return;
  if (mark === undefined) await releaseRun(from, id, options);
  else await removeRun(journey, id, mark);
}

/** The mark of the state that has arrived; `undefined` if none has. */
async function sendRun(journey: Journey, runId: string): Promise<string | undefined> {
  const { from, to, tally } = journey;
  const name = systemIds.token();
  try {
    for await (const { part, mark } of runParts(from, runId)) {
      const outcome = await sendPart(to, name, part);
      if (outcome.kind === "taken" && !part.last) continue;
      return counted(tally, part, outcome) ? mark : undefined;
    }
  } catch (error) {
    if (!(error instanceof RunUnread)) throw error;
    await discard(to, runId);
    tally.skip(runId, "RUN_OPEN", `run ${runId} ${error.message}`);
    return undefined;
  }
  tally.skip(runId, "RUN_NOT_FOUND", `there is no run ${runId}`);
  return undefined;
}

async function removeRun(journey: Journey, runId: string, mark: string): Promise<void> {
  const { from, to, options, tally } = journey;
  const outcome = await from.transfer.remove({ runId, mark, actor: options.actor });
  if (outcome === "changed") {
    // Somebody resumed it in the meantime: it goes on there, so it must not be here.
    const copy = await to.transfer.export(runId);
    if (copy.kind === "part") await to.transfer.remove({ runId, mark: copy.mark, actor: options.actor });
    tally.skip(runId, "RUN_OPEN", `run ${runId} was worked on while it was moved; it stays where it was`);
    return;
  }
  tally.add("removed");
  if (options.resume === true && (await releaseRun(to, runId, options))) tally.add("resumed");
}

/** Runs that a move brought here which was broken off before it could resume them. */
async function resumeLeftovers({ from, to, options, tally }: Journey): Promise<void> {
  const { runs = {} } = options;
  const selection = isIds(runs) ? runs : { ...runs, status: "paused" as const };
  for await (const { id, open } of selectedRuns(to, selection)) {
    tally.check();
    if (!open || (await from.read.runState(id)) !== undefined) continue;
    if (await releaseRun(to, id, options)) tally.add("resumed");
  }
}

/** What has arrived of a run whose rest will not. */
async function discard(to: BackendOperations, runId: string): Promise<void> {
  if ((await to.read.runState(runId)) === undefined) await to.control([{ action: { kind: "delete", runId } }]);
}

async function copyCheckpoints({ from, to, options, tally }: Journey): Promise<void> {
  for await (const { id, status } of allPages((page) => from.checkpoints.list({}, page))) {
    tally.check();
    if (options.move !== true && !isTerminalRun(status)) {
      tally.add("open");
      continue;
    }
    const found = await from.checkpoints.load(id);
    if (found === undefined || !(await saveCheckpoint(to, found.record, found.body, tally))) continue;
    if (options.move !== true) continue;
    // A process that still works on it finds out at its next save, and stops.
    const now = await from.checkpoints.load(id);
    if (now?.record.version === found.record.version) await from.checkpoints.delete(id);
    else tally.skip(id, "CHECKPOINT_CONFLICT", `checkpoint ${id} was saved while it was moved`);
  }
}
