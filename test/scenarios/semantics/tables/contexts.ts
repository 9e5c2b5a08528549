/** Fields of the shared context under many items at once: each kind keeps what it promises. */

import { context, field, next, nextAll, node, split, unchecked, workflow } from "../../../../src/index.ts";
import { anyOrder, range, type Scenario } from "../scenario.ts";

const MANY = 50;
const feed = split(unchecked<number>(), range);

const Every = context({
  version: field.fixed({ build: 7, tags: ["a"] }),
  log: field.eventLog<{ readonly item: number; readonly n: number }>(),
  last: field.register<number>(-1),
  updated: field.register<{ readonly sum: number; readonly seen: readonly number[] }>({ sum: 0, seen: [] }),
  hits: field.counter(100),
  fractions: field.counter(),
  evens: field.set<number>(),
  records: field.set<{ readonly a: number; readonly b: number }>(),
  owners: field.map<number>(),
  highest: field.maximum(),
  lowest: field.minimum(),
  bag: field.merged<Readonly<Record<string, number>>>({
    empty: {},
    merge: (a, b) =>
      Object.fromEntries(
        [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]),
      ),
  }),
});

const work = node({
  context: Every,
  input: unchecked<number>(),
  run({ input, context: every }) {
    every.log.append({ item: input, n: 0 });
    every.log.append({ item: input, n: 1 });
    every.last.set(input);
    every.updated.update(({ sum, seen }) => ({ sum: sum + input, seen: [...seen, input] }));
    every.hits.add(input);
    every.hits.add(-1);
    every.fractions.add(0.1);
    if (input % 2 === 0) every.evens.add(input);
    every.records.add({ b: input % 3, a: 1 });
    every.owners.set(`k${input % 5}`, input % 5);
    every.highest.offer(input);
    every.lowest.offer(-input);
    every.bag.merge({ [input % 2 === 0 ? "even" : "odd"]: 1 });
    return next(every.version.value.build);
  },
});

const everyField = workflow({
  name: "every-field-at-once",
  version: "1",
  context: Every,
  completion: "all",
  nodes: { feed, work },
  start: "feed",
  edges: { feed: "work", work: [] },
});

/** One after another: later commits see and replace what earlier ones did. */
const Sequence = context({
  value: field.register<string>("start"),
  tags: field.set<string>(),
  keys: field.map<string>(),
  log: field.eventLog<string>(),
  extreme: field.maximum(),
});

const sequence = workflow({
  name: "one-change-after-another",
  version: "1",
  context: Sequence,
  nodes: {
    one: node({
      context: Sequence,
      input: unchecked<null>(),
      run({ context: sequence_ }) {
        const { value, tags, keys, log } = sequence_;
        value.set("one");
        value.update((before) => `${before}!`);
        tags.add("a");
        tags.add("b");
        keys.set("x", "1");
        keys.set("y", "1");
        log.append(`${value.value} ${tags.size} ${keys.size} ${log.length}`);
        return next(null);
      },
    }),
    two: node({
      context: Sequence,
      input: unchecked<null>(),
      run({ context: sequence_ }) {
        const { value, tags, keys, log, extreme } = sequence_;
        log.append(`${value.value} ${[...tags].join()} ${keys.get("x") ?? ""} ${extreme.value ?? "none"}`);
        tags.delete("a");
        tags.add("a");
        tags.delete("b");
        keys.delete("x");
        keys.set("y", "2");
        extreme.offer(-5);
        value.update((before) => before.toUpperCase());
        return next(null);
      },
    }),
    three: node({
      context: Sequence,
      input: unchecked<null>(),
      run: ({ context: { value, tags, keys, log, extreme } }) =>
        next({
          value: value.value,
          tags: [...tags],
          keys: Object.fromEntries(keys),
          log: log.events,
          extreme: extreme.value ?? null,
          folded: log.fold(0, (sum, event) => sum + event.length),
        }),
    }),
  },
  start: "one",
  edges: { one: "two", two: "three", three: [] },
});

