import { expect, test } from "vitest";
import { z } from "zod";
import { context, field, hold, join, next, node, split, unchecked, workflow } from "../../index.ts";
import { CrashDifference, crashEverywhere } from "./crash-everywhere.ts";
import { failing, failTimes } from "./mocks.ts";

const Shared = context({
  log: field.eventLog<string>(),
  sum: field.counter(),
  seen: field.set<number>(),
  last: field.register("nobody"),
});

/** Fan-out, durable steps, a gathering that holds, a join. */
const everything = workflow({
  name: "everything",
  version: "1",
  context: Shared,
  nodes: {
    spread: split(z.number(), (count) => Array.from({ length: count }, (_, at) => at)),
    work: node({
      context: Shared,
      input: z.number(),
      async run({ input, context: shared, step }) {
        const doubled = await step("double", () => input * 2);
        shared.log.append(`worked on ${input}`);
        shared.sum.add(doubled);
        return next(doubled);
      },
    }),
    gather: node({
      context: Shared,
      input: z.number(),
      serializable: true,
      run({ input, context: shared }) {
        shared.seen.add(input);
        return shared.seen.size === 3 ? next([...shared.seen].sort((a, b) => a - b)) : hold();
      },
    }),
    total: join({ of: "spread", input: z.array(z.number()), run: ({ inputs }) => next(inputs.flat()) }),
  },
  start: "spread",
  edges: { spread: "work", work: "gather", gather: "total", total: [] },
});

async function difference(promise: Promise<unknown>): Promise<CrashDifference> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof CrashDifference) return thrown;
  throw new Error(`expected a CrashDifference, not ${String(thrown)}`);
}

test("a workflow comes to the same wherever its worker vanishes", async () => {
  const outputs: unknown[] = [];
  const report = await crashEverywhere(everything, 3, {
    mocks: { work: failTimes(1, new Error("flaky")) },
    check: async (run) => outputs.push(await run.output()),
  });
  // spread, three failures, three steps, three commits of work, three of gather, and the join.
  expect(report.points).toBeGreaterThanOrEqual(14);
  expect(report.crashes).toBe(report.points * 2);
  expect(outputs).toHaveLength(report.crashes + 1);
  expect(new Set(outputs.map((output) => JSON.stringify(output)))).toEqual(new Set(["[0,2,4]"]));
});

/** Two nodes in a row; what the first emits is up to the test. */
function line(emit: (attempt: number) => number) {
  return workflow({
    name: "line",
    version: "1",
    context: Shared,
    nodes: {
      first: node({ input: unchecked<number>(), run: ({ attempt }) => next(emit(attempt)) }),
      second: node({
        context: Shared,
        input: z.number(),
        run({ input, context: shared }) {
          shared.last.set(`number ${input}`);
          return next("the end");
        },
      }),
    },
    start: "first",
    edges: { first: "second", second: [] },
  });
}

test("a body that gives something else when it is repeated is found, with the step and the difference", async () => {
  let calls = 0;
  const found = await difference(
    crashEverywhere(
      line(() => {
        calls += 1;
        return calls > 1 ? 2 : 1;
      }),
      0,
    ),
  );
  expect(found.crash).toEqual({ side: "before", number: 1, node: "first", attempt: 1 });
  expect(found.what).toBe('the context field "last"');
  expect(found).toMatchObject({ expected: "number 1", actual: "number 2" });
  expect(found.message).toBe(
    [
      'with a crash before write 1 (node "first", attempt 1), the context field "last" is not what it is without',
      "  without: 'number 1'",
      "  with:    'number 2'",
      "  its way: first#1 crashed, first#1 completed, second#1 completed",
    ].join("\n"),
  );
});

test("fields that may differ can be left out", async () => {
  let calls = 0;
  const report = await crashEverywhere(
    line(() => {
      calls += 1;
      return calls;
    }),
    0,
    { ignoreContext: ["last"] },
  );
  expect(report).toEqual({ points: 2, crashes: 4 });
});

test("a run that fails must fail alike", async () => {
  let calls = 0;
  const flow = line(() => {
    calls += 1;
    throw new Error(calls > 1 ? "again" : "at first");
  });
  const found = await difference(crashEverywhere(flow, 0, { retry: false }));
  expect(found.what).toBe("the failure");
  expect(found.expected).toMatchObject({ message: "at first", node: "first" });
});

test("mocks that remember are made anew for each run", async () => {
  const mocks = () => {
    let calls = 0;
    return {
      second: ({ input }: { readonly input: number }) => {
        calls += 1;
        return calls > 2 ? failing(new Error(`called too often for ${input}`))() : next("the end" as const);
      },
    };
  };
  expect(
    (
      await crashEverywhere(
        line(() => 1),
        0,
        { mocks },
      )
    ).points,
  ).toBe(2);
});

test("what is checked of each run is told which crash it had", async () => {
  const crashes: string[] = [];
  await crashEverywhere(
    line(() => 1),
    0,
    {
      check: (_, crash) => crashes.push(crash === undefined ? "none" : `${crash.side} ${crash.node}`),
    },
  );
  expect(crashes).toEqual(["none", "before first", "after first", "before second", "after second"]);
});
