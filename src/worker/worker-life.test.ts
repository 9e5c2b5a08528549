import { expect, test, vi } from "vitest";
import { z } from "zod";
import { gate } from "../../test/support/gate.ts";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { dynamicWorkflow, workflow } from "../definition/workflow.ts";

function single(body: Parameters<typeof node<z.ZodNumber, ReturnType<typeof next<number>>>>[0]["run"], options = {}) {
  const only = node({ input: z.number(), run: body, ...options });
  return workflow({ name: "single", version: "1", nodes: { only }, start: "only", edges: { only: [] } });
}

const echo = single(({ input }) => next(input));

test("runOnce tells idle, progressed, completed, retried and failed apart", async () => {
  const bench = new WorkerBench();
  const first = node({ input: z.string(), run: ({ input }) => next(input) });
  const second = node({
    input: z.string(),
    retry: { maxAttempts: 2, initialBackoff: "1s" },
    run({ input, attempt }) {
      if (input === "bad") throw new Error(`attempt ${attempt}`);
      return next(input);
    },
  });
  const flow = workflow({
    name: "two",
    version: "1",
    nodes: { first, second },
    start: "first",
    edges: { first: "second", second: [] },
  });
  await using worker = bench.worker(flow);
  expect(await worker.runOnce()).toEqual({ kind: "idle" });
  const good = await bench.start(flow, "good");
  expect(await worker.runOnce()).toMatchObject({ kind: "progressed", node: "first", runId: good, attempt: 1 });
  expect(await worker.runOnce()).toMatchObject({ kind: "completed", node: "second", itemId: `${good}.1` });
  await bench.start(flow, "bad");
  expect(await worker.runOnce()).toMatchObject({ kind: "progressed" });
  expect(await worker.runOnce()).toMatchObject({ kind: "retried", failure: { message: "attempt 1" } });
  expect(await worker.runOnce()).toEqual({ kind: "idle" });
  await bench.clock.advance(1_000);
  expect(await worker.runOnce()).toMatchObject({ kind: "failed", attempt: 2, runStatus: "failed" });
});

test("a worker can't do two things at once, and works again after it has stopped", async () => {
  const bench = new WorkerBench();
  const worker = bench.worker(echo);
  const running = worker.run();
  await worker.ready();
  await expect(worker.runOnce()).rejects.toMatchObject({ code: "ILLEGAL_TRANSITION" });
  await expect(worker.run()).rejects.toMatchObject({ code: "ILLEGAL_TRANSITION" });
  await worker.stop();
  await running;
  const [run] = await bench.finish(worker, await bench.start(echo, 7));
  expect(run?.value).toBe(7);
  const sessions = await bench.operations.read.sessions();
  // Its last figures stay to be read, the newer session's first.
  expect(sessions.map(({ stoppedAt, health }) => [stoppedAt !== undefined, health.status, health.completed])).toEqual([
    [true, "stopped", 1],
    [true, "stopped", 0],
  ]);
});

test("a worker that is stopped before it has signed on just ends", async () => {
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    publish: () => Promise.reject(new MillraceError("BACKEND_UNAVAILABLE", "not there yet")),
  });
  const bench = new WorkerBench({ wrap });
  const worker = bench.worker(echo);
  const running = worker.run();
  await bench.settle();
  await worker.stop();
  await running;
  expect(worker.health().status).toBe("stopped");
});

/** Throws whatever is asked of it. */
function untouchable(): object {
  const refuse = (): never => {
    throw new RangeError("do not touch");
  };
  return new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getPrototypeOf: refuse });
}

test("callbacks that throw, reject or never end change nothing", async () => {
  const bench = new WorkerBench();
  const told: string[] = [];
  const warn = vi.fn();
  const note = (name: string, and: () => unknown) => () => {
    told.push(name);
    return and();
  };
  const callbacks = {
    onStarted: note("started", () => {
      throw new Error("a");
    }),
    onItemStarted: note("itemStarted", () => Promise.reject(new Error("b"))),
    onItemProcessed: note("itemProcessed", () => new Promise(() => undefined)),
    onItemHeartbeat: note("heartbeat", () => {
      throw new Error("c");
    }),
    onRunCompleted: note("runCompleted", () => {
      throw untouchable();
    }),
    onStopped: note("stopped", () => {
      throw new Error("d");
    }),
  };
  const flow = single(({ input, heartbeat }) => {
    heartbeat({ at: 1 });
    return next(input);
  });
  const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() };
  const [run] = await bench.finish(bench.worker(flow, { callbacks, logger }), await bench.start(flow, 3));
  expect(run?.value).toBe(3);
  expect(told).toEqual(["started", "itemStarted", "heartbeat", "itemProcessed", "runCompleted", "stopped"]);
  expect(warn).toHaveBeenCalledTimes(5);
});

test("step results are kept over attempts, and a name can be used once in each", async () => {
  const bench = new WorkerBench();
  const calls: string[] = [];
  const steps = node({
    input: z.number(),
    retry: { maxAttempts: 3, initialBackoff: 1 },
    async run({ step, attempt }) {
      const a = await step("a", () => {
        calls.push("a");
        return { made: attempt };
      });
      const nothing = await step("nothing", () => {
        calls.push("nothing");
      });
      if (attempt === 1) {
        await step("b", () => {
          calls.push("b");
          throw new Error("b failed");
        });
      }
      const b = await step("b", () => {
        calls.push("b");
        return attempt;
      });
      if (attempt === 2) await step("a", () => ({ made: 0 }));
      return next([a.made, nothing === undefined, b]);
    },
  });
  const flow = workflow({ name: "steps", version: "1", nodes: { steps }, start: "steps", edges: { steps: [] } });
  const runId = await bench.start(flow, 1);
  const [run] = await bench.finish(bench.worker(flow, { retry: false }), runId);
  const failures = await bench.operations.read.failures({ runId }, {});
  expect(failures.entries.map(({ failure }) => failure.message)).toEqual([
    "b failed",
    'node "steps" has two steps named "a" in one attempt',
  ]);
  expect(calls).toEqual(["a", "nothing", "b", "b"]);
  expect(run).toMatchObject({ status: "failed", failure: { code: "INVALID_VALUE" } });
});