/** Ids of events are of item, epoch and index, all different; each sees its own before they are committed. */
const Log = context({ log: field.eventLog<number>() });

const events = workflow({
  name: "ids-of-events",
  version: "1",
  context: Log,
  completion: "all",
  nodes: {
    feed,
    note: node({
      context: Log,
      input: unchecked<number>(),
      run({ input, itemId, context: { log } }) {
        const before = log.length;
        for (const index of range(3)) log.append(input * 10 + index);
        const own = [...log].slice(before).map(({ id, event }) => `${id.replace(itemId, "me")} ${event - input * 10}`);
        return next(own.join());
      },
    }),
  },
  start: "feed",
  edges: { feed: "note", note: [] },
});

const Given = context({
  fixed: field.fixed<string>("unset"),
  register: field.register<number>(1),
  log: field.eventLog<string>(),
  counter: field.counter(5),
  set: field.set<string>(),
  map: field.map<number>(),
  maximum: field.maximum(),
  merged: field.merged<readonly number[]>({ empty: [], merge: (a, b) => [...a, ...b] }),
});

const given = workflow({
  name: "initial-values",
  version: "1",
  context: Given,
  nodes: {
    look: node({
      context: Given,
      input: unchecked<null>(),
      run({ context: live }) {
        live.merged.merge([9]);
        live.counter.add(1);
        return next({
          fixed: live.fixed.value,
          register: live.register.value,
          log: live.log.events,
          counter: live.counter.value,
          set: [...live.set],
          map: Object.fromEntries(live.map),
          maximum: live.maximum.value ?? null,
          merged: live.merged.value,
        });
      },
    }),
  },
  start: "look",
  edges: { look: [] },
});

/** Changes that cannot be stored are refused where they are made, and the attempt may go on without them. */
const refused = workflow({
  name: "changes-that-are-refused",
  version: "1",
  context: Given,
  nodes: {
    look: node({
      context: Given,
      input: unchecked<null>(),
      run({ context: live }) {
        const codes: string[] = [];
        const tried = (change: () => void): void => {
          try {
            change();
            codes.push("taken");
          } catch (error) {
            codes.push(error instanceof Error && "code" in error ? String(error.code) : "no code");
          }
        };
        tried(() => live.register.set(Number.NaN));
        tried(() => live.counter.add(Number.POSITIVE_INFINITY));
        tried(() => live.log.append(JSON.parse('{"__proto__":{"admin":1}}')));
        tried(() => live.map.set("__proto__", 1));
        tried(() => live.maximum.offer(Number.NaN));
        tried(() =>
          live.register.update(() => {
            throw new RangeError("an update that throws");
          }),
        );
        return next({ codes, register: live.register.value, counter: live.counter.value });
      },
    }),
  },
  start: "look",
  edges: { look: [] },
});

const large = workflow({
  name: "a-delta-that-is-too-large",
  version: "1",
  context: Given,
  nodes: {
    look: node({
      context: Given,
      input: unchecked<null>(),
      retry: { maxAttempts: 3, initialBackoff: 1 },
      run({ context: live }) {
        for (const index of range(40)) live.log.append(`${index}${"x".repeat(30_000)}`);
        return next(live.log.length);
      },
    }),
  },
  start: "look",
  edges: { look: [] },
});

/** A node may declare a part of the context, or none of it. */
const partly = workflow({
  name: "parts-of-the-context",
  version: "1",
  context: Given,
  nodes: {
    none: node({ input: unchecked<null>(), run: () => next(3) }),
    some: node({
      context: context({ register: Given.fields.register }),
      input: unchecked<number>(),
      run({ input, context: live }) {
        live.register.update((before) => before + input);
        return next(live.register.value);
      },
    }),
  },
  start: "none",
  edges: { none: "some", some: [] },
});

