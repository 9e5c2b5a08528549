import { expect, test } from "vitest";
import { z } from "zod";
import { gate } from "../../test/support/gate.ts";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { isMillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";

function single(body: Parameters<typeof node<z.ZodNumber, ReturnType<typeof next<number>>>>[0]["run"], options = {}) {
  const only = node({ input: z.number(), run: body, ...options });
  return workflow({ name: "single", version: "1", nodes: { only }, start: "only", edges: { only: [] } });
}

test("an attempt that takes too long fails with TIMEOUT, its signal is aborted, and its late result is dropped", async () => {
  const bench = new WorkerBench();
  const hanging = gate();
  const reasons: unknown[] = [];
  const slow = node({
    input: z.number(),
    timeout: "10s",
    retry: { maxAttempts: 2, initialBackoff: "5s" },
    async run({ input, signal }) {
      signal.addEventListener("abort", () => reasons.push(signal.reason));
      await hanging.opened;
      return next(input);
    },
  });
  const late = node({ input: z.number(), run: ({ error }) => next(`${error?.code} after ${error?.attempt}`) });
  const flow = workflow({
    name: "slow",
    version: "1",
    nodes: { slow, late, other: late },
    start: "slow",
    edges: { slow: { to: [], onTimeout: "late", onFailure: "other" }, late: [], other: [] },
  });
  const runId = await bench.start(flow, 1);
  const before = bench.clock.now();
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: "TIMEOUT after 2" });
  expect((run?.finishedAt ?? 0) - before).toBe(25_000);
  expect(reasons.map((reason) => isMillraceError(reason) && reason.code)).toEqual(["TIMEOUT", "TIMEOUT"]);
  hanging.open();
  await bench.settle();
  expect((await bench.items(runId)).map(({ node: name, status }) => [name, status])).toEqual([
    ["slow", "failed"],
    ["late", "completed"],
  ]);
});

test("a deadline counts over all attempts and is not retried", async () => {
  const bench = new WorkerBench();
  const never = node({
    input: z.number(),
    timeout: "10s",
    deadline: "25s",
    retry: { maxAttempts: 10, initialBackoff: "1s", strategy: "fixed" },
    run: () => new Promise<ReturnType<typeof next<number>>>(() => undefined),
  });
  const flow = workflow({ name: "never", version: "1", nodes: { never }, start: "never", edges: { never: [] } });
  const runId = await bench.start(flow, 1);
  const before = bench.clock.now();
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "failed", failure: { code: "DEADLINE" }, retried: 2 });
  expect((run?.finishedAt ?? 0) - before).toBe(25_000);
});

test("a timeout is durable: when its worker has vanished, another one commits the failure path", async () => {
  const bench = new WorkerBench();
  let bodies = 0;
  const flow = single(
    async () => {
      bodies += 1;
      return await new Promise<never>(() => undefined);
    },
    { timeout: "5s", retry: false },
  );
  const runId = await bench.start(flow, 1);
  await bench.operations.openSession({
    id: "vanished",
    workerId: "w",
    leaseMs: 600_000,
    queues: ["default"],
    labels: [],
    definitions: [flow.hash],
    host: "h",
    pid: 1,
  });
  const claim = {
    queues: ["default"],
    definitions: [flow.hash],
    labels: [],
    limit: 1,
    stalledLimit: 1,
    maxStalls: 3,
    graceMs: 0,
  };
  await bench.operations.commitAndClaim({ session: "vanished", request: 1, commits: [], claim });
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "failed", failure: { code: "TIMEOUT" } });
  expect(bodies).toBe(0);
});

test("an item whose workers vanish three times in a row fails with STALLED", async () => {
  const bench = new WorkerBench();
  const flow = single(({ input }) => next(input));
  const runId = await bench.start(flow, 1);
  const claim = {
    queues: ["default"],
    definitions: [flow.hash],
    labels: [],
    limit: 1,
    stalledLimit: 1,
    maxStalls: 3,
    graceMs: 0,
  };
  for (const id of ["s1", "s2", "s3"]) {
    const session = {
      id,
      workerId: id,
      leaseMs: 1_000,
      queues: ["default"],
      labels: [],
      definitions: [flow.hash],
      host: "h",
      pid: 1,
    };
    await bench.operations.openSession(session);
    const { items } = await bench.operations.commitAndClaim({ session: id, request: 1, commits: [], claim });
    expect(items).toHaveLength(1);
    await bench.clock.advance(2_000);
  }
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "failed", failure: { code: "STALLED" } });
});