test("a claim takes no more than there are free slots, and of items that stalled before one at a time", async () => {
  const claims: { limit: number; stalledLimit: number }[] = [];
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    commitAndClaim: async (request) => {
      if (request.claim !== undefined) claims.push(request.claim);
      return await inner.commitAndClaim(request);
    },
  });
  const bench = new WorkerBench({ wrap });
  const gates = Array.from({ length: 3 }, gate);
  let executing = 0;
  const flow = dynamicWorkflow<number, number>({
    name: "slots",
    version: "1",
    completion: "all",
    nodes: {
      spread: split(z.number(), (count) => Array.from({ length: count }, (_, at) => at)),
      work: node({
        input: z.number(),
        async run({ input }) {
          executing += 1;
          expect(executing).toBeLessThanOrEqual(3);
          await gates[input % 3]?.opened;
          executing -= 1;
          return next(input);
        },
      }),
    },
    start: "spread",
    edges: { spread: "work", work: [] },
  });
  const runId = await bench.start(flow, 12);
  const worker = bench.worker(flow, { concurrency: 3 });
  const running = worker.run();
  await bench.until(() => executing === 3);
  for (const { open } of gates) open();
  await bench.until(async () => (await bench.operations.read.runState(runId))?.status === "completed");
  await worker.stop();
  await running;
  expect(claims.every(({ limit, stalledLimit }) => limit >= 1 && limit <= 3 && stalledLimit === 1)).toBe(true);
});

test("an idle worker sleeps until a hint, and looks again only now and then", async () => {
  let claims = 0;
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    commitAndClaim: async (request) => {
      claims += 1;
      return await inner.commitAndClaim(request);
    },
  });
  const bench = new WorkerBench({ wrap });
  const worker = bench.worker(echo, { pollInterval: "10s" });
  const running = worker.run();
  await bench.clock.advance(100_000);
  expect(claims).toBeLessThan(16);
  const before = bench.clock.now();
  const runId = await bench.start(echo, 1);
  await bench.settle();
  expect((await bench.run(runId)).status).toBe("completed");
  expect(bench.clock.now()).toBe(before);
  await worker.stop();
  await running;
});

test("runs of an older definition are taken over by newer code that declares it compatible", async () => {
  const bench = new WorkerBench();
  const make = (version: string, say: string, compatible: readonly string[] = []) =>
    dynamicWorkflow<number, unknown>({
      name: "evolving",
      version,
      compatible,
      nodes: {
        a: node({ input: z.number(), run: ({ input }) => next(`${say}${input}`) }),
        b: node({ input: unchecked<unknown>(), run: ({ input }) => next(`b(${input})`) }),
      },
      start: "a",
      edges: version === "1" ? { a: "b", b: [] } : { a: ["b"], b: [] },
    });
  const older = make("1", "old");
  const newer = make("2", "new", [older.hash]);
  const stranger = make("3", "other");
  const ids = [await bench.start(older, 1), await bench.start(newer, 2)];
  const strange = await bench.start(stranger, 3);
  const runs = await bench.finish(bench.worker(newer), ...ids);
  expect(runs.map(({ value, version }) => [value, version])).toEqual([
    ["b(new1)", "1"],
    ["b(new2)", "2"],
  ]);
  expect((await bench.run(strange)).status).toBe("running");
});

test("the same version with another graph is refused, unless in development", async () => {
  const bench = new WorkerBench();
  const other = dynamicWorkflow<number, number>({
    name: "single",
    version: "1",
    nodes: { another: node({ input: z.number(), run: ({ input }) => next(input) }) },
    start: "another",
    edges: { another: [] },
  });
  await bench.start(echo, 1);
  await expect(bench.worker(other).run()).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
  await expect(bench.worker(other).runOnce()).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
  const worker = bench.worker(other, { development: true });
  expect(await worker.runOnce()).toEqual({ kind: "idle" });
  await worker.stop();
});

test("health tells what is executing, and that a retry is underway", async () => {
  const bench = new WorkerBench();
  const { begin, begun, open, opened } = gate();
  const flow = single(
    async ({ attempt, input }) => {
      if (attempt === 1) throw new Error("once");
      begin();
      await opened;
      return next(input);
    },
    { retry: { maxAttempts: 4, initialBackoff: "1s" } },
  );
  const runId = await bench.start(flow, 1);
  const worker = bench.worker(flow, { workerId: "anna" });
  expect(worker.health()).toMatchObject({ workerId: "anna", status: "stopped", versions: ["single@1"] });
  const running = worker.run();
  await bench.settle();
  await bench.clock.advance(1_000);
  await begun;
  expect(worker.health()).toMatchObject({
    status: "retrying",
    attempt: 2,
    maxAttempts: 4,
    items: [`${runId}.0`],
    errors: 1,
  });
  await bench.clock.advance(10_000);
  const [session] = await bench.operations.read.sessions();
  expect(session).toMatchObject({
    workerId: "anna",
    health: { status: "retrying", attempt: 2, items: [`${runId}.0`] },
  });
  open();
  await bench.until(async () => (await bench.operations.read.runState(runId))?.status === "completed");
  await worker.stop();
  await running;
});
