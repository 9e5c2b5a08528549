/**
 * Removes what has been kept for long enough, a bounded part at a time: runs that finished, sessions that ended, events
 * that nobody took, and the notes that tell what was had before. Idempotent, so that any number may do it at once.
 */

import { LIMITS } from "../../core/limits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { RECEIVED_LETTERS } from "./deliver-letters.ts";
import { EventHub, HUBS, hubOf, KEPT_EVENTS, removeEmptyHub } from "./event-hub.ts";
import { inTurn } from "./in-turn.ts";
import { SENT_EVENTS, SHARED_EVENTS } from "./send-events.ts";

/** Runs removed. `before`: the instant from which on what ended is kept. */
export function purge(
  step: AtomicStep,
  { before, limit }: { readonly before: number; readonly limit: number },
): number {
  const { store } = step;
  const runs = limit < 1 ? [] : store.finishedRuns(before, Math.min(limit, LIMITS.purgeRuns));
  for (const runId of runs) store.removeRun(runId);
  store.removeSessions(before);
  purgeEvents(step);
  return runs.length;
}

function purgeEvents(step: AtomicStep): void {
  const { store, now } = step;
  const oldest = (list: string) => store.entries(list, { upTo: now - LIMITS.keptEventsMs, limit: LIMITS.purgeEvents });
  inTurn(oldest(KEPT_EVENTS), (event) => new EventHub(step, hubOf(event)).drop(event));
  const notes = [SENT_EVENTS, SHARED_EVENTS, RECEIVED_LETTERS].flatMap(oldest);
  for (const note of notes) store.removeEntry(note);
  inTurn(oldest(HUBS), (hub) => removeEmptyHub(step, hub));
}
