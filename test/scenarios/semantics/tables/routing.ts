/** Where values go: several successors, variants, wildcards, guards, terminal routes, and loops. */

import { z } from "zod";
import {
  context,
  dynamicWorkflow,
  field,
  next,
  nextAll,
  node,
  unchecked,
  type Variant,
  variant,
  variantBy,
  workflow,
} from "../../../../src/index.ts";
import type { Scenario } from "../scenario.ts";

const tagged = (tag: string) => node({ input: unchecked<number>(), run: ({ input }) => next(`${tag} ${input}`) });

const measured = workflow({
  name: "route-by-kind",
  version: "1",
  completion: "all",
  nodes: {
    measure: node({
      input: unchecked<readonly number[]>(),
      run: ({ input }) =>
        nextAll(
          input.map((value) =>
            value > 100
              ? variant("high", value)
              : value < 0
                ? variant("low", value)
                : value === 0
                  ? variant("zero", value)
                  : variant("plain", value),
          ),
        ),
    }),
    big: tagged("big"),
    small: tagged("small"),
    other: tagged("other"),
  },
  start: "measure",
  edges: {
    measure: { route: { high: "big", low: ["small", "other"], zero: [], "*": "other" } },
    big: [],
    small: [],
    other: [],
  },
});

const plainAndRouted = workflow({
  name: "plain-values-and-variants",
  version: "1",
  completion: "all",
  nodes: {
    sort: node({
      input: unchecked<readonly number[]>(),
      run: ({ input }) => nextAll(input.map((value) => (value % 2 === 0 ? value : variant("odd", value)))),
    }),
    even: tagged("even"),
    odd: tagged("odd"),
  },
  start: "sort",
  edges: { sort: { to: "even", route: { odd: "odd" } }, even: [], odd: [] },
});

const Shape = z.discriminatedUnion("type", [
  z.object({ type: z.literal("circle"), radius: z.number() }),
  z.object({ type: z.literal("square"), side: z.number() }),
]);

const shapes = workflow({
  name: "route-by-tag",
  version: "1",
  nodes: {
    look: node({ input: Shape, run: ({ input }) => next(variantBy("type", input)) }),
    circle: node({
      input: z.object({ type: z.literal("circle"), radius: z.number() }),
      run: ({ input }) => next(`circle of ${input.radius}`),
    }),
    square: node({
      input: z.object({ type: z.literal("square"), side: z.number() }),
      run: ({ input }) => next(`square of ${input.side}`),
    }),
  },
  start: "look",
  edges: { look: { route: { circle: "circle", square: "square" } }, circle: [], square: [] },
});

const Threshold = context({ limit: field.register<number>(10), seen: field.counter() });

const guarded = workflow({
  name: "guards",
  version: "1",
  completion: "all",
  context: Threshold,
  nodes: {
    feed: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }),
    weigh: node({
      context: Threshold,
      input: unchecked<number>(),
      serializable: true,
      run({ input, context: threshold }) {
        threshold.seen.add();
        if (input === 7) threshold.limit.set(1);
        return next(input);
      },
    }),
    negative: tagged("negative"),
    heavy: tagged("heavy"),
    light: tagged("light"),
  },
  start: "feed",
  edges: {
    feed: "weigh",
    weigh: [
      { name: "is negative", when: (value) => value < 0, to: "negative" },
      { when: (value, { context: threshold }) => value > threshold.limit.value, to: ["heavy"] },
      { to: "light" },
    ],
    negative: [],
    heavy: [],
    light: [],
  },
});

const guardedRoutes = workflow({
  name: "guards-of-a-route",
  version: "1",
  completion: "all",
  nodes: {
    feed: node({
      input: unchecked<readonly number[]>(),
      run: ({ input }) => nextAll(input.map((value) => variant("number", value))),
    }),
    even: tagged("even"),
    big: tagged("big"),
  },
  start: "feed",
  edges: {
    feed: {
      route: {
        number: [
          { when: (value) => value % 2 === 0, to: ["even", "big"] },
          { when: (value) => value > 100, to: "big" },
          { to: [] },
        ],
      },
    },
    even: [],
    big: [],
  },
});

