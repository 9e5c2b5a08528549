import { expect, test, vi } from "vitest";
import { z } from "zod";
import { gate } from "../../test/support/gate.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { seededRandom } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { WorkerOptions } from "./worker-options.ts";

function single(body: Parameters<typeof node<z.ZodNumber, ReturnType<typeof next<number>>>>[0]["run"], options = {}) {
  const only = node({ input: z.number(), run: body, ...options });
  return workflow({ name: "single", version: "1", nodes: { only }, start: "only", edges: { only: [] } });
}

const echo = single(({ input }) => next(input));
const claimOfEcho = {
  queues: ["default"],
  definitions: [echo.hash],
  labels: [],
  limit: 1,
  stalledLimit: 1,
  maxStalls: 3,
  graceMs: 0,
};

/** A worker that has found nothing, on a store that gives no hints unless told to. */
async function idle(flow = echo, options: Partial<WorkerOptions> & { readonly hints?: boolean } = {}) {
  const bench = new WorkerBench();
  const store = new TroubledStore(bench.inner, bench.clock);
  const { hints = false, ...others } = options;
  const operations: BackendOperations = hints
    ? store.operations
    : { ...store.operations, subscribe: () => () => undefined };
  const worker = bench.worker(flow, { backend: { operations }, ...others });
  const running = worker.run();
  await bench.settle();
  const completed = async (id: string) => (await bench.inner.read.runState(id))?.status === "completed";
  const stop = async () => {
    await bench.stop(worker);
    await running;
  };
  return { bench, store, operations, worker, completed, stop };
}

test("an idle worker asks the store no more than once a second, and claims nothing", async () => {
  const { bench, store, stop } = await idle();
  await bench.clock.advance(1_000_000);
  expect(store.calls.commitAndClaim).toBe(1);
  expect(store.calls.peek + store.calls.renew).toBeLessThanOrEqual(1_000);
  expect(store.calls.peek).toBeGreaterThan(800);
  await stop();
});

test("work that nobody hints at is found within a poll interval, give or take", async () => {
  const { bench, completed, stop } = await idle();
  for (let at = 0; at < 20; at += 1) {
    await bench.clock.advance(500 + at * 317);
    const before = bench.clock.monotonic();
    const id = await bench.start(echo, at);
    await bench.until(() => completed(id));
    expect(bench.clock.monotonic() - before).toBeLessThanOrEqual(1_250);
  }
  await stop();
});

test("what becomes due is found at its instant, though nobody hints at it", async () => {
  let attempts = 0;
  const retry = { maxAttempts: 2, initialBackoff: "700ms", jitter: "none" };
  const flow = single(
    ({ input, attempt }) => {
      attempts += 1;
      if (attempt === 1) throw new Error("once");
      return next(input);
    },
    { retry },
  );
  const { bench, completed, stop } = await idle(flow);
  const before = bench.clock.monotonic();
  const id = await bench.start(flow, 1);
  await bench.until(() => attempts === 1);
  const failedAt = bench.clock.monotonic();
  await bench.until(() => completed(id));
  expect([failedAt - before <= 1_250, bench.clock.monotonic() - failedAt]).toEqual([true, 700]);
  await stop();
});

test("the lease of a worker that vanished, and a run's timeout, are found at their instants", async () => {
  const { bench, completed, stop } = await idle();
  const id = await bench.start(echo, 1);
  const session = { id: "gone", workerId: "gone", leaseMs: 10_000, queues: [], labels: [], definitions: [] };
  await bench.inner.openSession({ ...session, host: "h", pid: 1 });
  const lost = await bench.inner.commitAndClaim({ session: "gone", request: 1, commits: [], claim: claimOfEcho });
  expect(lost.items).toHaveLength(1);
  const before = bench.clock.now();
  await bench.until(() => completed(id));
  expect(bench.clock.now() - before).toBe(10_000);

  const far = node({ input: z.number(), queue: "elsewhere", run: ({ input }) => next(input) });
  const timed = workflow({
    name: "timed",
    version: "1",
    timeout: "5s",
    nodes: { far },
    start: "far",
    edges: { far: [] },
  });
  const late = await bench.start(timed, 1);
  const startedAt = bench.clock.now();
  await bench.until(async () => (await bench.inner.read.runState(late))?.status === "failed");
  expect(bench.clock.now() - startedAt).toBe(5_000);
  await stop();
});

