import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { NonRetryableError, RetryAfterError } from "../core/errors.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { abort, next, nextAll } from "../definition/transition.ts";
import { variant } from "../definition/variant.ts";
import { dynamicWorkflow, workflow } from "../definition/workflow.ts";

const number = node({ input: z.number(), run: ({ input }) => next(input) });

test("several successors each get a copy, and an `all` run collects their outputs in branch order", async () => {
  const bench = new WorkerBench();
  const label = (name: string) => node({ input: z.number(), run: ({ input }) => next(`${name}${input}`) });
  const flow = workflow({
    name: "copies",
    version: "1",
    completion: "all",
    nodes: { number, left: label("l"), right: label("r") },
    start: "number",
    edges: { number: ["left", "right"], left: [], right: [] },
  });
  const [run] = await bench.finish(bench.worker(flow), await bench.start(flow, 3));
  expect(run).toMatchObject({ status: "completed", value: ["l3", "r3"] });
});

test("variants go by their kind, the wildcard takes the others, and what is delivered is the value", async () => {
  const bench = new WorkerBench();
  const sort = node({
    input: z.number(),
    run: ({ input }) =>
      input > 10
        ? next(variant("above", input))
        : input < 0
          ? next(variant("below", { by: -input }))
          : next(variant("within", "fine")),
  });
  const big = node({ input: z.number(), run: ({ input }) => next(`big ${input}`) });
  const other = node({ input: unchecked<unknown>(), run: ({ input }) => next(JSON.stringify(input)) });
  const flow = workflow({
    name: "kinds",
    version: "1",
    nodes: { sort, big, other },
    start: "sort",
    edges: { sort: { route: { above: "big", "*": "other" } }, big: [], other: [] },
  });
  const ids = await Promise.all([12, -3, 5].map((input) => bench.start(flow, input)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ value }) => value)).toEqual(["big 12", '{"by":3}', '"fine"']);
});

test("guards choose the way, and see the context as the emitting attempt left it", async () => {
  const bench = new WorkerBench();
  const Shared = context({ seen: field.counter() });
  const count = node({
    context: Shared,
    input: z.number(),
    run({ input, context }) {
      context.seen.add(input);
      return next(input);
    },
  });
  const say = (what: string) => node({ input: z.number(), run: () => next(what) });
  const flow = workflow({
    name: "guarded",
    version: "1",
    context: Shared,
    nodes: { count, low: say("low"), high: say("high"), odd: say("odd") },
    start: "count",
    edges: {
      count: [
        { name: "is-odd", when: (value) => value % 2 === 1, to: "odd" },
        { when: (_, { context }) => context.seen.value > 100, to: "high" },
        { to: "low" },
      ],
      low: [],
      high: [],
      odd: [],
    },
  });
  const low = await bench.start(flow, 2);
  const high = await bench.start(flow, 2, { context: { seen: 99 } });
  const odd = await bench.start(flow, 3);
  const runs = await bench.finish(bench.worker(flow), low, high, odd);
  expect(runs.map(({ value }) => value)).toEqual(["low", "high", "odd"]);
});

test("a guard that throws fails the attempt of its node", async () => {
  const bench = new WorkerBench();
  const flow = workflow({
    name: "bad-guard",
    version: "1",
    retry: false,
    nodes: { number, end: number },
    start: "number",
    edges: {
      number: [
        {
          when: () => {
            throw new Error("no idea");
          },
          to: "end",
        },
        { to: "end" },
      ],
      end: [],
    },
  });
  const [run] = await bench.finish(bench.worker(flow), await bench.start(flow, 1));
  expect(run).toMatchObject({ status: "failed", failure: { code: "ERROR", message: "no idea", node: "number" } });
});