test("draining lets what runs finish, and claims nothing more", async () => {
  const bench = new WorkerBench();
  const { begin, begun, open, opened } = gate();
  const flow = single(async ({ input }) => {
    begin();
    await opened;
    return next(input);
  });
  const worker = bench.worker(flow, { concurrency: 1 });
  const ids = [await bench.start(flow, 1), await bench.start(flow, 2)];
  const running = worker.run();
  await begun;
  const stopped = worker.stop({ drain: "1m" });
  expect(worker.health().status).toBe("draining");
  open();
  await stopped;
  await running;
  const states = await Promise.all(ids.map((id) => bench.operations.read.runState(id)));
  expect(states.map((state) => state?.status).sort()).toEqual(["completed", "running"]);
});

test("what does not finish in time is given back at once, without an attempt used, and its signal is aborted", async () => {
  const bench = new WorkerBench();
  const { begin, begun } = gate();
  let reason: unknown;
  const flow = single(async ({ signal, attempt, input }) => {
    if (signal.aborted || attempt > 1) throw new Error("never");
    begin();
    if (reason !== undefined) return next(input);
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
        resolve();
      });
    });
    throw signal.reason;
  });
  const runId = await bench.start(flow, 5);
  const worker = bench.worker(flow);
  const running = worker.run();
  await begun;
  const stopping = worker.stop({ drain: "2s" });
  await bench.settle();
  await bench.clock.advance(2_000);
  await stopping;
  await running;
  expect(isMillraceError(reason, "CANCELLED")).toBe(true);
  expect(await bench.items(runId)).toMatchObject([{ status: "pending", attempts: 0, stalls: 0 }]);
  const [run] = await bench.finish(bench.worker(flow), runId);
  expect(run).toMatchObject({ status: "completed", value: 5 });
});

test("a body learns within a heartbeat that its run was cancelled, and a paused run's attempt goes on", async () => {
  const bench = new WorkerBench();
  const { begin, begun, open, opened } = gate();
  const aborted: string[] = [];
  const flow = single(async ({ input, signal, runId }) => {
    signal.addEventListener("abort", () => aborted.push(runId));
    begin();
    await opened;
    return next(input);
  });
  const [cancelled, paused] = [await bench.start(flow, 1), await bench.start(flow, 2)];
  const worker = bench.worker(flow);
  const running = worker.run();
  await begun;
  await bench.operations.control([
    { action: { kind: "cancel", runId: cancelled } },
    { action: { kind: "pause", runId: paused } },
  ]);
  await bench.until(() => aborted.length > 0, 10_000);
  await bench.clock.advance(30_000);
  expect(aborted).toEqual([cancelled]);
  open();
  await bench.until(async () => (await bench.operations.read.runState(paused))?.status === "completed");
  await worker.stop();
  await running;
  expect((await bench.run(cancelled)).status).toBe("cancelled");
});

test("a lease is kept while a body takes longer than it, and lost by a worker that says nothing", async () => {
  const bench = new WorkerBench({ wrap: (inner) => ({ ...inner, attachSession: () => () => undefined }) });
  const { begin, begun, open, opened } = gate();
  let bodies = 0;
  const flow = single(async ({ input }) => {
    bodies += 1;
    begin();
    await opened;
    return next(input);
  });
  const runId = await bench.start(flow, 1);
  const [slow, other] = [bench.worker(flow, { lease: "3s" }), bench.worker(flow, { lease: "3s" })];
  const running = [slow.run(), other.run()];
  await begun;
  await bench.clock.advance(20_000);
  expect(bodies).toBe(1);
  open();
  await bench.until(async () => (await bench.operations.read.runState(runId))?.status === "completed");
  await Promise.all([slow.stop(), other.stop()]);
  await Promise.all(running);
});

test("what a vanished worker left is taken up one by one, without a pause between them", async () => {
  const bench = new WorkerBench();
  const flow = single(({ input }) => next(input));
  const ids = [await bench.start(flow, 1), await bench.start(flow, 2), await bench.start(flow, 3)];
  await bench.operations.openSession({
    id: "vanished",
    workerId: "w",
    leaseMs: 1_000,
    queues: ["default"],
    labels: [],
    definitions: [flow.hash],
    host: "h",
    pid: 1,
  });
  const claim = {
    queues: ["default"],
    definitions: [flow.hash],
    labels: [],
    limit: 3,
    stalledLimit: 1,
    maxStalls: 3,
    graceMs: 0,
  };
  const { items } = await bench.operations.commitAndClaim({ session: "vanished", request: 1, commits: [], claim });
  expect(items).toHaveLength(3);
  await bench.clock.advance(2_000);
  const before = bench.clock.now();
  const runs = await bench.finish(bench.worker(flow, { pollInterval: "1h" }), ...ids);
  expect(runs.map(({ status, finishedAt }) => [status, (finishedAt ?? 0) - before])).toEqual([
    ["completed", 0],
    ["completed", 0],
    ["completed", 0],
  ]);
});
