import { expect, test } from "vitest";
import { type AnyField, context, field } from "./field.ts";
import { shapeOf } from "./shape.ts";

/** An error with a code, and with these parts in its message, in this order. */
const problem = (code: string, ...parts: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(parts.map((part) => part.replaceAll(/[^\w ]/g, "\\$&")).join(".*"), "s")),
  });

test("a context keeps its fields, frozen, and may be spread into another", () => {
  const Audit = context({ log: field.eventLog<string>() });
  const Order = context({ ...Audit.fields, total: field.counter() });
  expect(Object.keys(Order.fields)).toEqual(["log", "total"]);
  expect(Order.fields.log).toBe(Audit.fields.log);
  expect(Object.isFrozen(Order) && Object.isFrozen(Order.fields) && Object.isFrozen(Order.fields.log)).toBe(true);
});

test("everything that is wrong with a context is told at once", () => {
  const wrong: Record<string, AnyField> = {
    "no name": field.counter(),
    sequence: field.counter(),
    toJSON: field.counter(),
    fine: field.counter(),
    value: 5 as never,
  };
  Object.defineProperty(wrong, "__proto__", { value: field.counter(), enumerable: true });
  expect(() => context(wrong)).toThrow(
    problem("INVALID_WORKFLOW", '"no name"', '"sequence"', '"toJSON"', '"value"', "__proto__"),
  );
  expect(() => context(wrong)).not.toThrow(problem("INVALID_WORKFLOW", "fine"));
  expect(() => context([] as never)).toThrow(problem("INVALID_WORKFLOW", "must be an object"));
  expect(() => shapeOf({ fields: wrong })).toThrow(problem("INVALID_WORKFLOW", "__proto__"));
});

test("a context has a bound on its fields", () => {
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`f${at}`, field.counter()]));
  expect(() => context(many)).toThrow(problem("INVALID_WORKFLOW", "257 fields", "256"));
});

test.each<[string, () => unknown, string]>([
  ["undefined", () => field.register(undefined), "field.register: $ is undefined"],
  ["a Date inside", () => field.fixed({ at: new Date(0) }), "field.fixed: $.at is an instance of Date"],
  ["a function", () => field.merged({ empty: () => 1, merge: (left) => left }), "field.merged: $ is a function"],
  ["no merge function", () => field.merged({ empty: 1, merge: 5 as never }), "field.merged takes a function"],
  ["NaN", () => field.counter(Number.NaN), "field.counter takes numbers"],
  ["a number too large", () => field.counter(2 ** 53), "field.counter takes numbers"],
])("an initial value that is %s is refused", (_, declare, message) => {
  expect(declare).toThrow(problem("INVALID_VALUE", message));
});

test("initial values are copied", () => {
  const initial = { tags: ["a"] };
  const Order = context({ r: field.register(initial) });
  initial.tags.push("b");
  expect(shapeOf(Order).behaviours[0]?.initial).toMatchObject({ value: { tags: ["a"] } });
});

test("a shape numbers fields by name, whatever order they were declared in", () => {
  const one = shapeOf(context({ b: field.counter(), a: field.set<string>(), B: field.maximum() }));
  const two = shapeOf(context({ B: field.maximum(), a: field.set<number>(), b: field.counter() }));
  expect(one.fields).toEqual([
    { name: "B", kind: "maximum" },
    { name: "a", kind: "set" },
    { name: "b", kind: "counter" },
  ]);
  expect(two.hash).toBe(one.hash);
  expect(one.numbers.get("a")).toBe(1);
});

test("a shape's hash tells names, kinds and initial values apart", () => {
  const hashes = [
    shapeOf(undefined),
    shapeOf(context({ a: field.counter() })),
    shapeOf(context({ b: field.counter() })),
    shapeOf(context({ a: field.counter(1) })),
    shapeOf(context({ a: field.maximum() })),
    shapeOf(context({ a: field.minimum() })),
    shapeOf(context({ a: field.register(0) })),
    shapeOf(context({ a: field.fixed(0) })),
    shapeOf(context({ a: field.fixed(new Uint8Array([0])) })),
    shapeOf(context({ a: field.merged({ empty: 0, merge: (left, right) => left + right }) })),
  ].map(({ hash }) => hash);
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(shapeOf(undefined)).toMatchObject({ fields: [], hash: shapeOf(context({})).hash });
});
