import { expect, test } from "vitest";
import { applyDelta, type Delta, decodeDelta, encodeDelta, encodeInit } from "./delta.ts";
import { context, type FieldsOf, field, type LiveContext } from "./field.ts";
import { openContext } from "./live-context.ts";
import { shapeOf } from "./shape.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { type ContextState, initialState } from "./state.ts";

const Order = context({
  bytes: field.register<Uint8Array | null>(null),
  high: field.maximum(),
  log: field.eventLog<{ n?: number; items?: unknown[] }>(),
  notes: field.map<{ text: string }>(),
  region: field.fixed({ name: "eu" }),
  seen: field.set<unknown>(),
  total: field.counter(),
});
const shape = shapeOf(Order);

function stateOf(...deltas: Delta[]): ContextState {
  return deltas.reduce(
    (state, delta) => applyDelta(shape, state, delta, { item: "other", epoch: 1, at: 1 }),
    initialState(shape),
  );
}

function open(state: ContextState = initialState(shape)) {
  const attempt = openContext(shape, state, { item: "item", epoch: 2, at: 50 });
  return { attempt, live: attempt.live as LiveContext<FieldsOf<typeof Order>> };
}

const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

const bytesIn = (event: { items?: unknown[] }) => event.items?.[0] as Uint8Array | undefined;

test("changing a value after handing it over has no effect", () => {
  const { attempt, live } = open();
  const event = { items: [1] };
  const note = { text: "a" };
  live.log.append(event);
  live.seen.add(event);
  live.notes.set("a", note);
  event.items.push(2);
  note.text = "b";
  expect(live.log.events[0]).toEqual({ items: [1] });
  expect(attempt.delta()).toEqual([
    ["log", "append", [{ items: [1] }]],
    ["notes", "set", [["a", { text: "a" }]]],
    ["seen", "add", [{ items: [1] }]],
  ]);
});

test("changing a value that was read throws and reaches nobody", () => {
  const { live } = open(
    stateOf([["log", "append", [{ items: [[1]] }]]], encodeInit(shape, { notes: { a: { text: "a" } } })),
  );
  const [event] = live.log.events;
  expect(() => (event?.items?.[0] as number[] | undefined)?.push(2)).toThrow(TypeError);
  expect(() => Object.assign(live.notes.get("a") ?? {}, { text: "b" })).toThrow(TypeError);
  expect(() => (live.log.events as unknown[]).push(1)).toThrow(TypeError);
  expect(() => Object.assign([...live.log][0] ?? {}, { id: "x" })).toThrow(TypeError);
  expect(() => Object.assign(live.region.value, { name: "us" })).toThrow(TypeError);
});

test("bytes, which cannot be frozen, are copied for each reader", () => {
  const given = new Uint8Array([1, 2]);
  const { attempt, live } = open();
  live.bytes.set(given);
  live.log.append({ items: [given] });
  given[0] = 9;
  live.bytes.value?.fill(7);
  for (const event of live.log.events) bytesIn(event)?.fill(7);
  for (const { event } of live.log) bytesIn(event)?.fill(7);
  expect(live.bytes.value).toEqual(new Uint8Array([1, 2]));
  const after = open(stateOf(attempt.delta() ?? [])).live;
  expect(after.log.events).toEqual([{ items: [new Uint8Array([1, 2])] }]);
});

test.each<[string, unknown, string]>([
  ["undefined", undefined, "context.log: $ is undefined"],
  ["NaN", { n: Number.NaN }, "context.log: $.n is NaN"],
  ["a function inside", { items: [{ x: () => 1 }] }, "context.log: $.items[0].x is a function"],
  ["a Date", { items: [new Date(0)] }, "context.log: $.items[0] is an instance of Date"],
  ["a BigInt", { n: 1n }, "context.log: $.n is a BigInt"],
  ["a Map", new Map(), "context.log: $ is an instance of Map"],
  ["a Proxy", new Proxy({}, {}), "context.log: $ is a Proxy"],
  [
    "a getter that throws",
    {
      get n() {
        throw new Error("no");
      },
    },
    "context.log: $.n cannot be read: no",
  ],
  ["a __proto__ key", JSON.parse('{"__proto__":{"admin":1}}'), 'context.log: $["__proto__"]'],
])("%s is refused with the path to it, and nothing is recorded", (_, value, message) => {
  const { attempt, live } = open();
  expect(() => live.log.append(value as never)).toThrow(
    refusal("INVALID_VALUE", message.replace('$["__proto__"]', "$")),
  );
  expect(attempt.delta()).toBeUndefined();
  expect(Reflect.get({}, "admin")).toBeUndefined();
});

test("values that are too deep, too large, or of too many keys have codes of their own", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  const { attempt, live } = open();
  live.seen.add(nested(64));
  expect(() => live.seen.add(nested(65))).toThrow(refusal("TOO_DEEP", "context.seen"));
  expect(() => live.seen.add(nested(5_000))).toThrow(refusal("TOO_DEEP", "context.seen"));
  expect(() => live.seen.add("x".repeat(1_100_000))).toThrow(refusal("PAYLOAD_TOO_LARGE", "context.seen"));
  const wide = Object.fromEntries(Array.from({ length: 100_001 }, (_, at) => [at, 0]));
  expect(() => live.seen.add(wide)).toThrow(refusal("TOO_MANY_KEYS", "context.seen"));
  expect(attempt.delta()).toHaveLength(1);
});

test("a value as deep as any may be comes back through deltas and snapshots", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) });
  const { attempt, live } = open();
  live.seen.add(nested(64));
  live.log.append({ items: [nested(62)] });
  live.notes.set("deep", { text: "a", ...Object(nested(64)) });
  const state = stateOf(decodeDelta(encodeDelta(attempt.delta() ?? [])));
  const restored = decodeSnapshot(shape, encodeSnapshot(shape, state));
  for (const seen of [state, restored]) {
    const { live: reread } = open(seen);
    expect(reread.seen.has(nested(64))).toBe(true);
    expect(reread.log.events).toEqual([{ items: [nested(62)] }]);
    expect(reread.notes.get("deep")).toEqual({ text: "a", ...Object(nested(64)) });
  }
});

test("counters and extremes take finite numbers, maps take strings as keys", () => {
  const { live } = open();
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, "1", null, 1n, 2 ** 53]) {
    expect(() => live.total.add(wrong as never)).toThrow(refusal("INVALID_VALUE", "context.total takes numbers"));
  }
  for (const wrong of [Number.NaN, Number.NEGATIVE_INFINITY, "1", undefined]) {
    expect(() => live.high.offer(wrong as never)).toThrow(
      refusal("INVALID_VALUE", "context.high takes finite numbers"),
    );
  }
  for (const wrong of [1, null, undefined, Symbol("a"), {}]) {
    expect(() => live.notes.set(wrong as never, { text: "" })).toThrow(refusal("INVALID_VALUE", "strings as keys"));
    expect(live.notes.has(wrong as never)).toBe(false);
    expect(live.notes.get(wrong as never)).toBeUndefined();
  }
});
