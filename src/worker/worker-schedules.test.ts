import { expect, test, vi } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import { defineBackend } from "../stores/backend.ts";

const MINUTE = 60_000;
const echo = node({ input: z.number(), run: ({ input }) => next(input) });
const flow = workflow({ name: "flow", version: "1", nodes: { echo }, start: "echo", edges: { echo: [] } });
const minutely = { id: "minutely", workflow: flow, input: 1, every: "1m" } as const;

/** Schedules as another process sees them: what it does there is no hint here. */
function elsewhere(bench: WorkerBench) {
  const backend = defineBackend(bench.inner);
  return new DistributedOrchestrator({ backend, clock: bench.clock }).schedules;
}

test("a worker fires schedules that are made while it works, and executes what comes of them", async () => {
  const bench = new WorkerBench();
  const worker = bench.worker(flow);
  const running = worker.run();
  await bench.clock.advance(10_000);
  const schedules = elsewhere(bench);
  await schedules.create(minutely);
  await bench.clock.advance(3 * MINUTE + 5_000);
  const { entries } = await bench.inner.read.runs({}, {});
  expect(entries.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
  const info = await schedules.get("minutely");
  expect(info?.counts).toEqual({ started: 3, skipped: 0, missed: 0, failed: 0 });
  const late = info?.firings.map(({ at, instant }) => at - instant) ?? [];
  // The first it was not told of; of the others it knows.
  expect([Math.max(...late) <= 2_500, late.slice(0, 2)]).toEqual([true, [0, 0]]);
  await bench.stop(worker);
  await running;
});

test("a worker whose slots are all taken fires schedules all the same", async () => {
  const bench = new WorkerBench();
  const blocked = node({
    input: z.number(),
    run: ({ signal }) =>
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const busy = workflow({ name: "busy", version: "1", nodes: { blocked }, start: "blocked", edges: { blocked: [] } });
  const worker = bench.worker([flow, busy], { concurrency: 1 });
  const running = worker.run();
  await bench.start(busy, 1);
  await bench.clock.advance(5_000);
  const schedules = elsewhere(bench);
  await schedules.create({ ...minutely, overlap: "allow" });
  await bench.clock.advance(3 * MINUTE + 15_000);
  expect((await schedules.get("minutely"))?.counts.started).toBe(3);
  const stopping = worker.stop({ drain: 0 });
  await bench.clock.advance(1_000);
  await Promise.all([stopping, running]);
});

test("a worker that is told not to fire schedules does not, and one beside it that does is told of them", async () => {
  const bench = new WorkerBench();
  const schedules = elsewhere(bench);
  const deaf = bench.worker(flow, { schedules: false });
  const first = deaf.run();
  await bench.settle();
  await schedules.create({ ...minutely, overlap: "allow", catchUp: "1h" });
  await bench.clock.advance(5 * MINUTE);
  expect((await schedules.get("minutely"))?.counts.started).toBe(0);
  const worker = bench.worker(flow);
  const second = worker.run();
  await bench.clock.advance(5_000);
  expect((await schedules.get("minutely"))?.counts).toMatchObject({ started: 5, missed: 0 });
  for (const one of [deaf, worker]) await bench.stop(one);
  await Promise.all([first, second]);
});

test("an idle worker with schedules that are not due asks the store no more than once a second", async () => {
  const bench = new WorkerBench();
  const { inner } = bench;
  let asked = 0;
  const counted = <P extends readonly unknown[], R>(call: (...given: P) => Promise<R>) => {
    return (...given: P): Promise<R> => {
      asked += 1;
      return call(...given);
    };
  };
  const peek = inner.peek;
  if (peek === undefined) throw new Error("the backend in memory can be looked at");
  const { documents } = inner;
  const operations: BackendOperations = {
    ...inner,
    attachSession: () => () => undefined,
    peek: counted(peek),
    renew: counted(inner.renew),
    commitAndClaim: counted(inner.commitAndClaim),
    now: counted(inner.now),
    documents: {
      ...documents,
      list: counted(documents.list),
      put: counted(documents.put),
      get: counted(documents.get),
    },
  };
  const schedules = elsewhere(bench);
  for (let at = 0; at < 20; at += 1) await schedules.create({ ...minutely, id: `s${at}`, every: "30d" });
  const worker = bench.worker(flow, { backend: { operations }, retention: null });
  const running = worker.run();
  await bench.settle();
  asked = 0;
  await bench.clock.advance(1_000_000);
  expect(asked).toBeLessThanOrEqual(1_000);
  await bench.stop(worker);
  await running;
});

test("a worker waits for what it is firing before it signs off", async () => {
  const bench = new WorkerBench();
  const schedules = elsewhere(bench);
  await schedules.create(minutely);
  const slow = vi.fn();
  const operations: BackendOperations = {
    ...bench.inner,
    async startRuns(starts) {
      slow();
      await bench.clock.sleep(300);
      return await bench.inner.startRuns(starts);
    },
  };
  const worker = bench.worker(flow, { backend: { operations } });
  const running = worker.run();
  await bench.until(() => slow.mock.calls.length === 1);
  await bench.stop(worker);
  await running;
  expect((await schedules.get("minutely"))?.counts.started).toBe(1);
});