const silent = workflow({
  name: "context-after-the-end",
  version: "1",
  context: Given,
  nodes: {
    spread: node({ input: unchecked<null>(), run: () => nextAll([1]) }),
    late: node({
      context: Given,
      input: unchecked<number>(),
      run({ context: live }) {
        const add = live.counter.add;
        queueMicrotask(() => {
          setImmediate(() => {
            try {
              add(1_000);
            } catch {
              // Refused with CLOSED: the attempt has ended.
            }
          });
        });
        return next(live.counter.value);
      },
    }),
    wait: node({
      input: unchecked<number>(),
      run: async ({ input }) =>
        next(await new Promise<number>((resolve) => setImmediate(() => setImmediate(() => resolve(input))))),
    }),
  },
  start: "spread",
  edges: { spread: "late", late: "wait", wait: [] },
});

const total = (MANY * (MANY - 1)) / 2;

export const contexts: readonly Scenario[] = [
  {
    title: "fifty items at once change every kind of field, and nothing is lost or counted twice",
    workflow: everyField,
    input: MANY,
    expected: {
      output: range(MANY).map(() => 7),
      context: {
        version: { build: 7, tags: ["a"] },
        log: anyOrder(range(MANY).flatMap((item) => [0, 1].map((n) => ({ item, n })))),
        hits: 100 + total - MANY,
        fractions: 5,
        evens: anyOrder(range(MANY).filter((at) => at % 2 === 0)),
        records: anyOrder(range(3).map((b) => ({ b, a: 1 }))),
        owners: Object.fromEntries(range(5).map((at) => [`k${at}`, at])),
        highest: MANY - 1,
        lowest: 1 - MANY,
        bag: { even: MANY / 2, odd: MANY / 2 },
      },
    },
  },
  {
    title: "what a node changes it sees at once, and the next one sees after it",
    workflow: sequence,
    input: null,
    expected: {
      output: {
        value: "ONE!",
        tags: ["a"],
        keys: { y: "2" },
        log: ["one! 2 2 0", "one! a,b 1 none"],
        extreme: -5,
        folded: "one! 2 2 0".length + "one! a,b 1 none".length,
      },
    },
  },
  {
    title: "events have ids of item, epoch and index, from the moment they are appended",
    workflow: events,
    input: 10,
    expected: { output: range(10).map(() => "me/1/0 0,me/1/1 1,me/1/2 2") },
  },
  {
    title: "initial values go in by field, and changes go on from them",
    workflow: given,
    input: null,
    context: {
      fixed: "set",
      register: 8,
      log: ["begun"],
      counter: 40,
      set: ["s"],
      map: { m: 1 },
      maximum: 3,
      merged: [1],
    },
    expected: {
      output: {
        fixed: "set",
        register: 8,
        log: ["begun"],
        counter: 41,
        set: ["s"],
        map: { m: 1 },
        maximum: 3,
        merged: [1, 9],
      },
      context: { fixed: "set", counter: 41, merged: [1, 9], maximum: 3 },
    },
  },
  {
    title: "fields that were given no value have that of their declaration",
    workflow: given,
    input: null,
    expected: {
      output: { fixed: "unset", register: 1, log: [], counter: 6, set: [], map: {}, maximum: null, merged: [9] },
    },
  },
  {
    title: "a change that cannot be stored is refused where it is made and leaves nothing",
    workflow: refused,
    input: null,
    expected: {
      output: {
        codes: ["INVALID_VALUE", "INVALID_VALUE", "INVALID_VALUE", "taken", "INVALID_VALUE", "no code"],
        register: 1,
        counter: 5,
      },
      context: { register: 1, counter: 5, log: [] },
    },
  },
  {
    title: "changes of more than a mebibyte fail the attempt with PAYLOAD_TOO_LARGE, once",
    workflow: large,
    input: null,
    expected: { failure: { code: "PAYLOAD_TOO_LARGE", attempt: 1 }, context: { log: [] } },
  },
  {
    title: "a node may need a part of the context alone",
    workflow: partly,
    input: null,
    expected: { output: 4, context: { register: 4, counter: 5 } },
  },
  {
    title: "a change after the attempt has ended has no effect",
    workflow: silent,
    input: null,
    expected: { output: 5, context: { counter: 5 } },
  },
];
