import { describe, expect, test } from "vitest";
import { applyDelta, type Delta } from "./delta.ts";
import { context, type FieldsOf, field, type LiveContext } from "./field.ts";
import { openContext } from "./live-context.ts";
import { shapeOf } from "./shape.ts";
import { type ContextState, initialState } from "./state.ts";

const Order = context({
  bytes: field.register<Uint8Array | null>(null),
  count: field.register<number>(0),
  doc: field.merged<string[]>({
    empty: [],
    merge: (left, right) => {
      if (right.includes("bad")) throw new TypeError("cannot merge bad");
      left.push(...right); // on its own copy
      return right.includes("NaN") ? (Number.NaN as never) : left;
    },
  }),
  high: field.maximum(),
  log: field.eventLog<{ n?: number; items?: unknown[] }>(),
  notes: field.map<{ text: string }>(),
  region: field.fixed({ name: "eu" }),
  seen: field.set<unknown>(),
  total: field.counter(),
});
const shape = shapeOf(Order);
const number = (name: string) => shape.numbers.get(name) ?? -1;
const stamp = { item: "item", epoch: 2, at: 50 };

/** A state with these deltas, each of an item of its own. */
function stateOf(...deltas: Delta[]): ContextState {
  return deltas.reduce(
    (state, delta, at) => applyDelta(shape, state, delta, { item: `other-${at}`, epoch: 1, at }),
    initialState(shape),
  );
}

/** An attempt, and its live context with its types. */
function open(state: ContextState = initialState(shape)) {
  const attempt = openContext(shape, state, stamp);
  return { attempt, live: attempt.live as LiveContext<FieldsOf<typeof Order>> };
}

const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

describe("what is recorded", () => {
  test("an attempt that does nothing has no delta, no reads and no writes", () => {
    const { attempt, live } = open();
    void [live.log, live.total, live.seen.add];
    expect([attempt.delta(), attempt.reads(), attempt.writes(), attempt.updates()]).toEqual([undefined, [], [], []]);
  });

  test("changes alone are no reads", () => {
    const { attempt, live } = open();
    live.count.set(1);
    live.log.append({ n: 1 });
    live.total.add();
    live.seen.add(1);
    live.seen.delete(2);
    live.notes.set("a", { text: "a" });
    live.notes.delete("b");
    live.high.offer(1);
    live.doc.merge(["a"]);
    live.count.update((count) => count + 1);
    expect(attempt.reads()).toEqual([]);
    const changed = ["count", "doc", "high", "log", "notes", "seen", "total"].map(number);
    expect(attempt.writes()).toEqual(changed);
    expect(attempt.delta()?.map(([name, operation]) => `${name}.${operation}`)).toEqual([
      "count.set",
      "doc.merge",
      "high.offer",
      "log.append",
      "notes.delete",
      "notes.set",
      "seen.delete",
      "seen.add",
      "total.add",
    ]);
  });

  test.each<[string, (live: LiveContext<FieldsOf<typeof Order>>) => unknown]>([
    ["count", ({ count }) => count.value],
    ["total", ({ total }) => total.value],
    ["high", ({ high }) => high.value],
    ["doc", ({ doc }) => doc.value],
    ["log", ({ log }) => [...log]],
    ["log", ({ log }) => log.events],
    ["log", ({ log }) => log.length],
    ["log", ({ log }) => log.fold(0, (count) => count + 1)],
    ["seen", ({ seen }) => seen.has(1)],
    ["seen", ({ seen }) => seen.size],
    ["seen", ({ seen }) => [...seen]],
    ["notes", ({ notes }) => notes.get("a")],
    ["notes", ({ notes }) => notes.has("a")],
    ["notes", ({ notes }) => notes.size],
    ["notes", ({ notes }) => [...notes]],
  ])("looking at %s is a read of it alone (%#)", (name, look) => {
    const { attempt, live } = open();
    look(live);
    expect(attempt.reads()).toEqual([number(name)]);
    expect(attempt.delta()).toBeUndefined();
  });

  test("looking at a fixed field is no read, since it cannot change", () => {
    const { attempt, live } = open();
    expect(live.region.value).toEqual({ name: "eu" });
    expect(attempt.reads()).toEqual([]);
  });

  test("operations that later ones make superfluous are left out", () => {
    const { attempt, live } = open();
    for (let n = 1; n <= 1_000; n += 1) {
      live.count.set(n);
      live.total.add(0.1);
      live.high.offer(n);
      live.seen.add(n % 3);
      live.notes.set(`key ${n % 2}`, { text: String(n) });
    }
    live.notes.delete("key 0");
    expect(attempt.delta()).toEqual([
      ["count", "set", 1_000],
      ["high", "offer", 1_000],
      ["notes", "delete", ["key 0"]],
      ["notes", "set", [["key 1", { text: "999" }]]],
      ["seen", "add", [1, 2, 0]],
      ["total", "add", expect.any(Number)],
      ["total", "add", expect.any(Number)],
    ]);
    expect(live.total.value).toBe(100);
    expect(open(stateOf(attempt.delta() ?? [])).live.total.value).toBe(100);
  });

  test("increments that cancel out, and offers that beat nothing, are no writes", () => {
    const { attempt, live } = open(stateOf([["high", "offer", 9]]));
    live.total.add(5);
    live.total.add(-5);
    live.total.add(0);
    live.high.offer(3);
    expect([attempt.delta(), attempt.writes()]).toEqual([undefined, []]);
  });
});

