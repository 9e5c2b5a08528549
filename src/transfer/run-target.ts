/** A backend that runs and checkpoints arrive at: each import has a name of its own, and its outcome is counted. */

import { Buffer } from "node:buffer";
import type { CheckpointRecord } from "../backend/contract/checkpoints.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { ImportOutcome, RunPart } from "../backend/contract/transfer.ts";
import type { TransferTally } from "./transfer-options.ts";

/** Runs that are on their way at the same time: a store may write several at once. */
export const LANES = 8;

/** Counts what became of the run of the part. True if it is there now. */
export function counted(tally: TransferTally, { runId, head }: RunPart, outcome: ImportOutcome): boolean {
  switch (outcome.kind) {
    case "imported":
      if (head?.state.status === "paused") tally.add("paused");
      tally.add("runs");
      return true;
    case "existing":
      tally.add("existing");
      return true;
    case "conflict":
      if (outcome.by === "id") tally.skip(runId, "RUN_EXISTS", `another state of run ${runId} is there already`);
      else tally.skip(runId, "IDEMPOTENCY_CONFLICT", `its idempotency key stands for run ${outcome.runId} there`);
      return false;
    case "taken":
    case "superseded":
      tally.skip(runId, "ILLEGAL_TRANSITION", `another import of run ${runId} is at work`);
      return false;
  }
}

/** Sends one part; what an answer that was lost did is told again. */
export function sendPart({ transfer }: BackendOperations, name: string, part: RunPart): Promise<ImportOutcome> {
  return transfer.import({ import: name, part });
}

/** Saves a checkpoint that is not there. False, and counted, if another one is there under its id. */
export async function saveCheckpoint(
  { checkpoints }: BackendOperations,
  { id, status }: Pick<CheckpointRecord, "id" | "status">,
  body: Uint8Array,
  tally: TransferTally,
): Promise<boolean> {
  const outcome = await checkpoints.save({ id, status, body, expectedVersion: 0 });
  const there = outcome.kind === "saved" ? undefined : await checkpoints.load(id);
  if (there !== undefined && (there.record.status !== status || !Buffer.from(there.body).equals(body))) {
    tally.skip(id, "CHECKPOINT_CONFLICT", `another checkpoint ${id} is there already`);
    return false;
  }
  tally.add("checkpoints");
  return true;
}
