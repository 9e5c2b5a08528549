/**
 * Looks at everything that a backend shows after each command, without reading everything each time: runs and items are
 * read anew, and what hangs on a run whenever its row or one of its items is another than before. What slips through
 * that is seen by the full dump at the end of a history.
 */

import { isDeepStrictEqual } from "node:util";
import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import type { WorkItem } from "../../../src/backend/contract/work-item.ts";
import { dumpRun, type RunDump } from "../../../src/testing/conformance/dump.ts";
import { allPages } from "../../../src/testing/conformance/stage.ts";

const PAGE = 1_000;

export interface View {
  /** Newest first. */
  readonly runs: readonly RunDump[];
  /** Ids of the runs that were read anew. */
  readonly changed: ReadonlySet<string>;
  /** What does not hang on a run. */
  readonly rest: unknown;
}

export const EMPTY: View = { runs: [], changed: new Set(), rest: undefined };

/** What the backend shows now; `before` is what it showed last. */
export async function look(backend: BackendOperations, before: View): Promise<View> {
  const { read } = backend;
  const known = new Map(before.runs.map((dump) => [dump.run.id, dump]));
  const items = Map.groupBy(await allPages((page) => read.items({}, page), PAGE), ({ runId }) => runId);
  const runs: RunDump[] = [];
  const changed = new Set<string>();
  for (const run of await allPages((page) => read.runs({}, page), PAGE)) {
    const earlier = known.get(run.id);
    const rows: readonly WorkItem[] = items.get(run.id) ?? [];
    if (earlier !== undefined && isDeepStrictEqual([earlier.run, earlier.items], [run, rows])) runs.push(earlier);
    else {
      runs.push(await dumpRun(backend, run.id));
      changed.add(run.id);
    }
  }
  const backlog = (await read.backlog()).map((lane) => JSON.stringify(lane));
  return { runs, changed, rest: { sessions: await read.sessions(), backlog: backlog.sort() } };
}
