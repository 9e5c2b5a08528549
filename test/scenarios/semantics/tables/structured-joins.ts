/** Joins of one fan-out: when they fire, with what, and in which order. */

import { setTimeout as passed } from "node:timers/promises";
import {
  hold,
  join,
  joinByName,
  next,
  nextAll,
  node,
  split,
  unchecked,
  variant,
  workflow,
} from "../../../../src/index.ts";
import { range, type Scenario } from "../scenario.ts";

const spread = split(unchecked<readonly number[]>(), (values) => values);
const keep = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const gather = join({ of: "spread", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) });

/** The later its place, the sooner it is done. */
const backwards = workflow({
  name: "join-in-branch-order",
  version: "1",
  nodes: {
    spread,
    work: node({
      input: unchecked<number>(),
      async run({ input }) {
        await passed(Math.max(0, 24 - input * 4));
        return next(input);
      },
    }),
    gather,
  },
  start: "spread",
  edges: { spread: "work", work: "gather", gather: [] },
});

const direct = workflow({
  name: "join-at-once",
  version: "1",
  nodes: { spread, gather },
  start: "spread",
  edges: { spread: "gather", gather: [] },
});

const oneOnly = workflow({
  name: "join-of-one-item",
  version: "1",
  nodes: { spread: keep, work: keep, gather },
  start: "spread",
  edges: { spread: "work", work: "gather", gather: [] },
});

/** A branch that ends in some way, told by its value. */
const branch = node({
  input: unchecked<number>(),
  serializable: true,
  run({ input }) {
    switch (input % 5) {
      case 1:
        return hold();
      case 2:
        return nextAll<number>([]);
      case 3:
        throw new Error("falls over");
      case 4:
        return nextAll([input * 10, input * 10 + 1]);
      default:
        return next(input);
    }
  },
});

const anyEnd = workflow({
  name: "join-of-branches-that-end-otherwise",
  version: "1",
  nodes: { spread, branch, mend: node({ input: unchecked<number>(), run: ({ input }) => next(-input) }), gather },
  start: "spread",
  edges: { spread: "branch", branch: { to: "gather", onFailure: "mend" }, mend: "gather", gather: [] },
});

/** A branch that leaves the graph gives an output of its own. */
const early = workflow({
  name: "join-of-branches-that-leave",
  version: "1",
  completion: "all",
  nodes: {
    spread,
    sort: node({
      input: unchecked<number>(),
      run: ({ input }) => next(input % 2 === 0 ? variant("stay", input) : variant("leave", input)),
    }),
    gather,
  },
  start: "spread",
  edges: { spread: "sort", sort: { route: { stay: "gather", leave: [] } }, gather: [] },
});

const twoWays = workflow({
  name: "join-of-several-successors",
  version: "1",
  nodes: {
    spread,
    plus: keep,
    minus: node({ input: unchecked<number>(), run: ({ input }) => next(-input) }),
    gather,
  },
  start: "spread",
  edges: { spread: ["minus", "plus"], plus: "gather", minus: "gather", gather: [] },
});

const pick = node({
  input: unchecked<number>(),
  run: ({ input }) => {
    if (input < 0) return nextAll<ReturnType<typeof variant<"odd" | "even", number>>>([]);
    return nextAll([input % 2 === 0 ? variant("even", input) : variant("odd", input)]);
  },
});

const tagged = (tag: string) =>
  join({ of: "spread", input: unchecked<number>(), run: ({ inputs }) => next(`${tag}: ${inputs.join()}`) });

const byRoutes = workflow({
  name: "several-joins-by-routes",
  version: "1",
  completion: "all",
  nodes: { spread, pick, odds: tagged("odds"), evens: tagged("evens") },
  start: "spread",
  edges: { spread: "pick", pick: { route: { odd: "odds", even: "evens" } }, odds: [], evens: [] },
});

const credit = node({ input: unchecked<number>(), run: ({ input }) => next({ score: input }) });
const identity = node({
  input: unchecked<number>(),
  run: ({ input }) => {
    if (input === 13) return nextAll<{ readonly name: string }>([]);
    if (input === 14) return nextAll([{ name: "first" }, { name: "second" }]);
    return next({ name: `no. ${input}` });
  },
});

const byName = workflow({
  name: "join-by-name",
  version: "1",
  nodes: {
    begin: keep,
    credit,
    identity,
    decide: joinByName({
      of: "begin",
      inputs: { credit: unchecked<{ readonly score: number }>(), identity: unchecked<{ readonly name: string }>() },
      run: ({ inputs }) =>
        next({
          score: inputs.credit?.score ?? null,
          name: inputs.identity?.name ?? null,
          slots: Object.keys(inputs).sort(),
        }),
    }),
  },
  start: "begin",
  edges: { begin: ["credit", "identity"], credit: "decide", identity: "decide", decide: [] },
});