test("a loop goes on until its node chooses the other way, and one without end meets the limit on items", async () => {
  const bench = new WorkerBench();
  const down = node({
    input: z.number(),
    run: ({ input }) => (input > 0 ? next(variant("more", input - 1)) : next(variant("done", "landed"))),
  });
  const forever = node({ input: z.number(), run: ({ input }) => next(input) });
  const end = node({ input: z.string(), run: ({ input }) => next(input) });
  const flow = workflow({
    name: "loop",
    version: "1",
    nodes: { down, end },
    start: "down",
    edges: { down: { route: { more: "down", done: "end" } }, end: [] },
  });
  const endless = dynamicWorkflow<number, unknown>({
    name: "endless",
    version: "1",
    maxItems: 20,
    nodes: { forever },
    start: "forever",
    edges: { forever: "forever" },
  });
  const ids = [await bench.start(flow, 50), await bench.start(endless, 1)];
  const [landed, stopped] = await bench.finish(bench.worker([flow, endless]), ...ids);
  expect(landed).toMatchObject({ status: "completed", value: "landed", completed: 52 });
  expect(stopped).toMatchObject({ status: "failed", failure: { code: "TOO_MANY_ITEMS" } });
});

test("completion by the first output closes the rest, and a second one of a single run fails it", async () => {
  const bench = new WorkerBench();
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const end = node({ input: z.number(), run: ({ input }) => next(input) });
  const parts = { version: "1", nodes: { spread, end }, start: "spread", edges: { spread: "end", end: [] } } as const;
  const first = workflow({ name: "first", completion: "first", ...parts });
  const single = workflow({ name: "single", ...parts });
  const ids = [await bench.start(first, 5), await bench.start(single, 2), await bench.start(single, 1)];
  const [a, b, c] = await bench.finish(bench.worker([first, single]), ...ids);
  expect(a).toMatchObject({ status: "completed", value: 0 });
  expect(b).toMatchObject({ status: "failed", failure: { code: "MULTIPLE_OUTPUTS" } });
  expect(c).toMatchObject({ status: "completed", value: 0 });
});

test("a failure goes to the retries, then to the failure edge, with the unparsed input and the error", async () => {
  const bench = new WorkerBench();
  let attempts = 0;
  const pay = node({
    input: z.object({ amount: z.string().transform(Number) }),
    retry: { maxAttempts: 3, initialBackoff: "2s", strategy: "fixed" },
    run: ({ attempt, idempotencyKey, itemId }) => {
      attempts += 1;
      expect([attempt, idempotencyKey]).toEqual([attempts, itemId]);
      throw new TypeError("card declined");
    },
  });
  const refund = node({
    input: z.object({ amount: z.string() }),
    run: ({ input, error }) =>
      next({ amount: input.amount, code: error?.code, node: error?.node, attempt: error?.attempt }),
  });
  const flow = workflow({
    name: "paying",
    version: "1",
    nodes: { pay, refund },
    start: "pay",
    edges: { pay: { to: [], onFailure: "refund" }, refund: [] },
  });
  const runId = await bench.start(flow, { amount: "12" });
  const before = bench.clock.now();
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({
    status: "completed",
    retried: 2,
    failed: 1,
    value: { amount: "12", code: "ERROR", node: "pay", attempt: 3 },
  });
  expect((run?.finishedAt ?? 0) - before).toBe(4_000);
  const failures = await bench.operations.read.failures({ runId }, {});
  expect(failures.entries.map(({ outcome, attempt }) => [outcome, attempt])).toEqual([
    ["retried", 1],
    ["retried", 2],
    ["failedOver", 3],
  ]);
});

test("abort and NonRetryableError are not retried, RetryAfterError names its own delay", async () => {
  const bench = new WorkerBench();
  let asked = 0;
  const stubborn = node({
    input: z.string(),
    retry: { maxAttempts: 3, initialBackoff: 1 },
    run: ({ input, attempt }) => {
      asked += 1;
      if (input === "abort") return abort("enough", { code: "FULL", details: { left: 0 } });
      if (input === "never") throw new NonRetryableError("no way");
      if (attempt < 3) throw new RetryAfterError("busy", "90s");
      return next("at last");
    },
  });
  const flow = workflow({
    name: "stubborn",
    version: "1",
    nodes: { stubborn },
    start: "stubborn",
    edges: { stubborn: [] },
  });
  const ids = await Promise.all(["abort", "never", "later"].map((input) => bench.start(flow, input)));
  const before = bench.clock.now();
  const [aborted, never, later] = await bench.finish(bench.worker(flow), ...ids);
  expect(aborted?.failure).toMatchObject({ code: "FULL", message: "enough", details: { left: 0 } });
  expect(never?.failure).toMatchObject({ code: "NON_RETRYABLE" });
  expect(later).toMatchObject({ status: "completed", value: "at last" });
  expect((later?.finishedAt ?? 0) - before).toBe(180_000);
  expect(asked).toBe(5);
});

