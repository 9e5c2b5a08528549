/**
 * Runs of a backend on their way out: which ones, and their parts. Of a run that changes while it is read nothing counts;
 * whoever reads it is told before its last part.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunState } from "../backend/contract/run.ts";
import type { RunPart } from "../backend/contract/transfer.ts";
import { isTerminalRun } from "../core/status.ts";
import { type RunConditions, toRunFilter } from "../orchestrator/run-selection.ts";

/** The run cannot be read: it is not as it was when reading it began, or has something that cannot be moved. */
export class RunUnread extends Error {
  override readonly name = "RunUnread";
}

export interface SelectedRun {
  readonly id: string;
  readonly open: boolean;
  /** Named by its id. */
  readonly named: boolean;
}

const CHANGED = "was worked on while it was read";

/** A page holds the payloads of its runs, so it is small. */
const PAGE_ROWS = 50;

/** Runs that there are now, newest first, or those with these ids. */
export async function* selectedRuns(
  { read, now }: Pick<BackendOperations, "read" | "now">,
  selection: RunConditions | readonly string[],
): AsyncGenerator<SelectedRun, void> {
  if (isIds(selection)) {
    for (const id of new Set(selection)) {
      const run = await read.runState(id);
      yield { id, open: run !== undefined && !isTerminalRun(run.status), named: true };
    }
    return;
  }
  const at = await now();
  const filter = toRunFilter(selection);
  const bounded = { ...filter, until: Math.min(filter.until ?? at, at) };
  let cursor: string | undefined;
  do {
    const page = await read.runs(bounded, { limit: PAGE_ROWS, cursor });
    for (const { id, status } of page.entries) yield { id, open: !isTerminalRun(status), named: false };
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** The parts of a run with its mark; none if it is not there. Throws `RunUnread`. */
export async function* runParts(
  { read, transfer }: Pick<BackendOperations, "read" | "transfer">,
  runId: string,
): AsyncGenerator<{ readonly part: RunPart; readonly mark: string }, void> {
  let cursor: string | undefined;
  do {
    const outcome = await transfer.export(runId, cursor);
    if (outcome.kind === "absent") return;
    if (outcome.kind === "changed") throw new RunUnread(CHANGED);
    if (outcome.kind === "parked")
      throw new RunUnread("waits for an answer, a parent or a child, and cannot be moved before it went on");
    const { part, mark } = outcome;
    // A store that is far away is asked for a part piece by piece, so the run may have changed within it.
    if (part.head !== undefined && part.last && !isUnchanged(part.head.state, await read.runState(runId))) {
      throw new RunUnread(CHANGED);
    }
    yield { part, mark };
    cursor = outcome.cursor;
  } while (cursor !== undefined);
}

function isUnchanged(before: RunState, now: RunState | undefined): boolean {
  return (
    now !== undefined &&
    before.commits === now.commits &&
    before.generation === now.generation &&
    before.sequence === now.sequence &&
    before.items === now.items &&
    before.statusAt === now.statusAt
  );
}

/** Whether runs are named, not selected. */
export function isIds(selection: RunConditions | readonly string[]): selection is readonly string[] {
  return Array.isArray(selection);
}
