// What a change and a read cost, counted and not timed: every property that is read of the state before, and every slot
// that is made new in the state after.

import { expect, test } from "vitest";
import { applyDelta, type Delta } from "./delta.ts";
import { context, type FieldsOf, field, type LiveContext } from "./field.ts";
import { openContext } from "./live-context.ts";
import { shapeOf } from "./shape.ts";
import { type ContextState, initialState } from "./state.ts";

const Big = context({ log: field.eventLog<number>(), notes: field.map<number>(), seen: field.set<string>() });
const shape = shapeOf(Big);
const stamp = { item: "i", epoch: 1, at: 1 };

function contextOf(size: number): ContextState {
  const numbers = Array.from({ length: size }, (_, at) => at);
  const delta: Delta = [
    ["log", "append", numbers],
    ["notes", "set", numbers.map((n) => [`key ${(n * 7919) % 100_003}`, n])],
    ["seen", "add", numbers.map((n) => `element ${(n * 7919) % 100_003}`)],
  ];
  return applyDelta(shape, initialState(shape), delta, stamp);
}

const small = contextOf(100);
const large = contextOf(100_000);

/** The state behind proxies that count every property read of its structure; frozen values are handed out as they are. */
function counting(state: ContextState): { readonly state: ContextState; readonly reads: () => number } {
  let count = 0;
  const known = new WeakMap<object, object>();
  const watch = <T extends object>(target: T): T => {
    const proxy =
      known.get(target) ??
      new Proxy(target, {
        get(from, key, receiver) {
          count += 1;
          const part: unknown = Reflect.get(from, key, receiver);
          return typeof part === "object" && part !== null && !Object.isFrozen(part) ? watch(part) : part;
        },
      });
    known.set(target, proxy);
    return proxy as T;
  };
  return { state: watch(state), reads: () => count };
}

/** Slots of objects and arrays of `after` that `before` does not have. */
function newSlots(before: ContextState, after: ContextState): number {
  const old = new Set<object>();
  const walk = (part: unknown, into: Set<object>): void => {
    if (typeof part === "object" && part !== null && !old.has(part) && !into.has(part)) {
      into.add(part);
      for (const inner of Object.values(part)) walk(inner, into);
    }
  };
  walk(before, old);
  const made = new Set<object>();
  walk(after, made);
  return [...made].reduce((slots, part) => slots + Object.keys(part).length, 0);
}

const changes: [string, Delta][] = [
  ["appending an event", [["log", "append", [1]]]],
  ["setting a new key", [["notes", "set", [["new key", 1]]]]],
  ["replacing the value of a key", [["notes", "set", [["key 7919", 1]]]]],
  ["deleting a key", [["notes", "delete", ["key 7919"]]]],
  ["adding an element", [["seen", "add", ["new element"]]]],
  ["deleting an element", [["seen", "delete", ["element 7919"]]]],
];

test.each(changes)("%s costs about the same in a context of 100 and of 100,000", (_, delta) => {
  const cost = (state: ContextState) => {
    const watched = counting(state);
    applyDelta(shape, watched.state, delta, stamp);
    return watched.reads() + newSlots(state, applyDelta(shape, state, delta, stamp));
  };
  expect(cost(small)).toBeGreaterThan(3);
  expect(cost(large)).toBeLessThan(6 * cost(small) + 100);
  expect(cost(large)).toBeLessThan(1_500);
});

test("a thousand commits of one event each cost about the same in a large log as in a small one", () => {
  const cost = (start: ContextState) => {
    const watched = counting(start);
    let state = watched.state;
    for (let at = 0; at < 1_000; at += 1) {
      state = applyDelta(shape, state, [["log", "append", [at]]], { ...stamp, epoch: at });
    }
    return watched.reads();
  };
  expect(cost(large)).toBeLessThan(1.2 * cost(small) + 500);
});

test("opening a context, looking at single entries and changing some does not depend on its size", () => {
  const cost = (start: ContextState) => {
    const watched = counting(start);
    const attempt = openContext(shape, watched.state, stamp);
    const live = attempt.live as LiveContext<FieldsOf<typeof Big>>;
    live.log.append(live.log.length);
    live.notes.set("x", (live.notes.get("key 7919") ?? 0) + live.notes.size);
    live.seen.add(String(live.seen.has("element 7919")));
    attempt.close();
    void [attempt.delta(), attempt.reads(), attempt.writes(), attempt.updates()];
    return watched.reads();
  };
  expect(cost(large)).toBeLessThan(6 * cost(small) + 100);
});

test("one attempt may make tens of thousands of changes", () => {
  const attempt = openContext(shape, small, stamp);
  const live = attempt.live as LiveContext<FieldsOf<typeof Big>>;
  for (let at = 0; at < 20_000; at += 1) {
    live.log.append(at);
    live.notes.set(`own ${at}`, at);
    live.seen.add(`own ${at}`);
  }
  expect(attempt.delta()?.map(([, , argument]) => (argument as unknown[]).length)).toEqual([20_000, 20_000, 20_000]);
});
