/** When a run is complete and what its output is, in the three modes. */

import { setTimeout as passed } from "node:timers/promises";
import { hold, next, nextAll, node, split, unchecked, variant, workflow } from "../../../../src/index.ts";
import { range, type Scenario } from "../scenario.ts";

const feed = split(unchecked<readonly number[]>(), (values) => values);

/** Negative values end silently, zero holds, every other is emitted. */
const sift = node({
  input: unchecked<number>(),
  serializable: true,
  run({ input }) {
    if (input === 0) return hold();
    return nextAll(input < 0 ? [] : [input]);
  },
});

const graph = {
  version: "1",
  nodes: { feed, sift },
  start: "feed",
  edges: { feed: "sift", sift: [] },
} as const;

const single = workflow({ name: "completes-with-one", ...graph });
const first = workflow({ name: "completes-with-the-first", completion: "first", ...graph });
const all = workflow({ name: "completes-with-all", completion: "all", ...graph });

/** One is quick, the others wait for their signal, which the end of the run sets off. */
const race = workflow({
  name: "race",
  version: "1",
  completion: "first",
  nodes: {
    feed,
    runner: node({
      input: unchecked<number>(),
      async run({ input, signal }) {
        if (input > 0) await passed(60_000, undefined, { signal }).catch(() => undefined);
        return next(input);
      },
    }),
  },
  start: "feed",
  edges: { feed: "runner", runner: [] },
});

const firstOfMany = workflow({
  name: "first-of-a-terminal-next-all",
  version: "1",
  completion: "first",
  nodes: { emit: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }) },
  start: "emit",
  edges: { emit: [] },
});

const manyOfSingle = workflow({
  name: "single-with-a-terminal-next-all",
  version: "1",
  nodes: { emit: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }) },
  start: "emit",
  edges: { emit: [] },
});

/** A tree of outputs: order is by branch, not by time. */
const tree = workflow({
  name: "all-in-branch-order",
  version: "1",
  completion: "all",
  nodes: {
    feed,
    inner: node({
      input: unchecked<number>(),
      async run({ input }) {
        await passed(Math.max(0, 12 - input * 3));
        return nextAll([input, input + 0.5]);
      },
    }),
    left: node({ input: unchecked<number>(), run: ({ input }) => next(`left ${input}`) }),
    right: node({ input: unchecked<number>(), run: ({ input }) => next(`right ${input}`) }),
  },
  start: "feed",
  edges: { feed: "inner", inner: ["right", "left"], left: [], right: [] },
});

/** Gives an output in every round: the order of rounds is that of commits. */
const loop = workflow({
  name: "all-across-a-loop",
  version: "1",
  completion: "all",
  nodes: {
    turn: node({
      input: unchecked<number>(),
      run: ({ input }) => nextAll([variant("out", input), ...(input < 9 ? [variant("again", input + 1)] : [])]),
    }),
  },
  start: "turn",
  edges: { turn: { route: { out: [], again: "turn" } } },
});

const lonely = workflow({
  name: "ends-without-an-output",
  version: "1",
  nodes: { feed, quiet: node({ input: unchecked<number>(), run: () => nextAll<number>([]) }) },
  start: "feed",
  edges: { feed: "quiet", quiet: [] },
});

export const completion: readonly Scenario[] = [
  {
    title: "a run with a single output completes with it, once nothing is open",
    workflow: single,
    input: [-1, 7, -2, -3],
    expected: { output: 7, items: { sift: { completed: 4 } } },
  },
  {
    title: "what is held does not matter where there is an output",
    workflow: single,
    input: [0, 7, 0],
    expected: { output: 7, items: { sift: { completed: 1, held: 2 } } },
  },
  {
    title: "a second output fails the run with MULTIPLE_OUTPUTS, which names the two other modes",
    workflow: single,
    input: [7, 8],
    expected: {
      failure: { code: "MULTIPLE_OUTPUTS", message: /completion: "first".*completion: "all"/, node: "sift" },
    },
  },
  {
    title: "two values of one terminal nextAll are two outputs",
    workflow: manyOfSingle,
    input: [1, 2],
    expected: { failure: { code: "MULTIPLE_OUTPUTS" } },
  },
  {
    title: "without an output the run is stuck, and it tells where the last branch ended",
    workflow: lonely,
    input: [1],
    expected: { failure: { code: "RUN_STUCK", message: /ended at "quiet"/, node: "quiet" } },
  },
  {
    title: "a fan-out of nothing that was to give the output is where the run is stuck",
    workflow: lonely,
    input: [],
    expected: { failure: { code: "RUN_STUCK", message: /ended at "feed"/ } },
  },
  {
    title: "what holds is named where a run is stuck",
    workflow: single,
    input: [0, -1],
    expected: { failure: { code: "RUN_STUCK", message: /held at "sift"/ } },
  },
  {
    title: "the first output completes the run and closes the rest",
    workflow: race,
    input: [3, 2, 1, 0],
    expected: { output: 0, items: { runner: { completed: 1, cancelled: 3 } }, errors: [] },
  },
  {
    title: "of a terminal nextAll the first value is the first output",
    workflow: firstOfMany,
    input: [5, 6, 7],
    expected: { output: 5 },
  },
  {
    title: "a run that takes the first output is stuck without one",
    workflow: first,
    input: [-1, 0],
    expected: { failure: { code: "RUN_STUCK", message: /held at "sift"/ } },
  },
  {
    title: "a run that takes all outputs has them in branch order, whichever came first",
    workflow: tree,
    input: range(4),
    expected: { output: range(4).flatMap((at) => [at, at + 0.5].flatMap((one) => [`right ${one}`, `left ${one}`])) },
  },
  {
    title: "what is emitted earlier in a loop comes earlier",
    workflow: loop,
    input: 0,
    expected: { output: range(10) },
  },
  {
    title: "a run that takes all outputs completes with an empty list where there are none",
    workflow: all,
    input: [-1, -2],
    expected: { output: [] },
  },
  {
    title: "a run that takes all outputs is stuck where there are none and something holds",
    workflow: all,
    input: [-1, 0],
    expected: { failure: { code: "RUN_STUCK", message: /held at "sift"/ } },
  },
  {
    title: "a run that takes all outputs completes with those there are, though something holds",
    workflow: all,
    input: [4, 0, 3],
    expected: { output: [4, 3], items: { sift: { completed: 2, held: 1 } } },
  },
];
