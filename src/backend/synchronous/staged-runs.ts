/**
 * Runs that are being imported, part by part. Until its last part such a run has a negative generation, which no other run
 * has: its own, with every bit turned round. It is paused or ended from the start, so that nothing of it is claimed; nobody is shown
 * it; and nobody may act on it, but to delete what an import left behind. Its id and its idempotency key are taken.
 */

import type { ControlAction } from "../contract/control.ts";
import type { RunState } from "../contract/run.ts";

/** Whether parts of the run are missing still. */
export function isStaged({ generation }: Pick<RunState, "generation">): boolean {
  return generation < 0;
}

/** The run, if it is there for others. */
export function visible<T extends Pick<RunState, "generation">>(run: T | undefined): T | undefined {
  return run === undefined || isStaged(run) ? undefined : run;
}

/** The run as an action on it finds it. */
export function actedOn(run: RunState | undefined, action: ControlAction): RunState | undefined {
  if (run === undefined || !isStaged(run)) return run;
  return action.kind === "delete" ? { ...run, status: "cancelled" } : undefined;
}

/**
 * The row of a run while it is imported: as it will be, but for what would let it be found or removed by its end. It
 * counts the parts that it has where commits are counted, and says whose they are where others name a session.
 */
export function staged(state: RunState, importer: string, parts: number): RunState {
  return { ...state, generation: ~state.generation, commits: parts, finishedAt: undefined, affinity: importer };
}