test.each([
  ["null", null],
  ["undefined", undefined],
  ["a string", "just text"],
  ["a number", 7],
  ["an object", { message: "shaped", toString: 1 }],
  ["text with NUL and a lone surrogate", new Error("a\u0000b\ud800")],
  [
    "a hostile proxy",
    new Proxy(
      {},
      {
        get() {
          throw new Error("trap");
        },
        getPrototypeOf() {
          throw new Error("trap");
        },
      },
    ),
  ],
])("a body that throws %s fails its run and nothing else", async (_, thrown) => {
  const bench = new WorkerBench();
  const bad = node({
    input: z.boolean(),
    retry: false,
    run: async ({ input }) => {
      if (input) throw thrown;
      return next("fine");
    },
  });
  const flow = workflow({ name: "throws", version: "1", nodes: { bad }, start: "bad", edges: { bad: [] } });
  const ids = [await bench.start(flow, true), await bench.start(flow, false)];
  const [failed, fine] = await bench.finish(bench.worker(flow), ...ids);
  expect(failed).toMatchObject({ status: "failed", failure: { code: "ERROR", node: "bad", attempt: 1 } });
  expect(fine).toMatchObject({ status: "completed", value: "fine" });
});

test.each([
  ["nothing", undefined, "INVALID_OUTPUT"],
  ["a plain value", 5, "INVALID_OUTPUT"],
  ["undefined as value", { kind: "next", value: undefined }, "INVALID_OUTPUT"],
  ["a function", { kind: "next", value: () => 1 }, "INVALID_OUTPUT"],
  ["a BigInt", { kind: "next", value: 1n }, "INVALID_OUTPUT"],
  ["more than the limit", { kind: "next", value: "x".repeat(1_100_000) }, "PAYLOAD_TOO_LARGE"],
  ["too many values", { kind: "nextAll", values: new Array(10_001).fill(1) }, "PAYLOAD_TOO_LARGE"],
  ["too much at once", { kind: "nextAll", values: new Array(20).fill("x".repeat(1_000_000)) }, "PAYLOAD_TOO_LARGE"],
  ["a hold although not serializable", { kind: "hold" }, "INVALID_OUTPUT"],
  ["an unrouted variant", { kind: "next", value: variant("odd", 1) }, "INVALID_OUTPUT"],
])("a body that returns %s fails with a code", async (_, returned, code) => {
  const bench = new WorkerBench();
  const bad = node({ input: z.number(), retry: false, run: () => returned as never });
  const flow = dynamicWorkflow<number, unknown>({
    name: "returns",
    version: "1",
    nodes: { bad },
    start: "bad",
    edges: { bad: [] },
  });
  const [run] = await bench.finish(bench.worker(flow), await bench.start(flow, 1));
  expect(run).toMatchObject({ status: "failed", failure: { code } });
});

