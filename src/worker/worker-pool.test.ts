import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { silentLogger } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { dynamicWorkflow, workflow } from "../definition/workflow.ts";
import { WorkerPool, type WorkerPoolOptions } from "./worker-pool.ts";

const echo = node({ input: z.number(), run: ({ input }) => next(input) });
const flow = workflow({ name: "echo", version: "1", nodes: { echo }, start: "echo", edges: { echo: [] } });

function poolOn(bench: WorkerBench, options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  const backend = { operations: bench.operations };
  return new WorkerPool({ backend, workflows: [flow], clock: bench.clock, logger: silentLogger, ...options });
}

async function alive(bench: WorkerBench): Promise<number> {
  const sessions = await bench.inner.read.sessions();
  return sessions.filter(({ stoppedAt }) => stoppedAt === undefined).length;
}

test("a pool starts its workers, works, and signs all of them off", async () => {
  const bench = new WorkerBench();
  const ids = await Promise.all([1, 2, 3, 4, 5].map((input) => bench.start(flow, input)));
  const pool = poolOn(bench, { workers: 3, workerId: "site", concurrency: 1 });
  await pool.start();
  await pool.start();
  expect(pool.health().map(({ workerId }) => workerId)).toEqual(["site-1", "site-2", "site-3"]);
  expect(await alive(bench)).toBe(3);
  const joined = pool.join();
  await bench.until(async () =>
    (await Promise.all(ids.map((id) => bench.run(id)))).every((run) => run.value !== undefined),
  );
  await Promise.all([pool.stop({ drain: "5s" }), pool.stop()]);
  await joined;
  expect(await alive(bench)).toBe(0);
  expect(pool.health()).toEqual([]);
  await expect(pool.start()).rejects.toMatchObject({ code: "CLOSED" });
});

test("scaling adds workers and lets surplus ones drain", async () => {
  const bench = new WorkerBench();
  await using pool = poolOn(bench, { workers: 1 });
  await pool.scale(2);
  expect(pool.health()).toEqual([]);
  await pool.start();
  expect(await alive(bench)).toBe(2);
  await pool.scale(5);
  expect(await alive(bench)).toBe(5);
  await pool.scale(1);
  expect(await alive(bench)).toBe(1);
  expect(pool.health()).toHaveLength(1);
  await expect(pool.scale(-1)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});

test("start rejects with what keeps a worker from signing on, and leaves none behind", async () => {
  const bench = new WorkerBench();
  const other = dynamicWorkflow<number, number>({
    name: "echo",
    version: "1",
    nodes: { different: echo },
    start: "different",
    edges: { different: [] },
  });
  await bench.start(other, 1);
  const pool = poolOn(bench, { workers: 2 });
  await expect(pool.start()).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
  expect(pool.health()).toEqual([]);
  await expect(pool.join()).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
});

test("a pool that is disposed of has stopped", async () => {
  const bench = new WorkerBench();
  {
    await using pool = poolOn(bench, { workers: 2 });
    await pool.start();
  }
  expect(await alive(bench)).toBe(0);
});

test.each([
  [{ workers: 1.5 }, "workers"],
  [{ concurrency: 0 }, "concurrency"],
  [{ lease: "1ms" }, "lease"],
  [{ pollInterval: "soon" }, "pollInterval"],
  [{ batch: 257 }, "batch"],
  [{ maxStalls: 0 }, "maxStalls"],
  [{ queues: [] }, "queues"],
  [{ labels: ["no label"] }, "labels"],
  [{ workerId: "a b" }, "workerId"],
  [{ workflows: [] }, "workflows"],
  [{ retry: { maxAttempts: 0 } }, "maxAttempts"],
] as [object, string][])("the options %j are refused, naming %s", (options, named) => {
  const bench = new WorkerBench();
  const make = () => poolOn(bench, options);
  expect(make).toThrow(expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(named) }));
});

test("items whose queue or labels a worker does not serve are left to others", async () => {
  const claimed: string[] = [];
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    async commitAndClaim(request) {
      const answer = await inner.commitAndClaim(request);
      claimed.push(...answer.items.map(({ item }) => item.node));
      return answer;
    },
  });
  const bench = new WorkerBench({ wrap });
  const special = dynamicWorkflow<number, number>({
    name: "special",
    version: "1",
    nodes: {
      plain: echo,
      far: node({ input: z.number(), queue: "far", run: ({ input }) => next(input) }),
      gpu: node({ input: z.number(), labels: ["gpu"], run: ({ input }) => next(input) }),
    },
    start: "plain",
    edges: { plain: "far", far: "gpu", gpu: [] },
  });
  const runId = await bench.start(special, 1);
  await bench.until(async () => {
    const near = bench.worker(special, { queues: ["default"] });
    await near.runOnce();
    await near.stop();
    return claimed.length > 0;
  });
  const near = bench.worker(special, { queues: ["default"], labels: ["gpu"] });
  expect(await near.runOnce()).toEqual({ kind: "idle" });
  const all = bench.worker(special);
  expect(await all.runOnce()).toMatchObject({ kind: "progressed", node: "far" });
  expect(await all.runOnce()).toEqual({ kind: "idle" });
  expect(await near.runOnce()).toMatchObject({ kind: "completed", node: "gpu" });
  await Promise.all([near.stop(), all.stop()]);
  expect((await bench.run(runId)).value).toBe(1);
});
