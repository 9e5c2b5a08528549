/**
 * Workflows of every form, each with what is to be seen of its result, for runs that are crashed at every save. Bodies
 * tell of themselves, so that what runs twice can be told from what must not.
 */

import {
  abort,
  type CheckpointedRunOptions,
  context,
  field,
  hold,
  join,
  type LocalRunResult,
  next,
  nextAll,
  node,
  type ResumeRunOptions,
  resume,
  run,
  runWithCheckpoint,
  split,
  unchecked,
  variant,
  type Workflow,
  type WorkflowTypes,
  workflow,
} from "../../../src/index.ts";

/** Told of every body that begins. */
export type Observe = (execution: {
  readonly itemId: string;
  readonly key: string;
  readonly input: unknown;
  readonly attempt: number;
}) => void;

type Place = Pick<CheckpointedRunOptions & ResumeRunOptions, "store" | "id" | "concurrency">;

/** A workflow with an input, types erased. What is given is what is to be seen of the result. */
export interface Program {
  readonly name: string;
  plain(observe: Observe): Promise<unknown>;
  begin(observe: Observe, place: Place): Promise<unknown>;
  resume(observe: Observe, place: Place): Promise<unknown>;
}

function program<T extends WorkflowTypes>(
  name: string,
  make: (observe: Observe) => Workflow<T>,
  input: T["input"],
  seen: (result: LocalRunResult<T>) => unknown,
): Program {
  return {
    name,
    plain: async (observe) => seen(await run(make(observe), input)),
    begin: async (observe, place) => seen(await runWithCheckpoint(make(observe), input, place)),
    resume: async (observe, place) => seen(await resume(make(observe), place)),
  };
}

const Shared = context({
  marks: field.eventLog<string>(),
  sum: field.counter(),
  seen: field.set<string>(),
  last: field.register(0),
});

interface Seen {
  readonly marks: { readonly events: Iterable<string> };
  readonly sum: { readonly value: number };
  readonly seen: Iterable<string>;
}

/** In an order that does not depend on which branch was first. */
function contextOf({ marks, sum, seen }: Seen) {
  return { marks: [...marks.events].sort(), sum: sum.value, seen: [...seen].sort() };
}

function watchedNode(observe: Observe, name: string, change: (input: number) => number) {
  return node({
    context: Shared,
    input: unchecked<number>(),
    async run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
      observe({ itemId, key, input, attempt });
      shared.marks.append(`${name} ${input}`);
      shared.sum.add(input);
      shared.seen.add(name);
      await Promise.resolve();
      return next(change(input));
    },
  });
}

