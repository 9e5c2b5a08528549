/**
 * The outbox of a partition: letters to hubs and runs that lie in another one, left in the same step as what they tell of.
 * Whoever carries them does so at least once, and the receiver notes which it has had. Where a store is one partition, none
 * is ever written.
 */

import type { EventCondition } from "../contract/wait.ts";
import { Facts } from "./entry-facts.ts";
import type { Entry, RowStore } from "./row-store.ts";

export const LETTER = "letter";
/** The list that letters lie in until they have been delivered. */
export const OUTBOX = "outbox";

/** The address of a wait. */
export interface WaitAddress {
  readonly runId: string;
  readonly item: number;
  readonly number: number;
}

export interface EventAddress {
  readonly name: string;
  readonly key: string;
}

/**
 * `register`: the wait is to be put on the hub's list. `withdraw`: it is over. `answer`: the event has found the wait.
 * `event`: it comes back, since the wait was over.
 */
const LETTERS = ["register", "withdraw", "answer", "event"] as const;

export interface Letter {
  readonly kind: (typeof LETTERS)[number];
  readonly event: EventAddress;
  readonly wait: WaitAddress;
  /** Grows with each closing of the wait's run: a wait that registers again begins another correspondence. */
  readonly turn: number;
  /** Of an answer and of an event that several waits had: names them together. */
  readonly share?: string | undefined;
  readonly conditions: readonly EventCondition[];
  /** Of an answer and of an event. */
  readonly payload: Uint8Array | undefined;
}

/** A letter on its way. */
export interface PostedLetter extends Letter {
  readonly id: string;
  /** A hub's id or a run's: it tells the partition. */
  readonly to: string;
}

/** Leaves a letter. Its kind, its wait with its turn, and the instant make its id: no two that are equal in these are sent. */
export function post(
  { store, now }: { readonly store: RowStore; readonly now: number },
  to: string,
  { payload, ...facts }: Letter,
): void {
  const { runId, item, number } = facts.wait;
  const { turn, share } = facts;
  store.putEntry({
    kind: LETTER,
    key: `${facts.kind}:${runId}.${item}.${number}:${turn}:${now}`,
    runId: undefined,
    facts: JSON.stringify({
      ...facts.event,
      ...facts.wait,
      turn,
      share,
      kind: facts.kind,
      conditions: facts.conditions,
      to,
    }),
    value: payload,
    places: [{ list: OUTBOX, at: now }],
  });
}

/** The letter in an entry of the outbox. */
export function letterOf(entry: Entry): PostedLetter {
  const facts = new Facts(entry);
  return {
    id: entry.key,
    to: facts.text("to"),
    kind: facts.word("kind", LETTERS),
    event: { name: facts.text("name"), key: facts.text("key") },
    wait: { runId: facts.text("runId"), item: facts.number("item"), number: facts.number("number") },
    turn: facts.optionalNumber("turn") ?? 0,
    share: facts.optionalText("share"),
    conditions: facts.list("conditions").filter(isCondition),
    payload: entry.value,
  };
}

/** Whether what was read back is a condition. */
export function isCondition(value: unknown): value is EventCondition {
  return (
    typeof value === "object" &&
    value !== null &&
    "path" in value &&
    Array.isArray(value.path) &&
    value.path.every((part) => typeof part === "string") &&
    "equals" in value &&
    typeof value.equals === "string"
  );
}
