/**
 * Event logs: all events once, in commit order, then in the order they were appended. An event's id is computed from
 * the commit that it came with, so it is the same before and after the commit, in every process. Refuses to change or
 * remove an event.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { EventLog, EventLogView, LoggedEvent } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  listOf,
  type Operation,
  type Stamp,
  type Target,
  unknownOperation,
  wrongArgument,
} from "./behaviour.ts";
import type { EventLogState } from "./field-state.ts";
import { jsonOf, readValue, share, takeValue } from "./shared-value.ts";
import { describeValue } from "./value-text.ts";
import { appendTo, elementAt, elementsOf, emptyVector } from "./vector.ts";

/** Estimate of the memory of an entry beside its event. */
const ENTRY_BYTES = 128;

const EMPTY: EventLogState = { kind: "eventLog", entries: emptyVector(), bytes: 32 };

/** A field that keeps every event appended to it. */
export function eventLogBehaviour(): FieldBehaviour {
  return anyBehaviour((state) => state.kind === "eventLog", {
    kind: "eventLog",
    signature: null,
    initial: EMPTY,
    takesLists: true,
    apply: (state, operation, argument, target) => {
      switch (operation) {
        case "append":
          return append(state, listOf(argument, operation, target), target);
        case "init":
          return append(EMPTY, listOf(argument, operation, target), target);
        case "restore":
          return restore(listOf(argument, operation, target), target);
        default:
          throw unknownOperation("eventLog", operation, target);
      }
    },
    compact: compactAppends,
    takeInit: (given, what) => {
      if (!Array.isArray(given)) {
        throw new MillraceError(
          "INVALID_INPUT",
          `${what} takes a list of events; it was given ${describeValue(given)}`,
        );
      }
      return takeValue(given, what, { code: "INVALID_INPUT" });
    },
    encode: (state) => Array.from(elementsOf(state.entries), ({ id, at, event }) => [id, at, event]),
    toJson: (state) => Array.from(elementsOf(state.entries), ({ event }) => jsonOf(event)),
    view: (state) => Object.freeze(new LogView(() => state)),
    open: (session) => new LiveLog(session),
  });
}

/** A class and not a literal with accessors for the same reason as `ValueView`. */
class LogView implements EventLogView<unknown> {
  readonly #read: () => EventLogState;
  #known: { readonly entries: EventLogState["entries"]; readonly events: readonly unknown[] } | undefined;

  constructor(read: () => EventLogState) {
    this.#read = read;
  }

  get events(): readonly unknown[] {
    const { entries } = this.#read();
    if (this.#known?.entries !== entries) {
      const events = Array.from(elementsOf(entries), ({ event }) => readValue(event));
      this.#known = { entries, events: Object.freeze(events) };
    }
    return this.#known.events;
  }

  get length(): number {
    return this.#read().entries.length;
  }

  fold<S>(initial: S, reduce: (state: S, event: unknown) => S): S {
    let state = initial;
    for (const { event } of elementsOf(this.#read().entries)) {
      state = reduce(state, readValue(event));
    }
    return state;
  }

  [Symbol.iterator](): Iterator<LoggedEvent<unknown>> {
    return elementsOf(this.#read().entries).map(readEntry);
  }
}

class LiveLog extends LogView implements EventLog<unknown> {
  readonly append: (event: unknown) => void;

  constructor(session: FieldSession<EventLogState>) {
    super(session.read);
    this.append = (event) => session.change("append", [takeValue(event, session.what)]);
    Object.freeze(this);
  }
}

function append(state: EventLogState, events: readonly unknown[], target: Target): EventLogState {
  let bytes = state.bytes;
  let index = nextIndex(state, target);
  const added: LoggedEvent<unknown>[] = [];
  for (const event of events) {
    bytes += ENTRY_BYTES + share(event);
    added.push(Object.freeze({ id: `${idPrefix(target)}${index}`, at: target.at, event }));
    index += 1;
  }
  return { kind: "eventLog", entries: appendTo(state.entries, added), bytes };
}

/** Events of one commit are numbered on, whatever operations they came in. */
function nextIndex(state: EventLogState, stamp: Stamp): number {
  const prefix = idPrefix(stamp);
  const last = elementAt(state.entries, state.entries.length - 1);
  return last?.id.startsWith(prefix) ? Number(last.id.slice(prefix.length)) + 1 : 0;
}

function idPrefix(stamp: Stamp): string {
  return `${stamp.item}/${stamp.epoch}/`;
}

function restore(records: readonly unknown[], target: Target): EventLogState {
  let bytes = EMPTY.bytes;
  const entries = records.map((record): LoggedEvent<unknown> => {
    const [id, at, event] = listOf(record, "restore", target);
    if (typeof id !== "string" || typeof at !== "number" || event === undefined) {
      throw wrongArgument("restore", target, "a list of ids, times and events");
    }
    bytes += ENTRY_BYTES + share(event);
    return Object.freeze({ id, at, event });
  });
  return { kind: "eventLog", entries: appendTo(emptyVector(), entries), bytes };
}

function compactAppends(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length < 2) {
    return operations;
  }
  const events = operations.flatMap(({ argument }): readonly unknown[] => (Array.isArray(argument) ? argument : []));
  return [{ operation: "append", argument: events }];
}

function readEntry(entry: LoggedEvent<unknown>): LoggedEvent<unknown> {
  const event = readValue(entry.event);
  return event === entry.event ? entry : Object.freeze({ ...entry, event });
}
