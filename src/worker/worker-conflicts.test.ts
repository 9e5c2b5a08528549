import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { hold, next, nextAll } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";

const Collected = context({ values: field.eventLog<number>(), rounds: field.counter() });

/** Fans out, and meets again in a node that holds until it has seen everything. */
function gathering(name: string, want: number, isAsync = false) {
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const gather = node({
    context: Collected,
    input: z.number(),
    serializable: true,
    async run({ input, context }) {
      context.values.append(input);
      const { length } = context.values;
      if (isAsync) await Promise.resolve();
      return length === want ? next([...context.values.events]) : hold();
    },
  });
  return workflow({
    name,
    version: "1",
    context: Collected,
    nodes: { spread, gather },
    start: "spread",
    edges: { spread: "gather", gather: [] },
  });
}

test("a quorum of 2 of 3 fires once, and the third arrival holds", async () => {
  const bench = new WorkerBench();
  const flow = gathering("quorum", 2);
  const ids = [await bench.start(flow, 3), await bench.start(flow, 3)];
  const runs = await bench.finish(bench.worker(flow), ...ids);
  for (const run of runs) {
    expect(run.value).toHaveLength(2);
    expect(run).toMatchObject({ status: "completed", outputs: 1, held: 2 });
  }
});

test.each([false, true])(
  "three workers gather 20 values of each of 20 runs, none lost and none twice (async: %s)",
  async (isAsync) => {
    const bench = new WorkerBench();
    const flow = gathering("gather", 20, isAsync);
    const ids = await Promise.all(Array.from({ length: 20 }, () => bench.start(flow, 20)));
    const workers = [1, 2, 3].map((seed) => bench.worker(flow, { concurrency: 4 + seed }));
    const [first, ...others] = workers;
    const running = others.map((worker) => worker.run());
    const runs = await bench.finish(first ?? bench.worker(flow), ...ids);
    await Promise.all(others.map((worker) => worker.stop()));
    await Promise.all(running);
    const all = Array.from({ length: 20 }, (_, at) => at);
    for (const run of runs) {
      expect(run).toMatchObject({ status: "completed", held: 19, outputs: 1 });
      expect([...(run.value as number[])].sort((a, b) => a - b)).toEqual(all);
    }
  },
);

test("one worker settles the conflicts of its own items without a single refusal", async () => {
  const bench = new WorkerBench();
  const flow = gathering("local", 50, true);
  const runId = await bench.start(flow, 50);
  const [run] = await bench.finish(bench.worker(flow, { concurrency: 64 }), runId);
  expect(run).toMatchObject({ status: "completed", held: 49, conflicts: 0 });
});

test("no update of a register is lost, whoever updates it at the same time", async () => {
  const bench = new WorkerBench();
  const Total = context({ total: field.register(0), list: field.register<number[]>([]) });
  let bodies = 0;
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const add = node({
    context: Total,
    input: z.number(),
    async run({ input, context }) {
      bodies += 1;
      context.total.update((total) => total + input);
      await Promise.resolve();
      context.list.update((list) => [...list, input]);
      return next(input);
    },
  });
  const flow = workflow({
    name: "updates",
    version: "1",
    context: Total,
    completion: "all",
    nodes: { spread, add },
    start: "spread",
    edges: { spread: "add", add: [] },
  });
  const runId = await bench.start(flow, 40);
  const workers = [8, 16].map((concurrency) => bench.worker(flow, { concurrency }));
  const other = bench.worker(flow, { concurrency: 4 });
  const running = [...workers.slice(1), other].map((worker) => worker.run());
  await bench.finish(workers[0] ?? other, runId);
  await Promise.all([...workers.slice(1), other].map((worker) => worker.stop()));
  await Promise.all(running);
  const seen = await bench.context(flow, runId);
  expect(seen.total).toBe(780);
  expect([...(seen.list as number[])].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at));
  expect(bodies).toBe(40);
});

test("a body that lost to somebody else's change runs again in the same attempt, and keeps its steps", async () => {
  const Votes = context({ votes: field.counter() });
  const seen: { attempt: number; key: string; votes: number }[] = [];
  let steps = 0;
  let meddle: (() => Promise<void>) | undefined;
  const decide = node({
    context: Votes,
    input: z.number(),
    serializable: true,
    async run({ context, attempt, idempotencyKey, step }) {
      seen.push({ attempt, key: idempotencyKey, votes: context.votes.value });
      await step("once", () => {
        steps += 1;
        return steps;
      });
      context.votes.add(1);
      await meddle?.();
      return next(context.votes.value);
    },
  });
  const flow = workflow({
    name: "votes",
    version: "1",
    context: Votes,
    nodes: { decide },
    start: "decide",
    edges: { decide: [] },
  });
  const bench = new WorkerBench();
  const runId = await bench.start(flow, 1);
  meddle = async () => {
    meddle = undefined;
    const delta = new TextEncoder().encode('[["votes","add",10]]');
    await bench.operations.control([{ action: { kind: "merge", runId, delta, writes: [0] } }]);
  };
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: 11, conflicts: 1, retried: 0 });
  expect(seen).toEqual([
    { attempt: 1, key: `${runId}.0`, votes: 0 },
    { attempt: 1, key: `${runId}.0`, votes: 10 },
  ]);
  expect(steps).toBe(1);
});

