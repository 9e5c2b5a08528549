/**
 * Writes runs to a file, line by line. Of a move, what was written is removed only when whoever keeps the lines says that
 * they are safe. A run that changed while it was written is declared void in the file.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { isTerminalRun } from "../core/status.ts";
import { allPages } from "../stores/all-pages.ts";
import type { Backend } from "../stores/backend.ts";
import { LineWriter } from "./part-lines.ts";
import { holdRun, releaseRun } from "./run-hold.ts";
import { RunUnread, runParts, type SelectedRun, selectedRuns } from "./run-source.ts";
import { type ExportOptions, type TransferResult, TransferTally } from "./transfer-options.ts";

/** Runs on their way into a file. */
export interface RunExport {
  /** Lines without their ends, to be read once, to the last. */
  readonly lines: AsyncIterable<string>;
  /** To be called when all lines are kept safely: of a move, removes the runs now. Tells what became of them. */
  stored(): Promise<TransferResult>;
  /** To be called when the lines are not kept after all: runs that were paused go on. */
  abandoned(): Promise<void>;
}

/** Exports runs that have ended, or all that are selected if they are to be moved. The lines throw as `copyRuns` does. */
export function exportRuns(from: Backend, options: ExportOptions = {}): RunExport {
  const { operations } = from;
  const tally = new TransferTally(options);
  const journey: Journey = { from: operations, options, tally, writer: new LineWriter(), held: new Map() };
  return {
    lines: allLines(journey),
    async stored() {
      for (const [runId, mark] of journey.held) {
        const outcome = await operations.transfer.remove({ runId, mark, actor: options.actor });
        if (outcome === "removed") tally.add("removed");
        else if (outcome === "changed")
          tally.skip(
            runId,
            "RUN_OPEN",
            `run ${runId} was worked on since it was written; it stays, and so does its copy`,
          );
        journey.held.delete(runId);
      }
      return tally.result;
    },
    async abandoned() {
      for (const runId of journey.held.keys()) await releaseRun(operations, runId, options);
      journey.held.clear();
    },
  };
}

interface Journey {
  readonly from: BackendOperations;
  readonly options: ExportOptions;
  readonly tally: TransferTally;
  readonly writer: LineWriter;
  /** Of a move: marks of the states that were written. */
  readonly held: Map<string, string>;
}

async function* allLines(journey: Journey): AsyncGenerator<string, void> {
  const { from, options, tally, writer } = journey;
  yield writer.header(await from.now());
  for await (const run of selectedRuns(from, options.runs ?? {})) {
    tally.check();
    yield* runLines(journey, run);
  }
  if (options.checkpoints === true) yield* checkpointLines(journey);
  const { runs, checkpoints } = tally.result;
  yield writer.footer(runs, checkpoints);
}

async function* runLines(journey: Journey, { id, open, named }: SelectedRun): AsyncGenerator<string, void> {
  const { from, options, tally, writer, held } = journey;
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
  let begun = false;
  try {
    for await (const { part, mark } of runParts(from, id)) {
      begun = true;
      yield* writer.part(part);
      if (!part.last) continue;
      if (part.head?.state.status === "paused") tally.add("paused");
      tally.add("runs");
      if (options.move === true) held.set(id, mark);
      return;
    }
  } catch (error) {
    if (!(error instanceof RunUnread)) throw error;
    if (begun) yield writer.nothing();
    tally.skip(id, "RUN_OPEN", `run ${id} ${error.message}`);
    return;
  }
  tally.skip(id, "RUN_NOT_FOUND", `there is no run ${id}`);
}

/** They are copied and stay where they are: nobody can tell here when the lines are safe and the process that saves them has ended. */
async function* checkpointLines({ from, tally, writer }: Journey): AsyncGenerator<string, void> {
  for await (const { id, status } of allPages((page) => from.checkpoints.list({}, page))) {
    tally.check();
    const found = isTerminalRun(status) ? await from.checkpoints.load(id) : undefined;
    if (found === undefined) {
      tally.add("open");
      continue;
    }
    yield* writer.checkpoint(id, found.record.status, found.body);
    tally.add("checkpoints");
  }
}
