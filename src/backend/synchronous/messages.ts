/**
 * Messages between runs: written in the step that has something to tell, delivered by the next step of any worker that
 * looks for what is due, and removed in the step that delivers. What a message does is decided by the rows that it finds,
 * so that one which comes twice has one effect.
 */

import { DUE_ENTRIES, type RowStore } from "./row-store.ts";

export const MESSAGE = "message";

export type Message =
  /** A child run has ended: its parent goes on. */
  | { readonly kind: "childEnded"; readonly runId: string }
  /** A run has ended before its children: they are cancelled. */
  | { readonly kind: "endChildren"; readonly runId: string }
  /** Nobody waits for the run any more. */
  | { readonly kind: "cancelRun"; readonly runId: string };

export const MESSAGES = ["childEnded", "endChildren", "cancelRun"] as const satisfies readonly Message["kind"][];

/** Leaves a message to be delivered at once. The same message is not left twice. */
export function leave(store: RowStore, { kind, runId }: Message, now: number): void {
  store.putEntry({
    kind: MESSAGE,
    key: `${kind}:${runId}`,
    runId: undefined,
    facts: JSON.stringify({ kind, runId }),
    value: undefined,
    places: [{ list: DUE_ENTRIES, at: now }],
  });
}
