/**
 * Sending events: to the waits that are there, or to the first that comes. A payload is checked by the event's schema where
 * the sender has it; where it is sent by name alone, whoever receives it checks it.
 */

import type { EventOutcome, SentEvent } from "../backend/contract/wait.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import { encodeValue } from "../core/values.ts";
import { parseWith } from "../definition/schema.ts";
import { type Event, isEvent } from "../definition/waits/event.ts";
import type { Orchestration } from "./orchestration.ts";

/** One sending of an event. */
export interface EventToSend<P = unknown> {
  /** Which of the events of this name, such as the id of an order; at most 512 characters. */
  readonly key: string;
  readonly payload: P;
  /** One that is sent again under its id has no second effect. Ids are remembered for 30 days, per name and key. */
  readonly id?: string | undefined;
}

/** What became of an event that was sent. */
export interface SendResult {
  /**
   * `delivered`: waits have it as their answer. `buffered`: nobody waited for it, and the first that does takes it.
   * `duplicate`: one of this id was sent before.
   */
  readonly outcome: "delivered" | "buffered" | "duplicate";
  /** Waits that have it; more follow where very many waited. */
  readonly waits: number;
}

/** The event as a store takes it. Throws `INVALID_VALUE`, `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`, `TOO_DEEP`, `TOO_MANY_KEYS`. */
export async function eventToSend(event: Event | string, { key, payload, id }: EventToSend): Promise<SentEvent> {
  const name = checkName(isEvent(event) ? event.name : event, "the name of an event");
  const sent = { name, key: checkText(key, "key"), id: id === undefined ? undefined : checkText(id, "id") };
  const what = `the payload of event ${name}`;
  const parsed = isEvent(event) ? await parseWith(event.payload, payload) : undefined;
  if (parsed?.ok === false) {
    throw new MillraceError("INVALID_INPUT", `${what} does not fit its schema: ${parsed.issues.join("; ")}`, {
      details: { issues: parsed.issues },
    });
  }
  return { ...sent, payload: encodeValue(payload, { what, code: "INVALID_INPUT" }) };
}

/** Sends an event. Throws as `eventToSend`, and `TOO_MANY_EVENTS` where too many of its name and key are kept. */
export async function sendEvent(
  { operations }: Orchestration,
  event: Event | string,
  options: EventToSend,
): Promise<SendResult> {
  const sent = await eventToSend(event, options);
  const [outcome] = await operations.sendEvents([sent]);
  if (outcome === undefined) throw new MillraceError("INTERNAL", `the backend gave no answer to event ${sent.name}`);
  return settleEvent(outcome, sent);
}

/** What became of it, or the error for one that was not taken. */
function settleEvent(outcome: EventOutcome, { name, key }: SentEvent): SendResult {
  if (outcome.kind === "full") {
    throw new MillraceError(
      "TOO_MANY_EVENTS",
      `${LIMITS.keptEvents} events "${name}" with the key ${JSON.stringify(key)} are kept already, and nobody takes them`,
    );
  }
  return { outcome: outcome.kind, waits: outcome.kind === "delivered" ? outcome.waits : 0 };
}

function checkText(text: unknown, what: string): string {
  if (typeof text === "string" && text.length <= LIMITS.keyLength) return text;
  throw new MillraceError(
    "INVALID_VALUE",
    `the ${what} of an event must be a text of at most ${LIMITS.keyLength} characters`,
  );
}
