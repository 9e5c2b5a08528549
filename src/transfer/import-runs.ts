/**
 * Reads runs from a file into a backend. Lines are checked as they come; a run appears when all of its lines have been
 * found right, so a file that ends too early leaves whole runs behind and nothing else. Done again, it goes on with the rest.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunPart } from "../backend/contract/transfer.ts";
import { systemIds } from "../core/ports.ts";
import type { Backend } from "../stores/backend.ts";
import { fileLines } from "./file-lines.ts";
import { inLanes } from "./lanes.ts";
import { type FileEntry, readFileEntries } from "./part-reader.ts";
import { counted, LANES, saveCheckpoint, sendPart } from "./run-target.ts";
import { type ImportOptions, type TransferResult, TransferTally } from "./transfer-options.ts";

/**
 * Imports what `exportRuns` wrote; chunks may end anywhere. Throws `INVALID_VALUE` with the number of the line for what
 * it did not write, `BACKEND_TOO_NEW` for a newer form, `CANCELLED`, and what the backend throws.
 */
export async function importRuns(
  to: Backend,
  chunks: AsyncIterable<Uint8Array | string>,
  options: ImportOptions = {},
): Promise<TransferResult> {
  const tally = new TransferTally(options);
  const entries = readFileEntries(fileLines(chunks));
  await inLanes(smallRuns(to.operations, entries, tally), LANES, async (part) => {
    counted(tally, part, await sendPart(to.operations, systemIds.token(), part));
  });
  return tally.result;
}

/** Runs of one part, which may arrive side by side. All else is done here, in its order. */
async function* smallRuns(
  to: BackendOperations,
  entries: AsyncIterable<FileEntry>,
  tally: TransferTally,
): AsyncGenerator<RunPart, void> {
  let large: LargeRun | undefined;
  for await (const entry of entries) {
    if (entry.kind === "checkpoint") await saveCheckpoint(to, entry, entry.body, tally);
    else if (entry.kind === "nothing") {
      if (large !== undefined && !large.ended) await to.control([{ action: { kind: "delete", runId: entry.runId } }]);
      large = undefined;
    } else if (entry.part.number === 0 && entry.part.last) {
      tally.check();
      yield entry.part;
    } else {
      if (entry.part.number === 0) large = { name: systemIds.token(), ended: false };
      if (large !== undefined) await goOn(to, large, entry.part, tally);
    }
  }
}

interface LargeRun {
  readonly name: string;
  /** It is there, or will not be. */
  ended: boolean;
}

async function goOn(to: BackendOperations, run: LargeRun, part: RunPart, tally: TransferTally): Promise<void> {
  if (run.ended) return;
  const outcome = await sendPart(to, run.name, part);
  if (outcome.kind === "taken" && !part.last) return;
  run.ended = true;
  counted(tally, part, outcome);
}
