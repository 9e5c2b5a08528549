import { describe, expect, test } from "vitest";
import { contextView } from "./context-view.ts";
import { applyDelta, type Delta, decodeDelta, encodeDelta, encodeFork, encodeInit, fieldsOfDelta } from "./delta.ts";
import { context, type FieldsOf, field } from "./field.ts";
import { openContext } from "./live-context.ts";
import { shapeOf } from "./shape.ts";
import { changedFields, initialState } from "./state.ts";

const Order = context({
  high: field.maximum(),
  log: field.eventLog<unknown>(),
  notes: field.map<unknown>(),
  region: field.fixed("eu"),
  seen: field.set<unknown>(),
  status: field.register<unknown>("new"),
  total: field.counter(3),
  words: field.merged<string[]>({ empty: [], merge: (left, right) => [...left, ...right] }),
});
const shape = shapeOf(Order);
const stamp = { item: "item", epoch: 1, at: 9 };

const apply = (delta: Delta) => applyDelta(shape, initialState(shape), delta, stamp);
const read = (delta: Delta) => contextView<FieldsOf<typeof Order>>(shape, apply(delta), 1);
const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

describe("deltas of other versions and damaged ones", () => {
  test("operations on fields that the shape does not have are ignored", () => {
    const state = initialState(shape);
    expect(applyDelta(shape, state, [["gone", "whatever", { any: "thing" }]], stamp)).toBe(state);
    expect(
      read([
        ["gone", "append", [1]],
        ["total", "add", 1],
        ["__proto__", "set", 1],
      ]).total.value,
    ).toBe(4);
  });

  test.each<[string, unknown]>([
    ["status", "x"],
    ["region", "x"],
    ["log", []],
    ["total", 1],
    ["seen", []],
    ["notes", []],
    ["high", 1],
    ["words", []],
  ])("an operation that the kind of %s does not have is corruption", (name, argument) => {
    for (const operation of ["nonsense", "constructor", "__proto__", ""]) {
      expect(() => apply([[name, operation, argument]])).toThrow(refusal("BACKEND_CORRUPT", `context.${name}`));
    }
  });

  test.each<[string, string, unknown]>([
    ["log", "append", "no list"],
    ["log", "restore", [["id"]]],
    ["log", "restore", ["x"]],
    ["total", "add", "1"],
    ["total", "add", null],
    ["total", "add", 1e300],
    ["total", "restore", ["1"]],
    ["seen", "add", { 0: "a" }],
    ["seen", "delete", 1],
    ["notes", "set", [["key"]]],
    ["notes", "set", [[1, "value"]]],
    ["notes", "set", ["key"]],
    ["notes", "delete", [1]],
    ["high", "offer", "9"],
    ["high", "restore", ["9"]],
    ["words", "merge", "x"],
  ])("an argument that %s.%s cannot have written is corruption (%#)", (name, operation, argument) => {
    expect(() => apply([[name, operation, argument]])).toThrow(refusal("BACKEND_CORRUPT", `context.${name}`));
  });

  test.each(["{}", "[[1,2,3]]", '[["a","b"]]', '[["a","b",1,2]]', '["a"]', "", "[", '[["a",null,1]]'])(
    "bytes that are no delta are corruption: %s",
    (text) => {
      expect(() => decodeDelta(new TextEncoder().encode(text))).toThrow(refusal("BACKEND_CORRUPT", "delta"));
    },
  );
});

describe("encoding", () => {
  test("every value that a field took comes back equal", () => {
    const values = [
      -0,
      2 ** 53,
      5e-324,
      "\0",
      "\ud800",
      "\u2028",
      "\u202e",
      "😀",
      new Uint8Array([0, 255]),
      { $bytes: "x" },
      [],
      {},
    ];
    const attempt = openContext(shape, initialState(shape), stamp);
    const { log } = attempt.live as { log: { append: (event: unknown) => void } };
    for (const value of values) {
      log.append(value);
    }
    const delta = decodeDelta(encodeDelta(attempt.delta() ?? []));
    expect(read(delta).log.events).toEqual(values);
    expect(Object.is(read(delta).log.events[0], -0)).toBe(true);
  });

  test("a value as deep as a field takes fits into a delta and into a fork of the context", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const attempt = openContext(shape, initialState(shape), stamp);
    const live = attempt.live as {
      notes: { set: (key: string, value: unknown) => void };
      log: { append: (e: unknown) => void };
    };
    live.notes.set("deep", nested(60));
    live.log.append(nested(60));
    const delta = decodeDelta(encodeDelta(attempt.delta() ?? []));
    expect(decodeDelta(encodeDelta(encodeFork(shape, apply(delta))))).toHaveLength(2);
  });

  test("changes that together are larger than one payload are refused, unless the caller allows more", () => {
    const delta: Delta = [["log", "append", Array.from({ length: 3 }, () => "x".repeat(400_000))]];
    expect(() => encodeDelta(delta)).toThrow(refusal("PAYLOAD_TOO_LARGE", "context changes"));
    expect(encodeDelta(delta, { maxBytes: 2_000_000 }).length).toBeGreaterThan(1_200_000);
  });

  test("the fields of a delta, and of the difference between two states, are told by number", () => {
    const delta: Delta = [
      ["words", "merge", [["a"]]],
      ["gone", "x", 1],
      ["log", "append", [1]],
      ["words", "merge", [[]]],
    ];
    const expected = ["log", "words"].map((name) => shape.numbers.get(name));
    expect(fieldsOfDelta(shape, delta)).toEqual(expected);
    expect(changedFields(initialState(shape), apply(delta))).toEqual(expected);
  });
});

