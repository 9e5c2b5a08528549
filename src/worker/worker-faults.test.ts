import { expect, test, vi } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { CommitAndClaim } from "../backend/contract/claim.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { seededRandom } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { join } from "../definition/join.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";

const Shared = context({ log: field.eventLog<number>(), sum: field.register(0) });

/** A bit of everything: fan-out, context, steps, retries, a join. */
function busy() {
  const bodies = new Map<string, number>();
  const spread = split(z.number(), (count) => Array.from({ length: count }, (_, at) => at));
  const work = node({
    context: Shared,
    input: z.number(),
    retry: { maxAttempts: 3, initialBackoff: "1s" },
    async run({ input, context, attempt, step, idempotencyKey }) {
      bodies.set(idempotencyKey, (bodies.get(idempotencyKey) ?? 0) + 1);
      const kept = await step("double", () => input * 2);
      context.log.append(input);
      context.sum.update((sum) => sum + kept);
      if (input % 5 === 0 && attempt === 1) throw new Error("flaky");
      return next(kept);
    },
  });
  const sum = join({ of: "spread", input: z.number(), run: ({ inputs }) => next([...inputs]) });
  const flow = workflow({
    name: "busy",
    version: "1",
    context: Shared,
    nodes: { spread, work, sum },
    start: "spread",
    edges: { spread: "work", work: "sum", sum: [] },
  });
  return { flow, bodies };
}

async function expectWhole(
  bench: WorkerBench,
  flow: ReturnType<typeof busy>["flow"],
  ids: readonly string[],
  count: number,
) {
  for (const id of ids) {
    const run = await bench.run(id);
    expect(run).toMatchObject({ status: "completed", value: Array.from({ length: count }, (_, at) => at * 2) });
    const seen = await bench.context(flow, id);
    expect([...(seen.log as number[])].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at));
    expect(seen.sum).toBe(count * (count - 1));
  }
}

const unavailable = () => new MillraceError("BACKEND_UNAVAILABLE", "the line is dead");

test.each([1, 2, 3, 4])(
  "lost requests and lost answers of every kind leave no trace in the results (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const counts = { before: 0, after: 0 };
    async function faulty<T>(ask: () => Promise<T>): Promise<T> {
      const chance = random.next();
      if (chance < 0.15) {
        counts.before += 1;
        throw unavailable();
      }
      const answer = await ask();
      if (chance < 0.35) {
        counts.after += 1;
        throw unavailable();
      }
      return answer;
    }
    const wrap = (inner: BackendOperations): BackendOperations => ({
      ...inner,
      commitAndClaim: (request) => faulty(() => inner.commitAndClaim(request)),
      renew: (renewal) => faulty(() => inner.renew(renewal)),
      openSession: (session) => faulty(() => inner.openSession(session)),
      putMemo: (memo) => faulty(() => inner.putMemo(memo)),
      read: { ...inner.read, contextTail: (...args) => faulty(() => inner.read.contextTail(...args)) },
    });
    const bench = new WorkerBench({ seed, wrap });
    const { flow, bodies } = busy();
    const ids = await Promise.all([1, 2, 3].map(() => bench.start(flow, 15)));
    const other = bench.worker(flow, { concurrency: 3 });
    const running = other.run();
    await bench.finish(bench.worker(flow, { concurrency: 5 }), ...ids);
    await bench.stop(other);
    await running;
    await expectWhole(bench, flow, ids, 15);
    expect(counts.before).toBeGreaterThan(3);
    expect(counts.after).toBeGreaterThan(3);
    for (const [key, times] of bodies) expect([key, times]).toEqual([key, key.length > 0 && times <= 2 ? times : 2]);
  },
);

test("an unanswered request is sent again unchanged, under its number", async () => {
  const sent: CommitAndClaim[] = [];
  let failures = 3;
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    async commitAndClaim(request) {
      sent.push(request);
      const answer = await inner.commitAndClaim(request);
      if (request.commits.length > 0 && failures > 0) {
        failures -= 1;
        throw unavailable();
      }
      return answer;
    },
  });
  const bench = new WorkerBench({ wrap });
  const { flow } = busy();
  await bench.finish(bench.worker(flow), await bench.start(flow, 2));
  const again = sent.filter(({ commits }) => commits.length > 0).slice(0, 4);
  expect(new Set(again).size).toBe(1);
  expect(sent.map(({ request }) => request)).toEqual(sent.map((_, at) => (at <= 1 ? at + 1 : at <= 4 ? 2 : at - 2)));
});

