/**
 * Messages within a partition: written in the step that has something to tell, delivered by the next step of any worker that
 * looks for what is due, and removed in the step that delivers. What a message does is decided by the rows that it finds,
 * so that one which comes twice has one effect.
 */

import { digest } from "../../core/digest.ts";
import type { Facts } from "./entry-facts.ts";
import type { EventAddress } from "./outbox.ts";
import { DUE_ENTRIES, type Entry, type RowStore } from "./row-store.ts";

const MESSAGE = "message";

/** Which closing of a run, or which opening after it, a message is about. */
export interface RunAddress {
  readonly runId: string;
  readonly generation: number;
}

export type Message =
  | ({
      /**
       * `childEnded`: a child run has ended, and its parent goes on. `endChildren`: a run has ended before its children, which
       * are cancelled. `reopened`: a run goes on that was closed, and its waits may have missed what came meanwhile.
       * `cancelRun`: nobody waits for the run any more.
       */
      readonly kind: "childEnded" | "endChildren" | "reopened" | "cancelRun";
      /** Where the rest of what it is about begins. */
      readonly after?: Place | undefined;
    } & RunAddress)
  /** An event has come for more waits than one step releases: these are the rest. */
  | ({ readonly kind: "event" } & Release);

export const MESSAGES = [
  "childEnded",
  "endChildren",
  "reopened",
  "cancelRun",
  "event",
] as const satisfies readonly Message["kind"][];

/** An event, and which part of the list of its hub it is for: those after a place who were there when it came. */
export interface Release {
  readonly event: EventAddress;
  readonly payload: Uint8Array;
  readonly after: Place | undefined;
  /** The place of the first who came later. */
  readonly upTo: number;
}

/** A place in a list of entries. */
export interface Place {
  readonly at: number;
  readonly key: string;
}

/** A key names what a message is about so closely that no other is ever left under it: rows of keys that are new need not be read. */
export function messageEntry(message: Message, now: number): Entry {
  const entry = { kind: MESSAGE, runId: undefined, places: [{ list: DUE_ENTRIES, at: now }] };
  if (message.kind !== "event") {
    const { kind, runId, generation, after } = message;
    const key = `${kind}:${runId}:${generation}${after === undefined ? "" : `:${after.at}:${after.key}`}`;
    return { ...entry, key, facts: JSON.stringify(message), value: undefined };
  }
  const { event, payload, upTo, after } = message;
  const key = `event:${digest(JSON.stringify([event.name, event.key, upTo, after?.at, after?.key]))}`;
  return { ...entry, key, facts: JSON.stringify({ kind: "event", ...event, upTo, after }), value: payload };
}

/** What a message says of an event. */
export function releaseIn(message: Facts, payload: Uint8Array): Release {
  const event = { name: message.text("name"), key: message.text("key") };
  return { event, payload, after: placeIn(message), upTo: message.number("upTo") };
}

/** The place that a message goes on from. */
export function placeIn(message: Facts): Place | undefined {
  const after = message.part("after");
  return after === undefined ? undefined : { at: after.number("at"), key: after.text("key") };
}

/** One part of a list of entries, from a place on; `next` is where the rest begins, if there is any. */
export function windowOf(
  store: RowStore,
  list: string,
  after: Place | undefined,
  limit: number,
): { readonly entries: readonly Entry[]; readonly next: Place | undefined } {
  const entries = store.entries(list, { after, limit });
  const last = entries.at(-1);
  const at = last?.places.find((place) => place.list === list)?.at;
  const isFull = entries.length === limit && last !== undefined && at !== undefined;
  return { entries, next: isFull ? { at, key: last.key } : undefined };
}