/** A guard that answers as the value tells it to. */
const badGuards = dynamicWorkflow<string, unknown>({
  name: "guards-that-fail",
  version: "1",
  nodes: {
    ask: node({ input: unchecked<string>(), run: ({ input }) => next(input) }),
    told: node({ input: unchecked<string>(), run: ({ input }) => next(input) }),
  },
  start: "ask",
  edges: {
    ask: [{ name: "moody", when: (value: string) => JSON.parse(value), to: "told" }, { to: [] }],
    told: [],
  },
});

const unrouted = dynamicWorkflow<string, unknown>({
  name: "kinds-that-nobody-routes",
  version: "1",
  nodes: {
    emit: node({
      input: unchecked<string>(),
      run: ({ input }): ReturnType<typeof next<Variant<string, number> | number>> =>
        next(input === "" ? 5 : variant(input, 5)),
    }),
    known: tagged("known"),
  },
  start: "emit",
  edges: { emit: { route: { known: "known" } }, known: [] },
});

const named = dynamicWorkflow<string, unknown>({
  name: "kinds-with-names-of-prototypes",
  version: "1",
  completion: "all",
  nodes: {
    emit: node({
      input: unchecked<string>(),
      run: ({ input }) => nextAll(["__proto__", "constructor", input].map((kind) => variant(kind, 1))),
    }),
    constructor: tagged("constructor"),
    rest: tagged("rest"),
  },
  start: "emit",
  edges: { emit: { route: { constructor: "constructor", "*": "rest" } }, constructor: [], rest: [] },
});

const countdown = workflow({
  name: "a-loop",
  version: "1",
  nodes: {
    count: node({
      input: unchecked<number>(),
      run: ({ input }) => next(input > 0 ? variant("again", input - 1) : variant("done", input)),
    }),
  },
  start: "count",
  edges: { count: { route: { again: "count", done: [] } } },
});

const endless = workflow({
  name: "a-loop-without-end",
  version: "1",
  maxItems: 50,
  nodes: { turn: node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) }) },
  start: "turn",
  edges: { turn: { to: [{ name: "never", when: (value) => value < 0, to: [] }, { to: "turn" }] } },
});

/** Each item makes two more, until the limit. */
const breeding = workflow({
  name: "a-loop-that-fans-out",
  version: "1",
  maxItems: 100,
  nodes: { breed: node({ input: unchecked<number>(), run: ({ input }) => nextAll([input, input]) }) },
  start: "breed",
  edges: { breed: { to: [{ name: "never", when: (value) => value < 0, to: [] }, { to: "breed" }] } },
});

const Cents = z.string().transform((text) => Number(text) * 100);

const transformed = workflow({
  name: "schemas-that-transform",
  version: "1",
  nodes: {
    read: node({ input: Cents, output: z.number().transform(String), run: ({ input }) => next(input) }),
    again: node({ input: Cents, run: ({ input }) => next(input) }),
  },
  start: "read",
  edges: { read: "again", again: [] },
});

const refused = workflow({
  name: "schemas-that-refuse",
  version: "1",
  nodes: {
    give: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
    take: node({
      input: z.number().max(10, "must be small"),
      output: z.number().min(0, "must not be negative"),
      retry: { maxAttempts: 3, initialBackoff: 1 },
      run: ({ input }) => next(input),
    }),
  },
  start: "give",
  edges: { give: "take", take: [] },
});

