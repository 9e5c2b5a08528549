/**
 * Finds the run that was typed: its id, or the beginning or the end of one, if only one run fits. The ends of ids differ
 * more than their beginnings, which are the time. It never picks between two.
 */

import { type DistributedOrchestrator, MillraceError, type RunInfo } from "../index.ts";

/** Shorter parts would fit by chance. */
const SHORTEST_PART = 6;
const SHOWN = 5;

/** The run. Throws `RUN_NOT_FOUND`, and `USAGE` for a part that fits several. */
export async function findRun(orchestrator: DistributedOrchestrator, typed: string): Promise<RunInfo> {
  const run = await orchestrator.getRun(typed);
  if (run !== undefined) return run;
  const matches = typed.length < SHORTEST_PART ? [] : await runsNamedLike(orchestrator, typed);
  const [only, ...others] = matches;
  if (only === undefined) throw new MillraceError("RUN_NOT_FOUND", `there is no run ${typed}`, { runId: typed });
  if (others.length > 0) {
    const shown = matches.slice(0, SHOWN).map(({ id }) => id);
    const more = matches.length > SHOWN ? ", …" : "";
    throw new MillraceError("USAGE", `${typed} could be any of ${matches.length} runs`, {
      hints: [`Type more of the id: ${shown.join(", ")}${more}`],
    });
  }
  // Rows of lists do not hold the outputs of a run that collects several.
  return (await orchestrator.getRun(only.id)) ?? only;
}

/** The id of the run, as `findRun` finds it. */
export async function findRunId(orchestrator: DistributedOrchestrator, typed: string): Promise<string> {
  return (await findRun(orchestrator, typed)).id;
}

/** A search that ends before its list does has not seen all; then nothing fits for certain. */
async function runsNamedLike(orchestrator: DistributedOrchestrator, part: string): Promise<readonly RunInfo[]> {
  const page = await orchestrator.listRuns({ search: part, limit: 1_000 });
  if (page.cursor !== undefined) return [];
  return page.entries.filter(({ id }) => id.startsWith(part) || id.endsWith(part));
}
