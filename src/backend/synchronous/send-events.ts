/**
 * Sending an event: to all waits that are registered for it by now and whose conditions it meets, or, if there are none,
 * into the buffer, from which the first match takes it once. One that comes again under its id has no second effect.
 */

import { digest } from "../../core/digest.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { EventOutcome, SentEvent } from "../contract/wait.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { EventHub } from "./event-hub.ts";
import { post } from "./outbox.ts";
import { finishWait } from "./waits.ts";

const SENT = "sentEvent";

export function sendEvent(step: AtomicStep, event: SentEvent): EventOutcome {
  if (event.id !== undefined && !isFirst(step, event, event.id)) return { kind: "duplicate" };
  const hub = new EventHub(step, event);
  let waits = 0;
  for (const waiter of hub.waitersFor(event.payload)) {
    if (!step.here(waiter.runId)) {
      const { name, key, payload } = event;
      const { runId, item: number } = waiter;
      step.store.removeEntry(waiter.entry);
      const wait = { runId, item: number, number: waiter.number };
      post(step, runId, { kind: "answer", event: { name, key }, wait, conditions: [], payload });
      waits += 1;
      continue;
    }
    const run = step.run(waiter.runId);
    const item = run === undefined ? undefined : step.store.item(waiter.runId, waiter.item);
    // One of a closed run may be resumed, but takes nothing meanwhile.
    if (run !== undefined && isTerminalRun(run.status)) continue;
    if (!isWaitingFor(item, waiter.number)) {
      step.store.removeEntry(waiter.entry);
      continue;
    }
    finishWait(step, item, "answer", event.payload);
    waits += 1;
  }
  if (waits > 0) return { kind: "delivered", waits };
  hub.keep(event.payload, step.now);
  return { kind: "buffered" };
}

function isFirst({ store, now }: AtomicStep, { name, key }: SentEvent, id: string): boolean {
  const known = digest(JSON.stringify([name, key, id]));
  if (store.entry(SENT, known) !== undefined) return false;
  store.putEntry({
    kind: SENT,
    key: known,
    runId: undefined,
    facts: "{}",
    value: undefined,
    places: [{ list: "sentEvents", at: now }],
  });
  return true;
}