describe("initial values", () => {
  test("take the place of those of the definition", () => {
    const init = {
      region: "us",
      status: { any: ["thing"] },
      log: [{ kind: "imported" }, 2],
      total: 10,
      seen: [1, 1, { a: 1, b: 2 }, { b: 2, a: 1 }],
      notes: { one: 1, constructor: "fine" },
      high: undefined,
      words: ["first"],
    };
    expect(read(encodeInit(shape, init)).toJSON()).toEqual({
      ...init,
      seen: [1, { a: 1, b: 2 }],
      high: null,
    });
    expect([...read(encodeInit(shape, init)).log]).toEqual([
      { id: "item/1/0", at: 9, event: { kind: "imported" } },
      { id: "item/1/1", at: 9, event: 2 },
    ]);
    expect(encodeInit(shape, undefined)).toEqual([]);
    expect(encodeInit(shape, {})).toEqual([]);
  });

  test("what a view gives as JSON can be given to another run", () => {
    const init = {
      status: 1,
      log: [1, 2],
      total: 0.5,
      seen: ["a"],
      notes: { k: [] },
      high: 2,
      words: ["w"],
      region: "x",
    };
    const json = read(encodeInit(shape, init)).toJSON();
    expect(read(encodeInit(shape, json)).toJSON()).toEqual(json);
    expect(json).toEqual(init);
  });

  test("an unknown field is refused, and the known ones are listed", () => {
    const known = "high, log, notes, region, seen, status, total, words";
    expect(() => encodeInit(shape, { statis: 1, total: 1 })).toThrow(
      refusal("INVALID_INPUT", `"statis"; Its fields are: ${known}`),
    );
    expect(() => encodeInit(shape, JSON.parse('{"__proto__": {"admin": 1}}'))).toThrow(
      refusal("INVALID_INPUT", "__proto__"),
    );
    expect(() => encodeInit(shapeOf(undefined), { a: 1 })).toThrow(refusal("INVALID_INPUT", "has no context"));
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x${at}`, 1]));
    expect(() => encodeInit(shape, many)).toThrow(refusal("INVALID_INPUT", "and 980 more"));
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  test.each<[string, unknown, string]>([
    ["no object", "x", "takes an object"],
    ["a list", [], "takes an object"],
    ["null", null, "takes an object"],
    [
      "a getter that throws",
      {
        get total() {
          throw new Error("no");
        },
      },
      "cannot be read",
    ],
    ["a counter that is no number", { total: "3" }, "context.total takes numbers"],
    ["a log that is no list", { log: { 0: "a" } }, "context.log takes a list"],
    ["a set that is no list", { seen: new Set() }, "context.seen takes a list"],
    ["a map that is a list", { notes: [["a", 1]] }, "context.notes takes an object"],
    ["a map that is a Map", { notes: new Map() }, "context.notes: $ is an instance of Map"],
    ["an extreme that is null", { high: null }, "context.high takes finite numbers"],
    ["a function inside", { status: { deep: [() => 1] } }, "context.status: $.deep[0] is a function"],
    ["undefined inside a list", { log: [undefined] }, "context.log: $[0] is undefined"],
    ["a prototype in a map", { notes: JSON.parse('{"__proto__": {"admin": 1}}') }, "context.notes"],
  ])("%s is refused with the path", (_, init, message) => {
    expect(() => encodeInit(shape, init)).toThrow(refusal("INVALID_INPUT", message));
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });
});
