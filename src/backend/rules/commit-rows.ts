/** What a backend reads, inside the atomic step, for the commit protocol to decide by. */

import type { RunState } from "../contract/run.ts";
import type { BranchGroup, WorkItem } from "../contract/work-item.ts";

/** The rows that decide, read inside the same atomic step. */
export interface CommitRows {
  readonly run: RunState | undefined;
  readonly item: WorkItem | undefined;
  readonly session: string;
  /** Shown in failure records. */
  readonly workerId: string;
  group(group: number): BranchGroup | undefined;
  /** Nodes with held items, for the message of a stuck run; asked only then. */
  heldNodes(): readonly string[];
}
