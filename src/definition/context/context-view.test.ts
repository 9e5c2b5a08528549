import { expect, test } from "vitest";
import { contextView } from "./context-view.ts";
import { applyDelta, type Delta } from "./delta.ts";
import { context, type FieldsOf, field } from "./field.ts";
import { shapeOf } from "./shape.ts";
import { initialState } from "./state.ts";

const Everything = context({
  constructor: field.counter(),
  bytes: field.register<unknown>(null),
  log: field.eventLog<string>(),
  low: field.minimum(),
  notes: field.map<number>(),
  seen: field.set<unknown>(),
});
const shape = shapeOf(Everything);

function view(...delta: Delta) {
  const state = applyDelta(shape, initialState(shape), delta, { item: "i", epoch: 3, at: 7 });
  return contextView<FieldsOf<typeof Everything>>(shape, state, 12);
}

test("a view reads every field and tells its sequence", () => {
  const read = view(
    ["log", "append", ["a", "b"]],
    ["notes", "set", [["k", 1]]],
    ["seen", "add", [[1], "x"]],
    ["low", "offer", 4],
  );
  expect(read.sequence).toBe(12);
  expect([...read.log]).toEqual([
    { id: "i/3/0", at: 7, event: "a" },
    { id: "i/3/1", at: 7, event: "b" },
  ]);
  expect(read.log.events).toEqual(["a", "b"]);
  expect(read.log.fold("", (all, event) => all + event)).toBe("ab");
  expect([read.notes.get("k"), read.notes.get("l"), read.notes.has("k"), read.notes.size]).toEqual([
    1,
    undefined,
    true,
    1,
  ]);
  expect([...read.notes]).toEqual([["k", 1]]);
  expect([read.seen.has([1]), read.seen.has([2]), read.seen.size, [...read.seen]]).toEqual([
    true,
    false,
    2,
    [[1], "x"],
  ]);
  expect([read.low.value, read.constructor.value, read.bytes.value]).toEqual([4, 0, null]);
});

test("nothing can be changed through a view", () => {
  const read = view(["log", "append", ["a"]], ["bytes", "set", { inner: [1] }]);
  expect(Object.keys(read.log)).not.toContain("append");
  expect(() => Object.assign(read, { log: 1 })).toThrow(TypeError);
  expect(() => Object.assign(read.bytes, { value: 1 })).toThrow(TypeError);
  expect(() => Object.assign(read.bytes.value as object, { inner: 1 })).toThrow(TypeError);
});

test("a view is JSON of its values, in which no key is special", () => {
  const read = view(
    ["bytes", "set", { at: new Uint8Array([1, 2, 3]), rest: [-0] }],
    ["log", "append", ["a"]],
    [
      "notes",
      "set",
      [
        ["__proto__", 1],
        ["constructor", 2],
        ["toJSON", 3],
      ],
    ],
    ["seen", "add", [{ b: 1, a: 2 }]],
  );
  expect(JSON.parse(JSON.stringify(read))).toEqual({
    bytes: { at: { $bytes: "AQID" }, rest: [0] },
    constructor: 0,
    log: ["a"],
    low: null,
    notes: JSON.parse('{"__proto__": 1, "constructor": 2, "toJSON": 3}'),
    seen: [{ b: 1, a: 2 }],
  });
  expect(Object.keys(read.toJSON().notes as object)).toEqual(["__proto__", "constructor", "toJSON"]);
  expect(Object.getPrototypeOf(read.toJSON().notes)).toBe(Object.prototype);
  expect(Reflect.get({}, "toJSON")).toBeUndefined();
});

test("a view has its fields, its sequence, and nothing inherited", () => {
  const read = view();
  expect(Object.keys(read)).toEqual(["bytes", "constructor", "log", "low", "notes", "seen", "sequence"]);
  expect(Reflect.get(read, "toString")).toBeUndefined();
});