/** The join fails until its third attempt, and is told the same each time. */
const retried = workflow({
  name: "join-that-is-retried",
  version: "1",
  nodes: {
    spread,
    gather: join({
      of: "spread",
      input: unchecked<number>(),
      retry: { maxAttempts: 3, initialBackoff: 1 },
      run({ inputs, attempt }) {
        if (attempt < 3) throw new Error(`not yet: ${inputs.join()}`);
        return next({ attempt, inputs: [...inputs] });
      },
    }),
  },
  start: "spread",
  edges: { spread: "gather", gather: [] },
});

const failedOver = workflow({
  name: "join-that-fails-over",
  version: "1",
  nodes: {
    spread,
    gather: join({
      of: "spread",
      input: unchecked<number>(),
      run({ inputs }) {
        if (inputs.length > 0) throw new Error(`${inputs.length} are too many`);
        return next(0);
      },
    }),
    count: node({
      input: unchecked<readonly number[]>(),
      run: ({ input, error }) => next({ told: error?.message ?? "", input: [...input] }),
    }),
    pass: node({ input: unchecked<number>(), run: ({ input }) => next({ told: "", input: [input] }) }),
  },
  start: "spread",
  edges: { spread: "gather", gather: { to: "pass", onFailure: "count" }, count: [], pass: [] },
});

/** The fan-out itself fails: no group was opened, and its failure edge lies outside of any. */
const fanOutFails = workflow({
  name: "fan-out-that-fails",
  version: "1",
  nodes: {
    spread: node({
      input: unchecked<readonly number[]>(),
      run({ input }) {
        if (input.length === 0) throw new Error("nothing to spread");
        return nextAll(input);
      },
    }),
    gather,
    mend: node({ input: unchecked<readonly number[]>(), run: ({ input }) => next([...input, -1]) }),
  },
  start: "spread",
  edges: { spread: { to: "gather", onFailure: "mend" }, gather: [], mend: [] },
});

/** The output of one join is what the next one fans out. */
const chained = workflow({
  name: "join-that-fans-out",
  version: "1",
  nodes: {
    spread,
    inc: node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) }),
    gather: join({
      of: "spread",
      input: unchecked<number>(),
      run: ({ inputs }) => nextAll(inputs.map((value) => value * 10)),
    }),
    dec: node({ input: unchecked<number>(), run: ({ input }) => next(input - 1) }),
    sum: join({ of: "gather", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
  },
  start: "spread",
  edges: { spread: "inc", inc: "gather", gather: "dec", dec: "sum", sum: [] },
});

/** Fans out anew in every round, with what the round before gave. */
const rounds = workflow({
  name: "join-in-a-loop",
  version: "1",
  nodes: {
    spread,
    inc: node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) }),
    gather: join({
      of: "spread",
      input: unchecked<number>(),
      run: ({ inputs }) => next((inputs[0] ?? 9) < 4 ? variant("again", inputs) : variant("done", inputs)),
    }),
  },
  start: "spread",
  edges: { spread: "inc", inc: "gather", gather: { route: { again: "spread", done: [] } } },
});

const MANY = 10_000;

const sumUp = join({
  of: "spread",
  input: unchecked<number>(),
  run({ inputs }) {
    const inOrder = inputs.every((value, at) => value === at);
    return next({ count: inputs.length, inOrder, sum: inputs.reduce((sum, value) => sum + value, 0) });
  },
});

const huge = workflow({
  name: "join-of-ten-thousand",
  version: "1",
  nodes: { spread: split(unchecked<number>(), range), work: keep, sumUp },
  start: "spread",
  edges: { spread: "work", work: "sumUp", sumUp: [] },
});

const serializableJoin = workflow({
  name: "join-that-holds",
  version: "1",
  nodes: {
    spread,
    gather: join({ of: "spread", input: unchecked<number>(), serializable: true, run: () => hold() }),
  },
  start: "spread",
  edges: { spread: "gather", gather: [] },
});

