/**
 * What a step may ask a server for. A step is a function of rows that are there; one that is missing ends it with a want,
 * the rows are loaded, and it is run again from its start. Wants are plain data, so that a server can answer many in one
 * round trip and take locks in an order of its own.
 */

import type { RunStatus } from "../../core/status.ts";
import type { LaneSelection } from "../synchronous/row-store.ts";

export type Want =
  | { readonly kind: "definition"; readonly hash: string }
  | { readonly kind: "definitionHash"; readonly name: string; readonly version: string }
  /** `hold`: the step will write the run, or decides by it what it writes elsewhere. */
  | { readonly kind: "run"; readonly runId: string; readonly hold: boolean }
  | { readonly kind: "runDetails"; readonly runId: string }
  | { readonly kind: "runIdByKey"; readonly workflow: string; readonly idempotencyKey: string }
  /** The item with the groups around it. `hold`: the step will write it, or decides by it what it writes elsewhere. */
  | { readonly kind: "item"; readonly runId: string; readonly item: number; readonly hold: boolean }
  /** The group and all around it. */
  | { readonly kind: "group"; readonly runId: string; readonly group: number }
  | { readonly kind: "payload"; readonly runId: string; readonly item: number }
  | { readonly kind: "memos"; readonly runId: string; readonly item: number }
  /** Items, held, that are open by their row, permanently failed or held. */
  | { readonly kind: "unfinished"; readonly runId: string }
  /** Items, held, that lie aside. */
  | { readonly kind: "aside"; readonly runId: string }
  | { readonly kind: "heldNodes"; readonly runId: string }
  /** Items, held, in progress under the session, with their runs. */
  | { readonly kind: "itemsOf"; readonly session: string }
  /** Ready items, held, in rank order, with their runs; what another step holds right now may be left out. */
  | { readonly kind: "ready"; readonly selection: LaneSelection; readonly stalled: boolean; readonly limit: number }
  /** Items, held, placed as due by now, earliest first, with their runs; what another step holds right now may be left out. */
  | { readonly kind: "due"; readonly limit: number }
  /** Runs, held, whose timeout is due; what another step holds right now may be left out. */
  | { readonly kind: "expiredRuns"; readonly limit: number }
  /** Ended runs, held, that finished before the instant, oldest first; what another step holds right now may be left out. */
  | { readonly kind: "finishedRuns"; readonly before: number; readonly limit: number }
  /** `hold`: the step will write the session. */
  | { readonly kind: "session"; readonly id: string; readonly hold: boolean }
  /** Sessions, held, unswept and not signed off, whose leases ended by now; what another step holds right now may be left out. */
  | { readonly kind: "expiredSessions" }
  /** The newest snapshot of the shape: its sequence alone is needed. */
  | { readonly kind: "snapshot"; readonly runId: string; readonly shape: string }
  | { readonly kind: "entry"; readonly entryKind: string; readonly key: string }
  /**
   * Entries of a list, in its order; all wants for entries hold them. `skip`: what another step holds right now may be left
   * out; else it is waited for.
   */
  | {
      readonly kind: "entries";
      readonly list: string;
      readonly after: { readonly at: number; readonly key: string } | undefined;
      readonly skip: boolean;
      readonly limit: number;
    }
  /** The record, held, not the body. */
  | { readonly kind: "checkpoint"; readonly id: string }
  | {
      readonly kind: "oldCheckpoints";
      readonly before: number;
      readonly statuses: readonly RunStatus[];
      readonly limit: number;
    };

/** Equal for equal wants. A want with `hold` asks for more than the same without. */
export function wantKey(want: Want): string {
  return JSON.stringify(want);
}
