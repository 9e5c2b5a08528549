/**
 * Sending an event: to all waits that are registered for it by now and whose conditions it meets, or, if there are none,
 * into the buffer, from which the first match takes it once. One that comes again under its id has no second effect.
 */

import { digest } from "../../core/digest.ts";
import { LIMITS } from "../../core/limits.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { EventOutcome, SentEvent } from "../contract/wait.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { EventHub, hubIdOf, type Waiter } from "./event-hub.ts";
import { inTurn } from "./in-turn.ts";
import type { Release } from "./messages.ts";
import { type EventAddress, post } from "./outbox.ts";
import { finishWait } from "./waits.ts";

const SENT = "sentEvent";
/** Notes of ids of events, by age. */
export const SENT_EVENTS = "sentEvents";

export function sendEvent(step: AtomicStep, event: SentEvent): EventOutcome {
  const note = event.id === undefined ? undefined : digest(JSON.stringify([event.name, event.key, event.id]));
  if (note !== undefined && step.store.entry(SENT, note) !== undefined) return { kind: "duplicate" };
  const hub = new EventHub(step, hubIdOf(event));
  const { name, key, payload } = event;
  const waits = releaseWaits(step, hub, { event: { name, key }, payload, after: undefined, upTo: hub.end });
  if (waits === 0 && hub.isFull) return { kind: "full" };
  if (note !== undefined) remember(step, note);
  if (waits > 0) return { kind: "delivered", waits };
  hub.keep(payload);
  return { kind: "buffered" };
}

/** Gives an event to those on the list who were there when it came; how many had it. The rest of many is left as a message. */
export function releaseWaits(step: AtomicStep, hub: EventHub, { event, payload, after, upTo }: Release): number {
  const waiters: Waiter[] = [];
  for (const waiter of hub.waitersFor(payload, after)) {
    if (waiter.place.at >= upTo) break;
    if (waiters.length === LIMITS.sweepRows) {
      step.leave({ kind: "event", event, payload, after: waiters.at(-1)?.place, upTo });
      break;
    }
    waiters.push(waiter);
  }
  return inTurn(waiters, (waiter) => take(step, waiter, event, payload)).filter((had) => had).length;
}

/** Whether the event is the answer to this wait. */
function take(step: AtomicStep, waiter: Waiter, event: EventAddress, payload: Uint8Array): boolean {
  const { runId, item: number } = waiter;
  if (!step.here(runId)) {
    step.store.removeEntry(waiter.entry);
    const wait = { runId, item: number, number: waiter.number };
    post(step, runId, { kind: "answer", event, wait, conditions: [], payload });
    return true;
  }
  const run = step.run(runId);
  const item = run === undefined ? undefined : step.store.item(runId, number);
  // A wait of a closed run takes nothing. It registers again if the run goes on, and finds what was kept meanwhile.
  if (run === undefined || isTerminalRun(run.status) || !isWaitingFor(item, waiter.number)) {
    step.store.removeEntry(waiter.entry);
    return false;
  }
  finishWait(step, item, "answer", payload);
  return true;
}

function remember({ store, now }: AtomicStep, note: string): void {
  const places = [{ list: SENT_EVENTS, at: now }];
  store.putEntry({ kind: SENT, key: note, runId: undefined, facts: "{}", value: undefined, places });
}
