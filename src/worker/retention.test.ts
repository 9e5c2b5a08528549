/** Retention: finished runs go after their time, open ones and young ones stay. */

import { expect, test } from "vitest";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { manualClock, seededRandom, silentLogger } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { CHUNK_RUNS, keepRetention } from "./retention.ts";

const DAY = 86_400_000;
const echo = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const flow = workflow({ name: "echo", version: "1", nodes: { echo }, start: "echo", edges: { echo: [] } });

test.each([
  ["thirty days by default", undefined, 30],
  ["as long as the worker is told", "2d", 2],
] as const)("a worker keeps finished runs for %s, and open ones for ever", async (_, retention, days) => {
  const bench = new WorkerBench();
  const worker = bench.worker(flow, { retention, lease: "400d", pollInterval: "100d" });
  const running = worker.run();
  const finished = await bench.start(flow, 1);
  const delayed = await bench.start(flow, 2, { delay: "90d" });
  await bench.settle();
  await bench.clock.advance(days * DAY - 2 * 3_600_000);
  expect(await bench.operations.read.runState(finished)).toMatchObject({ status: "completed" });
  await bench.clock.advance(4 * 3_600_000);
  await bench.settle();
  expect(await bench.operations.read.runState(finished)).toBeUndefined();
  expect(await bench.operations.read.runState(delayed)).toMatchObject({ status: "running" });
  await worker.stop();
  await running;
});

test("with null nothing is ever removed", async () => {
  const bench = new WorkerBench();
  const worker = bench.worker(flow, { retention: null, lease: "400d", pollInterval: "100d" });
  const running = worker.run();
  const finished = await bench.start(flow, 1);
  await bench.settle();
  await bench.clock.advance(365 * DAY);
  await bench.settle();
  expect(await bench.operations.read.runState(finished)).toMatchObject({ status: "completed" });
  await worker.stop();
  await running;
});

test("many are removed in bounded chunks with pauses, and a store out of reach is asked again later", async () => {
  const clock = manualClock(100 * DAY);
  let left = 2 * CHUNK_RUNS + 1;
  let outages = 1;
  const asked: { readonly before: number; readonly limit: number }[] = [];
  const purge = async (request: { readonly before: number; readonly limit: number }) => {
    if (outages-- > 0) throw new Error("not now");
    asked.push(request);
    const removed = Math.min(left, request.limit);
    left -= removed;
    return removed;
  };
  const operations = { now: async () => clock.now(), purge };
  const stop = keepRetention({ operations, clock, random: seededRandom(1), logger: silentLogger, retentionMs: DAY });
  await clock.advance(4 * 3_600_000);
  expect(left).toBe(0);
  expect(asked.length).toBeGreaterThanOrEqual(3);
  expect(new Set(asked.map(({ limit }) => limit))).toEqual(new Set([CHUNK_RUNS]));
  const looks = asked.length;
  stop();
  await clock.advance(DAY);
  expect(asked).toHaveLength(looks);
});
