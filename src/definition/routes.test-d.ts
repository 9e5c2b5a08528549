/** What the compiler says about routes and guards, each mistake at its place. Checked by `tsc`; nothing here runs. */

import { context, field } from "./context/field.ts";
import { node } from "./node.ts";
import { unchecked } from "./schema.ts";
import { next, nextAll } from "./transition.ts";
import { variant, variantBy } from "./variant.ts";
import { workflow } from "./workflow.ts";

const w = { name: "w", version: "1" } as const;
const num = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const str = node({ input: unchecked<string>(), run: ({ input }) => next(input) });
const sort = node({
  input: unchecked<number>(),
  run: ({ input }) =>
    input > 9
      ? next(variant("above", input))
      : input > 3
        ? next(variant("mid", input))
        : next(variant("below", `${input}`)),
});

// Routes: every kind has a way, "*" takes the others, each receives the variant's value.
workflow({
  ...w,
  nodes: { sort, num, str },
  start: "sort",
  edges: { sort: { route: { above: "num", mid: ["num"], below: "str" } }, num: [], str: [] },
});
workflow({
  ...w,
  nodes: { sort, num, str },
  start: "sort",
  edges: { sort: { route: { below: "str", "*": "num" } }, num: [], str: [] },
});
workflow({ ...w, nodes: { sort }, start: "sort", edges: { sort: { route: { above: [], "*": [] } } } });
workflow({
  ...w,
  nodes: { sort, num },
  start: "sort",
  edges: {
    sort: {
      // @ts-expect-error the kind below has no way
      route: { above: "num", mid: "num" },
    },
    num: [],
  },
});
workflow({
  ...w,
  nodes: { sort, num, str },
  start: "sort",
  edges: {
    sort: {
      route: {
        above: "num",
        // @ts-expect-error the others are numbers and texts
        "*": "str",
      },
    },
    num: [],
    str: [],
  },
});
workflow({
  ...w,
  nodes: { sort, num },
  start: "sort",
  edges: {
    sort: {
      route: {
        above: "num",
        "*": [],
        // @ts-expect-error sort never emits this kind
        beneath: [],
      },
    },
    num: [],
  },
});
workflow({
  ...w,
  nodes: { sort, num },
  start: "sort",
  edges: {
    // @ts-expect-error variants need a route
    sort: "num",
    num: [],
  },
});
workflow({
  ...w,
  nodes: { num },
  start: "num",
  edges: {
    // @ts-expect-error plain values need no route
    num: { route: { a: [] } },
  },
});

// Plain values and variants of one node.
const mixed = node({
  input: unchecked<number>(),
  run: ({ input }) => (input > 1 ? next(variant("big", `${input}`)) : next(input)),
});
workflow({
  ...w,
  nodes: { mixed, num, str },
  start: "mixed",
  edges: { mixed: { to: "num", route: { big: "str" } }, num: [], str: [] },
});
workflow({
  ...w,
  nodes: { mixed, str },
  start: "mixed",
  edges: {
    // @ts-expect-error the plain values have no way
    mixed: { route: { big: "str" } },
    str: [],
  },
});

// A discriminated union is routed by its tag, each member to its own node.
declare const call: { name: "search"; args: { q: string } } | { name: "calc"; args: { e: number } };
const decide = node({ input: unchecked<number>(), run: () => nextAll([variantBy("name", call)]) });
const search = node({ input: unchecked<{ args: { q: string } }>(), run: ({ input }) => next(input.args.q) });
const calc = node({ input: unchecked<{ args: { e: number } }>(), run: ({ input }) => next(input.args.e) });
workflow({
  ...w,
  nodes: { decide, search, calc },
  start: "decide",
  edges: { decide: { route: { search: "search", calc: "calc" } }, search: [], calc: [] },
});
workflow({
  ...w,
  nodes: { decide, search, calc },
  start: "decide",
  edges: {
    decide: {
      route: {
        // @ts-expect-error not what calc takes
        search: "calc",
        // @ts-expect-error not what search takes
        calc: "search",
      },
    },
    search: [],
    calc: [],
  },
});

// Guards see the value and the context, and end in a default.
const Shop = context({ limit: field.counter(), log: field.eventLog<string>() });
workflow({
  ...w,
  context: Shop,
  nodes: { sort, num, str },
  start: "sort",
  edges: {
    sort: {
      route: {
        above: [
          { name: "over the limit", when: (value, { context }) => value > context.limit.value, to: "num" },
          { when: (value) => value.toFixed().length > 3, to: ["num", "sort"] },
          { to: [] },
        ],
        mid: "num",
        below: [{ when: (value) => value.startsWith("-"), to: "str" }, { to: [] }],
      },
    },
    num: [{ when: (value) => value > 3, to: "num" }, { to: [] }],
    str: { to: [{ when: (_, { context }) => context.log.length > 1, to: "str" }, { to: [] }] },
  },
});
workflow({
  ...w,
  nodes: { num },
  start: "num",
  edges: {
    // @ts-expect-error no default at the end
    num: [{ when: (value: number) => value > 3, to: "num" }],
  },
});
workflow({
  ...w,
  nodes: { num, str },
  start: "num",
  edges: {
    num: [
      {
        when: (value) => value > 3,
        // @ts-expect-error a number is not accepted by str, behind a guard either
        to: "str",
      },
      { to: "num" },
    ],
    str: [],
  },
});
workflow({
  ...w,
  context: Shop,
  nodes: { num },
  start: "num",
  edges: {
    num: [
      {
        when: (_, { context }) => {
          // @ts-expect-error a guard reads the context only
          context.limit.add(1);
          return true;
        },
        to: "num",
      },
      { to: [] },
    ],
  },
});