test("after five conflicts in a row an item goes back for a moment, and its attempt is not used up", async () => {
  const Votes = context({ votes: field.counter() });
  let bodies = 0;
  let meddle: (() => Promise<void>) | undefined;
  const decide = node({
    context: Votes,
    input: z.number(),
    serializable: true,
    async run({ context, attempt }) {
      bodies += 1;
      expect(attempt).toBe(1);
      const { value } = context.votes;
      if (bodies <= 7) await meddle?.();
      return next(value);
    },
  });
  const flow = workflow({
    name: "contended",
    version: "1",
    context: Votes,
    nodes: { decide },
    start: "decide",
    edges: { decide: [] },
  });
  const bench = new WorkerBench();
  const runId = await bench.start(flow, 1);
  meddle = async () => {
    const delta = new TextEncoder().encode('[["votes","add",1]]');
    await bench.operations.control([{ action: { kind: "merge", runId, delta, writes: [0] } }]);
  };
  const outcomes: string[] = [];
  const callbacks = { onItemProcessed: ({ outcome }: { outcome: string }) => outcomes.push(outcome) };
  const [run] = await bench.finish(bench.worker(flow, { callbacks }), runId);
  expect(run).toMatchObject({ status: "completed", value: 7, conflicts: 7, retried: 0 });
  expect(outcomes).toEqual(["released", "completed"]);
});

test("a serializable node that aborts on a context that has changed since is asked again", async () => {
  const Votes = context({ votes: field.counter() });
  let meddle: (() => Promise<void>) | undefined;
  const decide = node({
    context: Votes,
    input: z.number(),
    serializable: true,
    retry: false,
    async run({ context }) {
      const { value } = context.votes;
      await meddle?.();
      if (value === 0) throw new Error("nobody voted");
      return next(value);
    },
  });
  const flow = workflow({
    name: "asked-again",
    version: "1",
    context: Votes,
    nodes: { decide },
    start: "decide",
    edges: { decide: [] },
  });
  const bench = new WorkerBench();
  const runId = await bench.start(flow, 1);
  meddle = async () => {
    meddle = undefined;
    const delta = new TextEncoder().encode('[["votes","add",3]]');
    await bench.operations.control([{ action: { kind: "merge", runId, delta, writes: [0] } }]);
  };
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: 3, conflicts: 1 });
});

test("a run in which everything holds is stuck, and says where", async () => {
  const bench = new WorkerBench();
  const flow = gathering("stuck", 9);
  const [run] = await bench.finish(bench.worker(flow), await bench.start(flow, 3));
  expect(run?.failure).toMatchObject({ code: "RUN_STUCK", message: expect.stringContaining('"gather"') });
});

test("the changes of a failed attempt are dropped", async () => {
  const bench = new WorkerBench();
  const Shared = context({ count: field.counter() });
  const shaky = node({
    context: Shared,
    input: unchecked<null>(),
    retry: { maxAttempts: 3, initialBackoff: 1 },
    run({ context, attempt }) {
      context.count.add(1);
      if (attempt < 3) throw new Error("not yet");
      return nextAll([context.count.value]);
    },
  });
  const flow = workflow({
    name: "dropped",
    version: "1",
    context: Shared,
    nodes: { shaky },
    start: "shaky",
    edges: { shaky: [] },
  });
  const runId = await bench.start(flow, null);
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ value: 1, sequence: 1 });
  expect(await bench.context(flow, runId)).toEqual({ count: 1 });
});

test("contexts are fetched as tails and from snapshots, and come out the same on every worker", async () => {
  let snapshots = 0;
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    putSnapshot: async (snapshot) => {
      snapshots += 1;
      await inner.putSnapshot(snapshot);
    },
  });
  const bench = new WorkerBench({ wrap });
  const Log = context({ log: field.eventLog<{ at: number; text: string }>() });
  const write = node({
    context: Log,
    input: z.number(),
    run({ input, context }) {
      expect(context.log.length).toBe(30 - input);
      context.log.append({ at: input, text: "x".repeat(9_000) });
      return next(input - 1);
    },
  });
  const flow = workflow({
    name: "long",
    version: "1",
    context: Log,
    retry: false,
    nodes: { write, end: node({ input: z.number(), run: ({ input }) => next(input) }) },
    start: "write",
    edges: { write: [{ when: (left) => left > 0, to: "write" }, { to: "end" }], end: [] },
  });
  const runId = await bench.start(flow, 30);
  for (let at = 0; at < 31; at += 1) {
    const worker = bench.worker(flow);
    expect((await worker.runOnce()).kind).toBe(at === 30 ? "completed" : "progressed");
    await worker.stop();
  }
  expect(snapshots).toBe(2);
  expect((await bench.context(flow, runId)).log).toHaveLength(30);
});
