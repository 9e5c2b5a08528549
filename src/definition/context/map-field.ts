/**
 * Maps: values by string key, in the order the keys were added; for each key the later commit wins. A key is any string,
 * `__proto__` and the like included, since none ever becomes a property of an object. Refuses keys that are no strings.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { MapField, MapView } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  listOf,
  type Operation,
  type Target,
  unknownOperation,
  wrongArgument,
} from "./behaviour.ts";
import type { MapState, SizedValue } from "./field-state.ts";
import { emptyMap, entriesOf, entryOf, type MapEntry, withEntry, withoutEntry } from "./ordered-map.ts";
import { jsonOf, readValue, setOwn, share, takeValue } from "./shared-value.ts";
import { describeValue } from "./value-text.ts";

/** Estimate of the memory of an entry beside its key and value. */
const ENTRY_BYTES = 96;

const EMPTY: MapState = { kind: "map", entries: emptyMap(), bytes: 32 };

/** A field with values by key. */
export function mapBehaviour(): FieldBehaviour {
  return anyBehaviour((state) => state.kind === "map", {
    kind: "map",
    signature: null,
    initial: EMPTY,
    takesLists: true,
    apply: (state, operation, argument, target) => {
      const list = listOf(argument, operation, target);
      switch (operation) {
        case "set":
          return list.reduce<MapState>((map, pair) => setPair(map, pair, operation, target), { ...state });
        case "delete":
          return list.reduce<MapState>((map, key) => deleteKey(map, keyOf(key, operation, target)), { ...state });
        case "init":
        case "restore":
          return list.reduce<MapState>((map, pair) => setPair(map, pair, operation, target), EMPTY);
        default:
          throw unknownOperation("map", operation, target);
      }
    },
    compact: compactMap,
    takeInit,
    encode: (state) => Array.from(entriesOf(state.entries), ({ key, value }) => [key, value.value]),
    toJson: (state) => {
      const json = {};
      for (const { key, value } of entriesOf(state.entries)) {
        setOwn(json, key, jsonOf(value.value));
      }
      return json;
    },
    view: (state) => Object.freeze(new Entries(() => state)),
    open: (session) => new LiveMap(session),
  });
}

/** A class and not a literal with accessors for the same reason as `ValueView`. */
class Entries implements MapView<unknown> {
  readonly #read: () => MapState;

  constructor(read: () => MapState) {
    this.#read = read;
  }

  get(key: string): unknown {
    return readValue(this.#entryOf(key)?.value.value);
  }

  has(key: string): boolean {
    return this.#entryOf(key) !== undefined;
  }

  get size(): number {
    return this.#read().entries.size;
  }

  [Symbol.iterator](): Iterator<readonly [string, unknown]> {
    return entriesOf(this.#read().entries).map(({ key, value }) => [key, readValue(value.value)] as const);
  }

  #entryOf(key: unknown): MapEntry<SizedValue> | undefined {
    const { entries } = this.#read();
    return typeof key === "string" ? entryOf(entries, key) : undefined;
  }
}

class LiveMap extends Entries implements MapField<unknown> {
  readonly set: (key: string, value: unknown) => void;
  readonly delete: (key: string) => void;

  constructor(session: FieldSession<MapState>) {
    super(session.read);
    this.set = (key, value) => {
      const taken = takeKey(key, session.what);
      session.change("set", [[taken, takeValue(value, `${session.what}, key ${describeValue(key)}`)]]);
    };
    this.delete = (key) => session.change("delete", [takeKey(key, session.what)]);
    Object.freeze(this);
  }
}

function setPair(state: MapState, pair: unknown, operation: string, target: Target): MapState {
  const [first, value] = listOf(pair, operation, target);
  const key = keyOf(first, operation, target);
  if (value === undefined) {
    throw wrongArgument(operation, target, "a list of keys and values");
  }
  const replaced = entryOf(state.entries, key)?.value.bytes ?? 0;
  const bytes = ENTRY_BYTES + 2 * key.length + share(value);
  return {
    kind: "map",
    entries: withEntry(state.entries, key, { value, bytes }),
    bytes: state.bytes + bytes - replaced,
  };
}

function deleteKey(state: MapState, key: string): MapState {
  const removed = entryOf(state.entries, key)?.value.bytes ?? 0;
  return { kind: "map", entries: withoutEntry(state.entries, key), bytes: state.bytes - removed };
}

function keyOf(argument: unknown, operation: string, target: Target): string {
  if (typeof argument === "string") {
    return argument;
  }
  throw wrongArgument(operation, target, "a list of keys");
}

function takeKey(key: unknown, what: string): string {
  if (typeof key !== "string") {
    throw new MillraceError("INVALID_VALUE", `${what} takes strings as keys; it was given ${describeValue(key)}`);
  }
  takeValue(key, what);
  return key;
}

function takeInit(given: unknown, what: string): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new MillraceError("INVALID_INPUT", `${what} takes an object; it was given ${describeValue(given)}`);
  }
  const copy = takeValue(given, what, { code: "INVALID_INPUT" });
  return typeof copy === "object" && copy !== null ? Object.entries(copy) : [];
}

/** For each key only what happened last counts; a deletion before that still decides the key's place in the order. */
function compactMap(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length < 2) {
    return operations;
  }
  const deleted = new Set<unknown>();
  const set = new Map<unknown, unknown>();
  for (const { operation, argument } of operations) {
    for (const part of Array.isArray(argument) ? argument : []) {
      if (operation === "set") {
        set.set(Array.isArray(part) ? part[0] : part, part);
      } else {
        set.delete(part);
        deleted.add(part);
      }
    }
  }
  return [
    ...(deleted.size === 0 ? [] : [{ operation: "delete", argument: [...deleted] }]),
    ...(set.size === 0 ? [] : [{ operation: "set", argument: [...set.values()] }]),
  ];
}