test("an outage is logged once, ended once, and followed by a grace for the leases of others", async () => {
  let isDown = false;
  const graces: number[] = [];
  const wrap = ({ peek, ...inner }: BackendOperations): BackendOperations => ({
    ...inner,
    async commitAndClaim(request) {
      if (isDown) throw unavailable();
      if (request.claim !== undefined) graces.push(request.claim.graceMs);
      return await inner.commitAndClaim(request);
    },
    async peek(claim) {
      if (isDown || peek === undefined) throw unavailable();
      graces.push(claim.graceMs);
      return await peek(claim);
    },
    renew: (renewal) => (isDown ? Promise.reject(unavailable()) : inner.renew(renewal)),
  });
  const bench = new WorkerBench({ wrap });
  const { flow } = busy();
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const onError = vi.fn();
  const worker = bench.worker(flow, { logger, lease: "30s", callbacks: { onError } });
  const running = worker.run();
  await bench.settle();
  isDown = true;
  await bench.clock.advance(60_000);
  expect(logger.warn).toHaveBeenCalledTimes(1);
  expect(onError).toHaveBeenCalledTimes(1);
  isDown = false;
  graces.length = 0;
  await bench.clock.advance(20_000);
  expect(logger.info).toHaveBeenCalledTimes(1);
  expect(graces.length).toBeGreaterThan(1);
  expect(graces.slice(1).every((ms) => ms > 60_000)).toBe(true);
  await bench.clock.advance(40_000);
  expect(graces.at(-1)).toBe(0);
  await worker.stop();
  await running;
});

test("a worker whose session is gone gives up what it held, opens another one, and goes on", async () => {
  const bench = new WorkerBench();
  const aborted: unknown[] = [];
  let bodies = 0;
  const hang = node({
    input: z.number(),
    async run({ input, signal }) {
      bodies += 1;
      if (bodies > 1) return next(input);
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          aborted.push(signal.reason);
          resolve();
        });
      });
      return next(-1);
    },
  });
  const flow = workflow({ name: "hang", version: "1", nodes: { hang }, start: "hang", edges: { hang: [] } });
  const runId = await bench.start(flow, 5);
  const worker = bench.worker(flow);
  const running = worker.run();
  await bench.until(() => bodies === 1);
  const [session] = await bench.operations.read.sessions();
  await bench.operations.closeSession(session?.id ?? "");
  await bench.until(async () => (await bench.operations.read.runState(runId))?.status === "completed");
  await worker.stop();
  await running;
  expect((await bench.run(runId)).value).toBe(5);
  expect(aborted).toMatchObject([{ code: "STALE_LEASE" }]);
  expect(await bench.operations.read.sessions()).toHaveLength(2);
});

test("a worker ends when its backend is closed under it", async () => {
  const bench = new WorkerBench();
  const { flow } = busy();
  const worker = bench.worker(flow);
  const running = worker.run();
  await bench.settle();
  await bench.operations.close();
  await bench.clock.advance(20_000);
  await running;
  await expect(worker.run()).rejects.toMatchObject({ code: "CLOSED" });
});

test("a worker can be stopped while the store is out of reach", async () => {
  let isDown = false;
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    commitAndClaim: (request) => (isDown ? Promise.reject(unavailable()) : inner.commitAndClaim(request)),
  });
  const bench = new WorkerBench({ wrap });
  const { flow } = busy();
  await bench.start(flow, 5);
  const worker = bench.worker(flow, { concurrency: 2 });
  const running = worker.run();
  await bench.settle();
  isDown = true;
  await bench.start(flow, 5);
  await bench.clock.advance(5_000);
  const stopping = worker.stop({ drain: "10s" });
  await bench.clock.advance(20_000);
  await stopping;
  await running;
  expect(worker.health().status).toBe("stopped");
});

test("a commit that the store cannot take fails its own item, and none of its neighbours", async () => {
  const wrap = (inner: BackendOperations): BackendOperations => ({
    ...inner,
    async commitAndClaim(request) {
      const isPoison = request.commits.some(
        ({ outcome }) =>
          outcome.kind === "emit" && outcome.outputs.some(({ value }) => new TextDecoder().decode(value) === "13"),
      );
      if (isPoison) throw new TypeError("cannot read properties of undefined");
      return await inner.commitAndClaim(request);
    },
  });
  const bench = new WorkerBench({ wrap });
  const echo = node({ input: z.number(), run: ({ input }) => next(input) });
  const flow = workflow({ name: "echo", version: "1", nodes: { echo }, start: "echo", edges: { echo: [] } });
  const ids = await Promise.all([11, 12, 13, 14].map((input) => bench.start(flow, input)));
  const runs = await bench.finish(bench.worker(flow), ...ids);
  expect(runs.map(({ status, value, failure }) => [status, value ?? failure?.code])).toEqual([
    ["completed", 11],
    ["completed", 12],
    ["failed", "INTERNAL"],
    ["completed", 14],
  ]);
});

test("a rejection that a body leaves behind hits its item only", async () => {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  try {
    const bench = new WorkerBench();
    const careless = node({
      input: z.number(),
      retry: false,
      async run({ input }) {
        if (input === 1) {
          void Promise.reject(new Error("left behind"));
          await new Promise(() => undefined);
        }
        return next(input);
      },
    });
    const flow = workflow({
      name: "careless",
      version: "1",
      nodes: { careless },
      start: "careless",
      edges: { careless: [] },
    });
    const ids = await Promise.all([0, 1, 2].map((input) => bench.start(flow, input)));
    const runs = await bench.finish(bench.worker(flow), ...ids);
    expect(runs.map(({ status, failure }) => [status, failure?.message])).toEqual([
      ["completed", undefined],
      ["failed", "left behind"],
      ["completed", undefined],
    ]);
    expect(process.listenerCount("unhandledRejection")).toBe(0);
  } finally {
    for (const listener of others) process.on("unhandledRejection", listener);
  }
});