describe("what a body sees", () => {
  test("its own changes, over those committed when it started", () => {
    const base = stateOf([["log", "append", [{ n: 1 }]]], [["total", "add", 2]]);
    const { live } = open(base);
    live.log.append({ n: 2 });
    live.log.append({ n: 3 });
    live.total.add(3);
    expect([...live.log]).toEqual([
      { id: "other-0/1/0", at: 0, event: { n: 1 } },
      { id: "item/2/0", at: 50, event: { n: 2 } },
      { id: "item/2/1", at: 50, event: { n: 3 } },
    ]);
    expect(live.log.events).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(live.total.value).toBe(5);
    expect(open(base).live.log.length).toBe(1);
  });

  test("a log is iterated as it was when the iteration began, also while it is appended to", () => {
    const { live } = open(stateOf([["log", "append", [{ n: 1 }, { n: 2 }]]]));
    for (const { event } of live.log) {
      live.log.append({ n: 10 + (event.n ?? 0) });
    }
    expect(live.log.events.map(({ n }) => n)).toEqual([1, 2, 11, 12]);
  });

  test("functions of a field may be handed on alone", () => {
    const { live } = open();
    const { append } = live.log;
    const { log } = live;
    for (const event of [{ n: 1 }, { n: 2 }]) {
      append(event);
    }
    expect(log.length).toBe(2);
  });

  test("the context has its fields and nothing else", () => {
    const { live } = open();
    expect("total" in live).toBe(true);
    expect(Reflect.get(live, "constructor")).toBeUndefined();
    expect(Reflect.get(live, "__proto__")).toBeUndefined();
    expect(() => Object.assign(live, { total: 1 })).toThrow(TypeError);
  });
});

