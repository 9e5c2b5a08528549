import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { dynamicWorkflow, next, node, unchecked, workflow } from "../../index.ts";
import { crashEverywhere } from "./crash-everywhere.ts";
import { testWorkflow } from "./workflow-test.ts";

/** Two effects outside, each in a step of its own. */
function booking(booked: string[]) {
  return workflow({
    name: "booking",
    version: "1",
    nodes: {
      book: node({
        input: unchecked<string>(),
        async run({ input, step }) {
          const flight = await step("flight", () => `flight ${booked.push(`flight to ${input}`)}`);
          const hotel = await step("hotel", () => `hotel ${booked.push(`hotel in ${input}`)}`);
          return next([flight, hotel]);
        },
      }),
    },
    start: "book",
    edges: { book: [] },
  });
}

test("a worker that vanishes after a step was kept leaves its result to the next", async () => {
  const booked: string[] = [];
  await using t = await testWorkflow(booking(booked));
  t.crashAfterCommit("book", { step: "flight" });
  const run = await t.start("Rome");
  expect(await run.toEnd()).toBe("completed");
  expect(booked).toEqual(["flight to Rome", "hotel in Rome"]);
  expect(run.path().map(({ outcome }) => outcome)).toEqual(["crashed", "completed"]);
});

test("a worker that vanishes before a step was kept lets its effect happen again", async () => {
  const booked: string[] = [];
  await using t = await testWorkflow(booking(booked));
  t.crashBeforeCommit("book", { step: "hotel" });
  const run = await t.start("Rome");
  expect(await run.toEnd()).toBe("completed");
  expect(booked).toEqual(["flight to Rome", "hotel in Rome", "hotel in Rome"]);
});

test("steps are among the points at which everything is tried", async () => {
  const steps: (string | undefined)[] = [];
  const flow = booking([]);
  const report = await crashEverywhere(flow, "Rome", {
    mocks: { book: async ({ step }) => next([await step("a", () => "x"), "y"]) },
    check: (_, crash) => steps.push(crash?.step),
  });
  expect(report).toEqual({ points: 2, crashes: 4 });
  expect(steps).toEqual([undefined, "a", "a", undefined, undefined]);
});

test("an effect outside that is not in the output shows as a difference once it is looked at", async () => {
  const booked: string[] = [];
  const counts: number[] = [];
  const check = (): void => {
    counts.push(booked.splice(0).length);
  };
  const thrown: unknown = await crashEverywhere(booking(booked), "Rome", { check }).catch((error: unknown) => error);
  expect(thrown).toMatchObject({
    name: "CrashDifference",
    what: "the output",
    crash: { side: "before", step: "flight" },
  });
  expect(counts).toEqual([2, 3]);
});

test("bodies that wait for a file or a server are waited for", async () => {
  const flow = workflow({
    name: "reading",
    version: "1",
    nodes: {
      read: node({
        input: unchecked<string>(),
        run: async ({ input }) => next((await readFile(input, "utf8")).length > 0),
      }),
    },
    start: "read",
    edges: { read: [] },
  });
  await using t = await testWorkflow(flow);
  const run = await t.start(import.meta.filename);
  await t.settle();
  expect(await run.output()).toBe(true);
});

test("a test that ends in the middle of everything leaves nothing behind", async () => {
  const signals: AbortSignal[] = [];
  {
    await using t = await testWorkflow(booking([]), {
      workers: 2,
      mocks: {
        book: async ({ signal }) => {
          signals.push(signal);
          await t.clock.sleep(10_000, signal);
          return next(["late", "later"]);
        },
      },
    });
    for (const place of ["Rome", "Oslo"]) await t.start(place);
    await t.settle();
    t.crash();
    await t.advance("31s");
    expect(signals).toHaveLength(4);
    await t.close();
  }
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test("workflows that are built from data are tested by the names of their nodes", async () => {
  const names = ["one", "two", "three"];
  const flow = dynamicWorkflow<number, number>({
    name: "chain",
    version: "1",
    nodes: Object.fromEntries(
      names.map((name) => [name, node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) })]),
    ),
    start: "one",
    edges: { one: "two", two: "three", three: [] },
  });
  await using t = await testWorkflow(flow, { mocks: { two: ({ input }) => next(Number(input) * 100) } });
  const run = await t.start(1);
  await t.settle();
  expect(await run.output()).toBe(201);
});