test("input and output schemas are applied at each attempt, and items keep what was emitted unparsed", async () => {
  const bench = new WorkerBench();
  const emit = node({
    input: z.string(),
    output: z.object({ at: z.string() }),
    run: ({ input }) => next({ at: input }),
  });
  const read = node({
    input: z.object({ at: z.string().transform((text) => text.length) }),
    run: ({ input }) => next(input.at),
  });
  const flow = workflow({
    name: "schemas",
    version: "1",
    retry: false,
    nodes: { emit, read },
    start: "emit",
    edges: { emit: "read", read: [] },
  });
  const wrong = dynamicWorkflow<unknown, unknown>({
    name: "wrong",
    version: "1",
    retry: false,
    nodes: {
      read,
      lie: node({
        input: unchecked<unknown>(),
        output: z.object({ at: z.string() }),
        run: () => next({ at: 5 } as never),
      }),
    },
    start: "lie",
    edges: { lie: "read", read: [] },
  });
  const bad = dynamicWorkflow<unknown, unknown>({
    name: "bad-input",
    version: "1",
    nodes: { read },
    start: "read",
    edges: { read: [] },
  });
  const ids = [await bench.start(flow, "four"), await bench.start(wrong, 1), await bench.start(bad, { at: 4 })];
  const [good, output, input] = await bench.finish(bench.worker([flow, wrong, bad]), ...ids);
  expect(good).toMatchObject({ status: "completed", value: 4 });
  expect(output?.failure).toMatchObject({ code: "INVALID_OUTPUT", node: "lie" });
  expect(input?.failure).toMatchObject({ code: "INVALID_INPUT", node: "read", attempt: 1 });
});

test("an emission may be delayed, and its priority decides who goes first", async () => {
  const bench = new WorkerBench();
  const order: string[] = [];
  const note = node({
    input: z.string(),
    run: ({ input }) => {
      order.push(input);
      return next(input);
    },
  });
  const low = node({ input: unchecked<null>(), run: () => next("low") });
  const high = node({ input: unchecked<null>(), run: () => next("high", { priority: 5 }) });
  const late = node({ input: unchecked<null>(), run: () => next("late", { delay: "1h", priority: 9 }) });
  const begin = node({ input: unchecked<null>(), run: () => next(null) });
  const flow = workflow({
    name: "order",
    version: "1",
    completion: "all",
    nodes: { begin, low, high, late, note },
    start: "begin",
    edges: { begin: ["low", "high", "late"], low: "note", high: "note", late: "note", note: [] },
  });
  const before = bench.clock.now();
  const [run] = await bench.finish(bench.worker(flow, { concurrency: 1 }), await bench.start(flow, null));
  expect(order).toEqual(["high", "low", "late"]);
  expect((run?.finishedAt ?? 0) - before).toBe(3_600_000);
});

test("an empty fan-out to a terminal gives an `all` run no output, and any other run is stuck", async () => {
  const bench = new WorkerBench();
  const none = node({ input: unchecked<null>(), run: () => nextAll<number>([]) });
  const parts = { version: "1", nodes: { none }, start: "none", edges: { none: [] } } as const;
  const all = workflow({ name: "all", completion: "all", ...parts });
  const single = workflow({ name: "one", ...parts });
  const ids = [await bench.start(all, null), await bench.start(single, null)];
  const [a, b] = await bench.finish(bench.worker([all, single]), ...ids);
  expect(a).toMatchObject({ status: "completed", value: [] });
  expect(b).toMatchObject({ status: "failed", failure: { code: "RUN_STUCK" } });
});

test("log lines and metrics travel with the commit; of a failed attempt only the log lines", async () => {
  const bench = new WorkerBench();
  const talk = node({
    input: z.number(),
    retry: { maxAttempts: 2, initialBackoff: 1 },
    run({ attempt, logger, metric }) {
      logger.info(`attempt ${attempt}`, { attempt });
      metric("tries", attempt);
      if (attempt === 1) throw new Error("again");
      return next("done");
    },
  });
  const flow = workflow({ name: "talk", version: "1", nodes: { talk }, start: "talk", edges: { talk: [] } });
  const runId = await bench.start(flow, 1);
  await bench.finish(bench.worker(flow), runId);
  const logs = await bench.operations.read.logs({ runId }, {});
  expect(logs.entries.map(({ message, data }) => [message, data])).toEqual([
    ["attempt 1", '{"attempt":1}'],
    ["attempt 2", '{"attempt":2}'],
  ]);
  const metrics = await bench.operations.read.metrics(runId, {});
  expect(metrics.entries.map(({ name, value }) => [name, value])).toEqual([["tries", 2]]);
});