export const structuredJoins: readonly Scenario[] = [
  {
    title: "a join gets its values in branch order, whoever arrives first",
    workflow: backwards,
    input: range(6),
    expected: { output: range(6), items: { gather: { completed: 1 } } },
  },
  {
    title: "a fan-out may lead to its join at once",
    workflow: direct,
    input: [3, 1, 2],
    expected: { output: [3, 1, 2] },
  },
  {
    title: "an empty fan-out fires its join with an empty list",
    workflow: backwards,
    input: [],
    expected: { output: [], items: { gather: { completed: 1 }, work: {} } },
  },
  { title: "next opens a group too", workflow: oneOnly, input: 5, expected: { output: [5] } },
  {
    title: "branches that hold, emit nothing or fail over end their membership; what they emitted arrives",
    workflow: anyEnd,
    input: [0, 1, 2, 3, 4, 5],
    expected: {
      output: [0, -3, 40, 41, 5],
      items: { branch: { completed: 4, held: 1, failed: 1 }, mend: { completed: 1 }, gather: { completed: 1 } },
    },
  },
  {
    title: "a join fires empty when every branch held",
    workflow: anyEnd,
    input: [1, 6],
    expected: { output: [], items: { branch: { held: 2 } } },
  },
  {
    title: "a join fires empty when every branch emitted nothing",
    workflow: anyEnd,
    input: [2, 7, 12],
    expected: { output: [] },
  },
  {
    title: "a branch that leaves the graph does not arrive, and gives an output",
    workflow: early,
    input: [1, 2, 3, 4],
    expected: { output: [[2, 4], 1, 3] },
  },
  {
    title: "the branch index is value × successors + successor",
    workflow: twoWays,
    input: [1, 2, 3],
    expected: { output: [-1, 1, -2, 2, -3, 3] },
  },
  {
    title: "of several joins those fire that something arrived at",
    workflow: byRoutes,
    input: [1, 3, 5],
    expected: { output: ["odds: 1,3,5"], items: { evens: {}, odds: { completed: 1 } } },
  },
  {
    title: "each of several joins gets its own, in branch order",
    workflow: byRoutes,
    input: [5, 4, 3, 2],
    expected: { output: { anyOrder: ["odds: 5,3", "evens: 4,2"] } },
  },
  {
    title: "with no arrivals at all, each of several joins fires empty",
    workflow: byRoutes,
    input: [-1, -2],
    expected: { output: { anyOrder: ["odds: ", "evens: "] } },
  },
  {
    title: "a join by name has a slot for each predecessor",
    workflow: byName,
    input: 7,
    expected: { output: { score: 7, name: "no. 7", slots: ["credit", "identity"] } },
  },
  {
    title: "a slot is absent where the branch ended otherwise",
    workflow: byName,
    input: 13,
    expected: { output: { score: 13, name: null, slots: ["credit"] } },
  },
  {
    title: "two values in one slot fail the join with INVALID_INPUT",
    workflow: byName,
    input: 14,
    expected: {
      failure: {
        code: "INVALID_INPUT",
        message: /more than one value arrived .* from node "identity"/,
        node: "decide",
      },
    },
  },
  {
    title: "a join that is retried gets the same values again",
    workflow: retried,
    input: [4, 5],
    expected: { output: { attempt: 3, inputs: [4, 5] }, errors: ["gather#1 ERROR retried", "gather#2 ERROR retried"] },
  },
  {
    title: "the failure edge of a join is given its values",
    workflow: failedOver,
    input: [8, 9],
    expected: { output: { told: "2 are too many", input: [8, 9] } },
  },
  {
    title: "a fan-out that fails opens no group",
    workflow: fanOutFails,
    input: [],
    expected: { output: [-1], items: { gather: {} } },
  },
  { title: "a join may be a fan-out itself", workflow: chained, input: [1, 2], expected: { output: [19, 29] } },
  {
    title: "a fan-out in a loop opens a group in every round",
    workflow: rounds,
    input: [1, 2, 3],
    expected: {
      output: [4, 5, 6],
      items: { gather: { completed: 3 }, spread: { completed: 3 }, inc: { completed: 9 } },
    },
  },
  {
    title: "a loop whose fan-out is empty still joins",
    workflow: rounds,
    input: [],
    expected: { output: [], items: { inc: {}, gather: { completed: 1 } } },
  },
  {
    title: "a join of ten thousand values gets all of them, in order",
    workflow: huge,
    input: MANY,
    expected: { output: { count: MANY, inOrder: true, sum: (MANY * (MANY - 1)) / 2 } },
  },
  {
    title: "a join that holds leaves its run stuck, which says so",
    workflow: serializableJoin,
    input: [1],
    expected: { failure: { code: "RUN_STUCK", message: /held at "gather"/ }, items: { gather: { held: 1 } } },
  },
];