test("a hint that there is work is followed by a claim at once, without a look before", async () => {
  const { bench, store, completed, stop } = await idle(echo, { hints: true });
  const looks = store.calls.peek;
  const before = bench.clock.monotonic();
  const id = await bench.start(echo, 1);
  await bench.until(() => completed(id));
  expect([store.calls.peek - looks, bench.clock.monotonic() - before]).toEqual([0, 0]);
  await stop();
});

test("a look that takes its time holds up neither a commit nor the answer to a hint", async () => {
  const middle = gate();
  const flow = single(async ({ input }) => {
    if (input === 1) {
      middle.begin();
      await middle.opened;
    }
    return next(input);
  });
  const { bench, store, completed, stop } = await idle(flow, { hints: true });
  const first = await bench.start(flow, 1);
  await bench.until(() => middle.begun.then(() => true));
  const peek = vi.spyOn(store.operations, "peek").mockImplementation(() => new Promise<never>(() => undefined));
  await bench.until(() => peek.mock.calls.length === 1);
  const at = bench.clock.monotonic();
  middle.open();
  await bench.until(() => completed(first));
  await bench.until(() => peek.mock.calls.length === 2);
  const later = bench.clock.monotonic();
  const second = await bench.start(flow, 2);
  await bench.until(() => completed(second));
  expect([later - at <= 1_250, bench.clock.monotonic() - later]).toEqual([true, 0]);
  await bench.until(() => peek.mock.calls.length === 3);
  await stop();
});

test("on a store that cannot be looked at, and on one that fails at it, a worker claims to find out", async () => {
  const { bench, operations, stop } = await idle();
  const { peek: _peek, ...blind } = operations;
  const warn = vi.fn();
  const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() };
  const broken = { ...operations, peek: () => Promise.reject(new TypeError("cannot read properties of undefined")) };
  for (const given of [blind, broken]) {
    const claim = vi.spyOn(given, "commitAndClaim");
    const worker = bench.worker(echo, { backend: { operations: given }, logger });
    const running = worker.run();
    await bench.clock.advance(60_000);
    expect(claim.mock.calls.length).toBeGreaterThan(45);
    await bench.stop(worker);
    await running;
  }
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    "the store cannot be looked at, so this worker claims to find out what is there",
  ]);
  await stop();
});

test("workers that are never hinted at finish everything, whoever vanishes among them", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = seededRandom(seed);
    const bench = new WorkerBench({ seed });
    const flow = single(
      async ({ input, attempt }) => {
        await bench.clock.sleep(random.next() * 3_000);
        if (input % 3 === 0 && attempt === 1) throw new Error("flaky");
        return next(input);
      },
      { retry: { maxAttempts: 3, initialBackoff: "1s", jitter: "full" } },
    );
    const hands = Array.from({ length: 4 }, () => {
      const store = new TroubledStore(bench.inner, bench.clock);
      const operations = { ...store.operations, subscribe: () => () => undefined };
      const worker = bench.worker(flow, { backend: { operations }, concurrency: 2, lease: "5s", maxStalls: 50 });
      return { store, worker, running: worker.run() };
    });
    const ids: string[] = [];
    for (let at = 0; at < 24; at += 1) {
      ids.push(await bench.start(flow, at, { delay: Math.round(random.next() * 4_000) }));
      await bench.clock.advance(Math.round(random.next() * 1_500));
      if (at === 8 || at === 16) for (const { store } of hands.slice(0, at / 8)) store.trouble = "silent";
    }
    await bench.until(async () => {
      const runs = await Promise.all(ids.map((id) => bench.inner.read.runState(id)));
      return runs.every((run) => run?.status === "completed");
    }, 60_000);
    for (const { worker, running } of hands) {
      await bench.stop(worker);
      await running;
    }
  }
});