describe("update", () => {
  test("is computed from the field and recorded as its new value", () => {
    const { attempt, live } = open(stateOf([["count", "set", 4]]));
    live.count.update((count) => count + 1);
    live.count.update((count) => count * 10);
    expect(attempt.delta()).toEqual([["count", "set", 50]]);
    expect([attempt.updates(), attempt.reads()]).toEqual([[number("count")], []]);
  });

  test("on top of an own set depends on nobody else", () => {
    const { attempt, live } = open();
    live.count.update((count) => count + 1);
    live.count.set(5);
    live.count.update((count) => count + 1);
    expect([attempt.delta(), attempt.updates()]).toEqual([[["count", "set", 6]], []]);
  });

  test("may change the copy it is given", () => {
    const List = shapeOf(context({ list: field.register<number[]>([1]) }));
    const base = initialState(List);
    const attempt = openContext(List, base, stamp);
    const { list } = attempt.live as LiveContext<{ list: ReturnType<typeof field.register<number[]>> }>;
    list.update((numbers) => {
      numbers.push(2);
      return numbers;
    });
    expect(list.value).toEqual([1, 2]);
    expect(base).toEqual(initialState(List));
  });

  test("must give a value that can be stored, and must be pure", () => {
    const { attempt, live } = open();
    expect(() => live.count.update(() => undefined as never)).toThrow(refusal("INVALID_VALUE", "context.count"));
    expect(() => live.count.update((async () => 1) as never)).toThrow(refusal("INVALID_VALUE", "context.count"));
    expect(() =>
      live.count.update(() => {
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
    expect(() =>
      live.count.update((count) => {
        live.total.add(1);
        return count;
      }),
    ).toThrow(refusal("INVALID_VALUE", "pure"));
    expect(attempt.delta()).toBeUndefined();
    live.total.add(1);
    expect(attempt.delta()).toEqual([["total", "add", 1]]);
  });
});

describe("rebase", () => {
  test("makes updates again on the newer state, without the body, so that none is lost", () => {
    const base = stateOf([["count", "set", 1]]);
    const { attempt, live } = open(base);
    live.count.update((count) => count + 10);
    live.count.update((count) => count * 2);
    live.log.append({ n: 1 });
    attempt.close();
    const newer = applyDelta(shape, base, [["count", "set", 5]], { item: "b", epoch: 1, at: 1 });
    expect(attempt.rebase(newer)).toEqual({
      kind: "rebased",
      delta: [
        ["count", "set", 30],
        ["log", "append", [{ n: 1 }]],
      ],
    });
    const newest = applyDelta(shape, newer, [["count", "set", 0]], { item: "c", epoch: 1, at: 1 });
    expect(attempt.rebase(newest)).toMatchObject({ kind: "rebased", delta: [["count", "set", 20], expect.anything()] });
    expect(live.count.value).toBe(20);
  });

  test("is refused where the body looked at a field that changed, unless reads do not matter", () => {
    const base = initialState(shape);
    const { attempt, live } = open(base);
    if (live.total.value < 5) live.count.update((count) => count + 1);
    const newer = applyDelta(
      shape,
      base,
      [
        ["total", "add", 9],
        ["count", "set", 3],
      ],
      { item: "b", epoch: 1, at: 1 },
    );
    expect(attempt.rebase(newer)).toEqual({ kind: "stale", fields: [number("total")] });
    expect(attempt.delta()).toEqual([["count", "set", 1]]);
    expect(attempt.rebase(newer, { ignoreReads: true })).toEqual({ kind: "rebased", delta: [["count", "set", 4]] });
  });

  test("is allowed where only fields changed that the body did not look at", () => {
    const base = initialState(shape);
    const { attempt, live } = open(base);
    if (live.total.value < 5) live.count.update((count) => count + 1);
    const newer = applyDelta(
      shape,
      base,
      [
        ["count", "set", 3],
        ["seen", "add", [1]],
      ],
      { item: "b", epoch: 1, at: 1 },
    );
    expect(attempt.rebase(newer)).toEqual({ kind: "rebased", delta: [["count", "set", 4]] });
  });

  test("changes nothing if a function of the user's throws", () => {
    const base = initialState(shape);
    const { attempt, live } = open(base);
    live.total.add(1);
    live.count.update((count) => {
      if (count > 2) throw new RangeError("too many");
      return count + 1;
    });
    const newer = applyDelta(
      shape,
      base,
      [
        ["count", "set", 3],
        ["total", "add", 5],
      ],
      { item: "b", epoch: 1, at: 1 },
    );
    expect(() => attempt.rebase(newer)).toThrow("too many");
    expect(attempt.delta()).toEqual([
      ["count", "set", 1],
      ["total", "add", 1],
    ]);
    expect(live.total.value).toBe(1);
  });
});

describe("merged", () => {
  test("works on copies", () => {
    const base = stateOf([["doc", "merge", [["a"]]]]);
    const { attempt, live } = open(base);
    const fragment = ["b"];
    live.doc.merge(fragment);
    fragment.push("c");
    live.doc.merge(["d"]);
    expect(live.doc.value).toEqual(["a", "b", "d"]);
    expect(attempt.delta()).toEqual([["doc", "merge", [["b"], ["d"]]]]);
    expect(open(base).live.doc.value).toEqual(["a"]);
  });

  test("a merge that throws or gives what cannot be stored is INVALID_OUTPUT with the field's name", () => {
    const { attempt, live } = open();
    expect(() => live.doc.merge(["bad"])).toThrow(
      expect.objectContaining({
        code: "INVALID_OUTPUT",
        message: expect.stringContaining("context.doc"),
        cause: expect.any(TypeError),
      }),
    );
    expect(() => live.doc.merge(["NaN"])).toThrow(refusal("INVALID_OUTPUT", "context.doc"));
    expect(attempt.delta()).toBeUndefined();
    expect(() => stateOf([["doc", "merge", [["bad"]]]])).toThrow(refusal("INVALID_OUTPUT", "context.doc"));
  });
});

describe("the end of an attempt", () => {
  test("after close every change throws CLOSED, and later reads are not recorded", () => {
    const { attempt, live } = open();
    live.total.add(1);
    const { log } = live;
    attempt.close();
    attempt.close();
    for (const change of [
      () => live.total.add(1),
      () => log.append({ n: 1 }),
      () => live.count.set(1),
      () => live.count.update((count) => count),
      () => live.seen.add(1),
      () => live.seen.delete(1),
      () => live.notes.set("a", { text: "" }),
      () => live.notes.delete("a"),
      () => live.high.offer(1),
      () => live.doc.merge([]),
    ]) {
      expect(change).toThrow(refusal("CLOSED", "the attempt it belongs to has ended"));
    }
    expect(live.total.value).toBe(1);
    expect(attempt.reads()).toEqual([]);
    expect(attempt.delta()).toEqual([["total", "add", 1]]);
  });

  test("discard drops what was recorded and closes", () => {
    const { attempt, live } = open();
    live.total.add(live.count.value + 1);
    live.count.update((count) => count + 1);
    attempt.discard();
    expect([attempt.delta(), attempt.reads(), attempt.writes(), attempt.updates()]).toEqual([undefined, [], [], []]);
    expect(live.total.value).toBe(0);
    expect(() => live.total.add(1)).toThrow(refusal("CLOSED", "context.total"));
  });
});
