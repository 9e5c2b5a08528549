/**
 * What a case of the suite is: one thing that the contract says, with its sentence. A case knows no framework; it passes
 * by returning, and it closes what it opened.
 */

import type { ConformanceHarness } from "./harness.ts";
import { openStage, type Stage } from "./stage.ts";

/**
 * What a case needs and not every backend has. `secondHandle`: `reopen`; `attachedSessions`: sessions that are renewed in the
 * process; `peek`: looking for work without claiming it.
 */
export type ConformanceNeed = "secondHandle" | "attachedSessions" | "peek";

/** One thing that the contract says. */
export interface ConformanceCase {
  /** What the case is about: runs, claims, joins, … */
  readonly noun: string;
  /** The behaviour as a sentence; unique in the suite. */
  readonly name: string;
  readonly needs: ConformanceNeed | undefined;
  /** Resolves when the backend behaves so; rejects with a `ConformanceFailure` when it does not. Closes what it opened. */
  run(harness: ConformanceHarness): Promise<void>;
}

export type CaseBody = (stage: Stage) => Promise<void>;

/** Cases from their sentences. */
export function cases(
  noun: string,
  bodies: Readonly<Record<string, CaseBody>>,
  needs?: ConformanceNeed,
): readonly ConformanceCase[] {
  return Object.entries(bodies).map(([name, body]) => ({
    noun,
    name,
    needs,
    run: async (harness) => {
      const stage = await openStage(harness);
      try {
        await body(stage);
      } finally {
        await stage.close();
      }
    },
  }));
}
