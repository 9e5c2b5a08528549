/**
 * Sets: values without repetition, in the order they were added; for each element the later commit wins. Two values are
 * the same element if their canonical JSON is the same, so the order of object keys does not matter. Refuses what cannot
 * be stored, also when asked whether it is in the set.
 */

import { canonicalJson } from "../../core/digest.ts";
import { MillraceError } from "../../core/millrace-error.ts";
import type { SetField, SetView } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  listOf,
  type Operation,
  unknownOperation,
} from "./behaviour.ts";
import type { SetState } from "./field-state.ts";
import { emptyMap, entriesOf, entryOf, withEntry, withoutEntry } from "./ordered-map.ts";
import { jsonOf, readValue, share, takeValue } from "./shared-value.ts";
import { describeValue } from "./value-text.ts";

/** Estimate of the memory of an element beside its identity and value. */
const ELEMENT_BYTES = 96;

const EMPTY: SetState = { kind: "set", elements: emptyMap(), bytes: 32 };

/** A field with distinct values. */
export function setBehaviour(): FieldBehaviour {
  return anyBehaviour((state) => state.kind === "set", {
    kind: "set",
    signature: null,
    initial: EMPTY,
    takesLists: true,
    apply: (state, operation, argument, target) => {
      const values = listOf(argument, operation, target);
      switch (operation) {
        case "add":
          return values.reduce<SetState>(addValue, { ...state });
        case "delete":
          return values.reduce<SetState>(deleteValue, { ...state });
        case "init":
        case "restore":
          return values.reduce<SetState>(addValue, EMPTY);
        default:
          throw unknownOperation("set", operation, target);
      }
    },
    compact: compactSet,
    takeInit: (given, what) => {
      if (!Array.isArray(given)) {
        throw new MillraceError(
          "INVALID_INPUT",
          `${what} takes a list of values; it was given ${describeValue(given)}`,
        );
      }
      return takeValue(given, what, { code: "INVALID_INPUT" });
    },
    encode: (state) => Array.from(entriesOf(state.elements), ({ value }) => value.value),
    toJson: (state) => Array.from(entriesOf(state.elements), ({ value }) => jsonOf(value.value)),
    view: (state) => Object.freeze(new Elements(() => state)),
    open: (session) => new LiveSet(session),
  });
}

/** A class and not a literal with accessors for the same reason as `ValueView`. */
class Elements implements SetView<unknown> {
  readonly #read: () => SetState;

  constructor(read: () => SetState) {
    this.#read = read;
  }

  has(value: unknown): boolean {
    return entryOf(this.#read().elements, canonicalJson(value)) !== undefined;
  }

  get size(): number {
    return this.#read().elements.size;
  }

  [Symbol.iterator](): Iterator<unknown> {
    return entriesOf(this.#read().elements).map(({ value }) => readValue(value.value));
  }
}

class LiveSet extends Elements implements SetField<unknown> {
  readonly add: (value: unknown) => void;
  readonly delete: (value: unknown) => void;

  constructor(session: FieldSession<SetState>) {
    super(session.read);
    this.add = (value) => session.change("add", [takeValue(value, session.what)]);
    this.delete = (value) => session.change("delete", [takeValue(value, session.what)]);
    Object.freeze(this);
  }
}

function addValue(state: SetState, value: unknown): SetState {
  const identity = canonicalJson(value);
  if (entryOf(state.elements, identity) !== undefined) {
    return state;
  }
  const bytes = ELEMENT_BYTES + identity.length + share(value);
  return {
    kind: "set",
    elements: withEntry(state.elements, identity, { value, bytes }),
    bytes: state.bytes + bytes,
  };
}

function deleteValue(state: SetState, value: unknown): SetState {
  const identity = canonicalJson(value);
  const removed = entryOf(state.elements, identity)?.value.bytes ?? 0;
  return { kind: "set", elements: withoutEntry(state.elements, identity), bytes: state.bytes - removed };
}

/** For each element only what happened last counts; a deletion before that still decides its place in the order. */
function compactSet(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length < 2) {
    return operations;
  }
  const deleted = new Map<string, unknown>();
  const added = new Map<string, unknown>();
  for (const { operation, argument } of operations) {
    for (const value of Array.isArray(argument) ? argument : []) {
      const identity = canonicalJson(value);
      if (operation === "delete") {
        added.delete(identity);
        deleted.set(identity, value);
      } else if (!added.has(identity)) {
        added.set(identity, value);
      }
    }
  }
  return [
    ...(deleted.size === 0 ? [] : [{ operation: "delete", argument: [...deleted.values()] }]),
    ...(added.size === 0 ? [] : [{ operation: "add", argument: [...added.values()] }]),
  ];
}
