/**
 * Which ready items a claim leaves to somebody else for a moment. A worker that holds a run's context executes its next item
 * cheaper, and settles conflicts of its items locally. A preference, never a right: it ends after a moment, and at once
 * when the claim would otherwise go without.
 */

import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";

/** How long after it became ready an item is left to the session that committed last in its run. */
const RESERVED_MS = 1_000;

/** `isAlive`: whether a session's leases still hold. */
export function isReservedForOther(
  item: Pick<WorkItem, "readyAt" | "status">,
  run: Pick<RunState, "affinity">,
  session: string,
  isAlive: (session: string) => boolean,
  now: number,
): boolean {
  const { affinity } = run;
  if (affinity === undefined || affinity === session || item.status === "in_progress") return false;
  return now - item.readyAt < RESERVED_MS && isAlive(affinity);
}