const linear = program(
  "linear",
  (observe) =>
    workflow({
      name: "linear",
      version: "1",
      context: Shared,
      nodes: {
        one: watchedNode(observe, "one", (n) => n + 1),
        two: watchedNode(observe, "two", (n) => n * 2),
        three: watchedNode(observe, "three", (n) => n - 3),
        four: watchedNode(observe, "four", (n) => n),
      },
      start: "one",
      edges: { one: "two", two: "three", three: "four", four: [] },
    }),
  5,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const nestedJoins = program(
  "fan-outs inside each other, with their joins",
  (observe) =>
    workflow({
      name: "nested",
      version: "1",
      context: Shared,
      nodes: {
        outer: split(unchecked<number>(), (n) => Array.from({ length: n }, (_, at) => at)),
        inner: split(unchecked<number>(), (n) => Array.from({ length: n }, (_, at) => n * 10 + at)),
        work: watchedNode(observe, "work", (n) => n + 1),
        innerSum: join({
          of: "inner",
          input: unchecked<number>(),
          run: ({ inputs }) => next(inputs.reduce((sum, n) => sum + n, 0)),
        }),
        outerList: join({ of: "outer", input: unchecked<number>(), run: ({ inputs }) => next(inputs.join("+")) }),
      },
      start: "outer",
      edges: { outer: "inner", inner: "work", work: "innerSum", innerSum: "outerList", outerList: [] },
    }),
  4,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const routed = program(
  "routes and a loop",
  (observe) =>
    workflow({
      name: "routed",
      version: "1",
      context: Shared,
      nodes: {
        decide: node({
          context: Shared,
          input: unchecked<number>(),
          run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            shared.last.update((before) => before + 1);
            if (input > 20) return next(variant("done", input));
            return input % 2 === 0 ? next(variant("even", input)) : next(variant("odd", input));
          },
        }),
        half: watchedNode(observe, "half", (n) => n + 5),
        triple: watchedNode(observe, "triple", (n) => n * 3 + 1),
        finish: watchedNode(observe, "finish", (n) => n),
      },
      start: "decide",
      edges: {
        decide: { route: { done: "finish", even: "half", odd: [{ when: isSmall, to: "triple" }, { to: "finish" }] } },
        half: "decide",
        triple: "decide",
        finish: [],
      },
    }),
  2,
  ({ output, context: shared }) => ({ output, last: shared.last.value, ...contextOf(shared) }),
);

function isSmall(value: number): boolean {
  return value < 100;
}

const retried = program(
  "retries and a failure edge",
  (observe) =>
    workflow({
      name: "retried",
      version: "1",
      context: Shared,
      nodes: {
        flaky: node({
          context: Shared,
          input: unchecked<number>(),
          retry: { maxAttempts: 4, initialBackoff: 0 },
          run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            shared.marks.append(`attempt ${attempt}`);
            if (attempt < 3) throw new Error("not yet");
            return next(input + attempt);
          },
        }),
        hopeless: node({
          context: Shared,
          input: unchecked<number>(),
          run({ input, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            return abort("never", { code: "NEVER", details: { input } });
          },
        }),
        rescue: node({
          context: Shared,
          input: unchecked<number>(),
          run({ input, context: shared, error, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            shared.marks.append(`${error?.node} ${error?.code} ${JSON.stringify(error?.details)}`);
            return next(input * 2);
          },
        }),
      },
      start: "flaky",
      edges: { flaky: "hopeless", hopeless: { to: "rescue", onFailure: "rescue" }, rescue: [] },
    }),
  1,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const freeJoin = program(
  "a free join that holds until all are there",
  (observe) =>
    workflow({
      name: "free-join",
      version: "1",
      context: Shared,
      nodes: {
        scatter: node({
          input: unchecked<number>(),
          run: ({ input }) => nextAll([1, 2, 3, 4, 5].map((n) => n * input)),
        }),
        gather: node({
          context: Shared,
          input: unchecked<number>(),
          serializable: true,
          run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            shared.marks.append(`gather ${input}`);
            shared.sum.add(input);
            return shared.marks.length < 5 ? hold() : next(shared.sum.value);
          },
        }),
        tell: watchedNode(observe, "tell", (n) => n),
      },
      start: "scatter",
      edges: { scatter: "gather", gather: "tell", tell: [] },
    }),
  3,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const quorum = program(
  "a quorum that leaves somebody holding",
  (observe) =>
    workflow({
      name: "quorum",
      version: "1",
      context: Shared,
      nodes: {
        ask: node({ input: unchecked<number>(), run: () => nextAll([7, 7, 7]) }),
        vote: node({
          context: Shared,
          input: unchecked<number>(),
          serializable: true,
          run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            shared.sum.add(input);
            return shared.sum.value === 14 ? next("decided") : hold();
          },
        }),
      },
      start: "ask",
      edges: { ask: "vote", vote: [] },
    }),
  0,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const allOutputs = program(
  "all outputs, in branch order",
  (observe) =>
    workflow({
      name: "all",
      version: "1",
      context: Shared,
      completion: "all",
      nodes: {
        cut: split(unchecked<number>(), (n) => Array.from({ length: n }, (_, at) => at)),
        left: watchedNode(observe, "left", (n) => n + 100),
        right: watchedNode(observe, "right", (n) => n + 200),
      },
      start: "cut",
      edges: { cut: ["left", "right"], left: [], right: [] },
    }),
  4,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

const durableSteps = program(
  "durable steps inside of a body",
  (observe) =>
    workflow({
      name: "steps",
      version: "1",
      context: Shared,
      nodes: {
        only: node({
          context: Shared,
          input: unchecked<number>(),
          async run({ input, context: shared, step, itemId, idempotencyKey: key, attempt }) {
            observe({ itemId, key, input, attempt });
            let sum = input;
            for (const name of ["a", "b", "c"]) sum = await step(name, () => sum * 2);
            shared.sum.add(sum);
            return next(sum);
          },
        }),
        after: watchedNode(observe, "after", (n) => n + 1),
      },
      start: "only",
      edges: { only: "after", after: [] },
    }),
  1,
  ({ output, context: shared }) => ({ output, ...contextOf(shared) }),
);

/** Outputs that differ each time a body runs: whatever is seen further on must be what was saved. */
let drawn = 0;

const draws = program(
  "bodies that never give the same twice",
  (observe) => {
    const draw = () =>
      node({
        context: Shared,
        input: unchecked<number>(),
        run({ input, context: shared, itemId, idempotencyKey: key, attempt }) {
          observe({ itemId, key, input, attempt });
          drawn += 1;
          shared.last.set(drawn);
          return next(drawn);
        },
      });
    return workflow({
      name: "draws",
      version: "1",
      context: Shared,
      nodes: { one: draw(), two: draw(), three: draw(), four: draw() },
      start: "one",
      edges: { one: ["two", "three"], two: "four", three: "four", four: [] },
      completion: "all",
    });
  },
  0,
  ({ output }) => output.length,
);

export const programs: readonly Program[] = [
  linear,
  nestedJoins,
  routed,
  retried,
  freeJoin,
  quorum,
  allOutputs,
  durableSteps,
  draws,
];
