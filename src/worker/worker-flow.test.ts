import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";

test("a linear workflow runs from its input to its output", async () => {
  const bench = new WorkerBench();
  const double = node({ input: z.number(), run: ({ input }) => next(input * 2) });
  const show = node({ input: z.number(), run: async ({ input }) => next(`it is ${input}`) });
  const flow = workflow({
    name: "linear",
    version: "1",
    nodes: { double, again: double, show },
    start: "double",
    edges: { double: "again", again: "show", show: [] },
  });
  const runId = await bench.start(flow, 4);
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: "it is 16", completed: 3 });
});

test("changes of the context are committed with the node that made them", async () => {
  const bench = new WorkerBench();
  const Shared = context({ count: field.counter(), log: field.eventLog<string>() });
  const count = node({
    context: Shared,
    input: z.number(),
    run({ input, context }) {
      context.count.add(input);
      context.log.append(`${input}`);
      return next(context.count.value);
    },
  });
  const flow = workflow({
    name: "counting",
    version: "1",
    context: Shared,
    nodes: { first: count, second: count },
    start: "first",
    edges: { first: "second", second: [] },
  });
  const runId = await bench.start(flow, 5, { context: { count: 1 } });
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: 12, sequence: 3 });
  expect(await bench.context(flow, runId)).toEqual({ count: 12, log: ["5", "6"] });
});
