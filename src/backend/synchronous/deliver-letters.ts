/**
 * What a letter from another partition does here, once: the step that applies it notes its id. Invariant: no event is
 * lost on the way; one whose wait was over goes back to its hub, and from there to the next wait or into the buffer.
 */

import { isTerminalRun } from "../../core/status.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { EventHub, hubIdOf } from "./event-hub.ts";
import { type PostedLetter, post } from "./outbox.ts";
import { takeBack } from "./send-events.ts";
import { finishWait } from "./waits.ts";

const RECEIVED = "receivedLetter";
/** Notes of letters that were had, by age. */
export const RECEIVED_LETTERS = "receivedLetters";

export function deliverLetter(step: AtomicStep, letter: PostedLetter): void {
  const { store, now } = step;
  if (store.entry(RECEIVED, letter.id) !== undefined) return;
  const places = [{ list: RECEIVED_LETTERS, at: now }];
  store.putEntry({ kind: RECEIVED, key: letter.id, runId: undefined, facts: "{}", value: undefined, places });
  switch (letter.kind) {
    case "register":
      return register(step, letter);
    case "withdraw":
      return new EventHub(step, hubIdOf(letter.event)).withdraw(letter.wait);
    case "answer":
      return answer(step, letter);
    case "event":
      if (letter.payload !== undefined) takeBack(step, { ...letter.event, payload: letter.payload }, letter.share);
  }
}

function register(step: AtomicStep, letter: PostedLetter): void {
  const hub = new EventHub(step, hubIdOf(letter.event));
  const payload = hub.take(letter.conditions);
  if (payload === undefined) hub.registerAgain(letter.wait, letter.conditions, letter.turn);
  else post(step, letter.wait.runId, { ...letter, kind: "answer", payload });
}

function answer(step: AtomicStep, letter: PostedLetter): void {
  const { runId, item: number } = letter.wait;
  const run = step.run(runId);
  const item = run === undefined ? undefined : step.store.item(runId, number);
  const takesIt = run !== undefined && !isTerminalRun(run.status) && isWaitingFor(item, letter.wait.number);
  if (takesIt) finishWait(step, item, "answer", letter.payload);
  else post(step, hubIdOf(letter.event), { ...letter, kind: "event" });
}
