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
import { Facts } from "./entry-facts.ts";
import { EventHub, hubIdOf, type Waiter } from "./event-hub.ts";
import { inTurn } from "./in-turn.ts";
import type { Release } from "./messages.ts";
import { type EventAddress, post } from "./outbox.ts";
import { finishWait } from "./waits.ts";

const SENT = "sentEvent";
const SHARE = "sharedEvent";
/** Notes of events that several waits had, by age. */
export const SHARED_EVENTS = "sharedEvents";
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
  const [first] = waiters;
  const isShared = first !== undefined && waiters.length > 1 && waiters.some(({ runId }) => !step.here(runId));
  const share = isShared ? `${first.entry.key}.${first.place.at}` : undefined;
  const had = inTurn(waiters, (waiter) => take(step, waiter, event, payload, share)).filter((one) => one).length;
  if (share !== undefined) putShare(step, share, had);
  return had;
}

/**
 * An event that comes back, since the wait in another partition was over. Where several waits had it, it counts as taken
 * until all of them have sent it back.
 */
export function takeBack(step: AtomicStep, event: SentEvent, share: string | undefined): void {
  const note = share === undefined ? undefined : step.store.entry(SHARE, share);
  const left = note === undefined ? 0 : new Facts(note).number("left") - 1;
  if (note !== undefined && share !== undefined && left > 0) putShare(step, share, left);
  else {
    if (note !== undefined) step.store.removeEntry(note);
    sendEvent(step, event);
  }
}

/** `left`: waits that had the event and have not sent it back. */
function putShare({ store, now }: AtomicStep, key: string, left: number): void {
  const places = [{ list: SHARED_EVENTS, at: now }];
  store.putEntry({ kind: SHARE, key, runId: undefined, facts: JSON.stringify({ left }), value: undefined, places });
}

/** Whether the event is the answer to this wait. */
function take(
  step: AtomicStep,
  waiter: Waiter,
  event: EventAddress,
  payload: Uint8Array,
  share: string | undefined,
): boolean {
  const { runId, item: number } = waiter;
  if (!step.here(runId)) {
    step.store.removeEntry(waiter.entry);
    const wait = { runId, item: number, number: waiter.number };
    post(step, runId, { kind: "answer", event, wait, turn: waiter.turn, share, conditions: [], payload });
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
