import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { join, joinByName } from "../definition/join.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { hold, next, nextAll } from "../definition/transition.ts";
import { variant } from "../definition/variant.ts";
import { dynamicWorkflow, workflow } from "../definition/workflow.ts";

test("a join fires once, with what arrived in branch order, whatever took longest", async () => {
  const bench = new WorkerBench();
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const wait = node({ input: z.number(), run: ({ input }) => next(input, { delay: (input * 7) % 5 }) });
  const work = node({ input: z.number(), run: ({ input }) => next(input * input) });
  const sum = join({ of: "spread", input: z.number(), run: ({ inputs }) => next([...inputs]) });
  const flow = workflow({
    name: "join",
    version: "1",
    nodes: { spread, wait, work, sum },
    start: "spread",
    edges: { spread: "wait", wait: "work", work: "sum", sum: [] },
  });
  const ids = await Promise.all([0, 1, 12].map((count) => bench.start(flow, count)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ value }) => value)).toEqual([[], [0], Array.from({ length: 12 }, (_, at) => at * at)]);
});

test("branches that fail over, hold or emit nothing are settled in nested joins of three levels", async () => {
  const bench = new WorkerBench();
  const level = (name: string) =>
    split(z.string(), (path) => (path.endsWith("1") && name === "c" ? [] : ["0", "1", "2"].map((at) => path + at)));
  const leaf = node({
    input: z.string(),
    serializable: true,
    retry: false,
    run({ input }) {
      if (input.endsWith("00")) throw new Error("bad leaf");
      if (input.endsWith("02")) return hold();
      if (input.endsWith("20")) return nextAll<string>([]);
      return next(input);
    },
  });
  const mended = node({ input: z.string(), run: ({ input, error }) => next(`${input}!${error?.node}`) });
  const joined = (of: string) =>
    join({ of, input: unchecked<string | string[]>(), run: ({ inputs }) => next(inputs.flat()) });
  const flow = dynamicWorkflow<string, string[]>({
    name: "nested",
    version: "1",
    nodes: {
      a: level("a"),
      b: level("b"),
      c: level("c"),
      leaf,
      mended,
      jc: joined("c"),
      jb: joined("b"),
      ja: joined("a"),
    },
    start: "a",
    edges: {
      a: "b",
      b: "c",
      c: "leaf",
      leaf: { to: "jc", onFailure: "mended" },
      mended: "jc",
      jc: "jb",
      jb: "ja",
      ja: [],
    },
  });
  const [run] = await bench.finish(bench.worker(flow, { concurrency: 5 }), await bench.start(flow, "-"));
  const expected = ["0", "1", "2"].flatMap((a) =>
    ["0", "1", "2"].flatMap((b) =>
      b === "1"
        ? []
        : ["0", "1", "2"].flatMap((c) => {
            const path = `-${a}${b}${c}`;
            if (path.endsWith("00")) return [`${path}!leaf`];
            return path.endsWith("02") || path.endsWith("20") ? [] : [path];
          }),
    ),
  );
  expect(run).toMatchObject({ status: "completed", value: expected });
});

test("an empty fan-out at each level fires every join around it", async () => {
  const bench = new WorkerBench();
  const level = (upTo: number) => split(z.number(), (depth) => (depth === upTo ? [] : [depth]));
  const joined = (of: string) => join({ of, input: unchecked<unknown>(), run: ({ inputs }) => next({ [of]: inputs }) });
  const flow = dynamicWorkflow<number, unknown>({
    name: "empty",
    version: "1",
    nodes: {
      a: level(1),
      b: level(2),
      c: level(3),
      leaf: node({ input: z.number(), run: ({ input }) => next(input) }),
      jc: joined("c"),
      jb: joined("b"),
      ja: joined("a"),
    },
    start: "a",
    edges: { a: "b", b: "c", c: "leaf", leaf: "jc", jc: "jb", jb: "ja", ja: [] },
  });
  const ids = await Promise.all([1, 2, 3, 4].map((depth) => bench.start(flow, depth)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ value }) => value)).toEqual([
    { a: [] },
    { a: [{ b: [] }] },
    { a: [{ b: [{ c: [] }] }] },
    { a: [{ b: [{ c: [4] }] }] },
  ]);
});