export const routing: readonly Scenario[] = [
  {
    title: "a kind goes to its own successors, every other kind to the wildcard, and no successor is an output",
    workflow: measured,
    input: [500, 5, -5, 0, 1],
    expected: { output: ["big 500", "other 5", "small -5", "other -5", 0, "other 1"] },
  },
  {
    title: "a node may emit plain values and variants",
    workflow: plainAndRouted,
    input: [1, 2, 3, 4],
    expected: { output: ["odd 1", "even 2", "odd 3", "even 4"] },
  },
  {
    title: "a member of a union goes by its tag",
    workflow: shapes,
    input: { type: "square", side: 3 },
    expected: { output: "square of 3" },
  },
  {
    title: "guards see the value, and the context with the attempt's own changes; the last way is the default",
    workflow: guarded,
    input: [-1, 11, 7],
    // 7 lowers the limit before its own guard is asked; 11 is above it before and after.
    expected: { output: ["negative -1", "heavy 11", "heavy 7"], context: { limit: 1, seen: 3 } },
  },
  {
    title: "the way of a kind may be guarded, to several successors or to the end",
    workflow: guardedRoutes,
    input: [2, 101, 3],
    expected: { output: ["even 2", "big 2", "big 101", 3] },
  },
  ...[
    ["throws", "{", "ERROR", /JSON/],
    ["answers with a text", '"yes"', "INVALID_OUTPUT", /guard "moody" that answered with a value of type string/],
    ["answers with null", "null", "INVALID_OUTPUT", /answered with null/],
  ].map(
    ([how, input, code, message]): Scenario => ({
      title: `a guard that ${String(how)} fails the attempt`,
      workflow: badGuards,
      input,
      expected: {
        failure: { code: String(code), node: "ask", ...(message instanceof RegExp ? { message } : {}) },
        items: { told: {} },
      },
    }),
  ),
  { title: "a guard that agrees wins", workflow: badGuards, input: "true", expected: { output: "true" } },
  {
    title: "a guard that declines leaves the default",
    workflow: badGuards,
    input: "false",
    expected: { output: "false" },
  },
  {
    title: "a kind that no route names fails with INVALID_OUTPUT, which names it",
    workflow: unrouted,
    input: "unknown",
    expected: { failure: { code: "INVALID_OUTPUT", message: /"unknown"/, node: "emit" } },
  },
  {
    title: "a plain value where only variants are routed fails with INVALID_OUTPUT",
    workflow: unrouted,
    input: "",
    expected: { failure: { code: "INVALID_OUTPUT", message: /plain value/ } },
  },
  {
    title: "kinds and nodes may have names that objects inherit",
    workflow: named,
    input: "toString",
    expected: { output: ["rest 1", "constructor 1", "rest 1"] },
  },
  {
    title: "a loop goes round until it is left",
    workflow: countdown,
    input: 60,
    expected: { output: 0, items: { count: { completed: 61 } } },
  },
  {
    title: "a loop without end fails with TOO_MANY_ITEMS, and the attempt that goes too far leaves no trace",
    workflow: endless,
    input: 0,
    expected: {
      failure: { code: "TOO_MANY_ITEMS", message: /50 items/, node: "turn" },
      items: { turn: { completed: 49, cancelled: 1 } },
      errors: [],
    },
  },
  {
    title: "a loop that fans out ends at the limit too",
    workflow: breeding,
    input: 0,
    expected: {
      failure: { code: "TOO_MANY_ITEMS", message: /100/ },
      items: { breed: { completed: 49, cancelled: 50 } },
    },
  },
  {
    title: "edges carry what the schema takes, and each node sees what it makes of it",
    workflow: transformed,
    input: "2",
    expected: { output: 20_000 },
  },
  {
    title: "an input that the schema refuses fails with INVALID_INPUT and is not retried",
    workflow: refused,
    input: 11,
    expected: { failure: { code: "INVALID_INPUT", message: /must be small/, node: "take", attempt: 1 } },
  },
  {
    title: "an output that the schema refuses fails with INVALID_OUTPUT",
    workflow: refused,
    input: -1,
    expected: { failure: { code: "INVALID_OUTPUT", message: /must not be negative/, node: "take" } },
  },
];