test("several joins of one fan-out: those with arrivals fire, or all of them if there are none", async () => {
  const bench = new WorkerBench();
  const spread = split(z.array(z.number()), (values) => values);
  const sort = node({
    input: z.number(),
    run: ({ input }) => (input < 0 ? next(variant("neg", input)) : next(variant("pos", input))),
  });
  const joined = (name: string) =>
    join({ of: "spread", input: z.number(), run: ({ inputs }) => next(`${name}:${inputs}`) });
  const flow = workflow({
    name: "several",
    version: "1",
    completion: "all",
    nodes: { spread, sort, neg: joined("neg"), pos: joined("pos") },
    start: "spread",
    edges: { spread: "sort", sort: { route: { neg: "neg", pos: "pos" } }, neg: [], pos: [] },
  });
  const ids = await Promise.all([[1, -1, 2], [3], []].map((values) => bench.start(flow, values)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ value }) => value)).toEqual([["neg:-1", "pos:1,2"], ["pos:3"], ["neg:", "pos:"]]);
});

test("a join by name has a slot for each predecessor, absent where the branch ended otherwise", async () => {
  const bench = new WorkerBench();
  const ask = node({ input: z.number(), run: ({ input }) => next(input) });
  const credit = node({ input: z.number(), run: ({ input }) => next({ score: input }) });
  const check = node({
    input: z.number(),
    serializable: true,
    run: ({ input }) => (input > 10 ? next(`ok ${input}`) : hold()),
  });
  const decide = joinByName({
    of: "ask",
    inputs: { credit: z.object({ score: z.number().transform((score) => score + 1) }), check: z.string() },
    run: ({ inputs }) => next({ score: inputs.credit?.score ?? null, check: inputs.check ?? null }),
  });
  const flow = workflow({
    name: "by-name",
    version: "1",
    nodes: { ask, credit, check, decide },
    start: "ask",
    edges: { ask: ["credit", "check"], credit: "decide", check: "decide", decide: [] },
  });
  const ids = await Promise.all([20, 5].map((input) => bench.start(flow, input)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ value }) => value)).toEqual([
    { score: 21, check: "ok 20" },
    { score: 6, check: null },
  ]);
});

test("a join of thousands reads its arrivals in pages", async () => {
  const bench = new WorkerBench();
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const work = node({ input: z.number(), run: ({ input }) => next(input) });
  const sum = join({
    of: "spread",
    input: z.number(),
    run: ({ inputs }) =>
      next({ count: inputs.length, sum: inputs.reduce((a, b) => a + b, 0), sorted: inputs.every((n, at) => n === at) }),
  });
  const flow = workflow({
    name: "pages",
    version: "1",
    nodes: { spread, work, sum },
    start: "spread",
    edges: { spread: "work", work: "sum", sum: [] },
  });
  const [run] = await bench.finish(bench.worker(flow, { concurrency: 200 }), await bench.start(flow, 2_500));
  expect(run).toMatchObject({ status: "completed", value: { count: 2_500, sum: 3_123_750, sorted: true } });
});

test("a join that fails hands its unparsed inputs to its failure edge", async () => {
  const bench = new WorkerBench();
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => `${at}`));
  const sum = join({
    of: "spread",
    input: z.string().transform(Number),
    retry: false,
    run() {
      throw new Error("cannot add");
    },
  });
  const mend = node({
    input: unchecked<unknown>(),
    run: ({ input, error }) => next({ input, code: error?.code ?? null }),
  });
  const flow = dynamicWorkflow<number, unknown>({
    name: "failing-join",
    version: "1",
    nodes: { spread, sum, mend },
    start: "spread",
    edges: { spread: "sum", sum: { to: [], onFailure: "mend" }, mend: [] },
  });
  const [run] = await bench.finish(bench.worker(flow), await bench.start(flow, 3));
  expect(run).toMatchObject({ status: "completed", value: { input: ["0", "1", "2"], code: "ERROR" } });
});
