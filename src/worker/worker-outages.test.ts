import { expect, test, vi } from "vitest";
import { z } from "zod";
import { gate } from "../../test/support/gate.ts";
import { type Trouble, TroubledStore } from "../../test/support/troubled-store.ts";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { MillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { DistributedWorker } from "./distributed-worker.ts";
import type { WorkerOptions } from "./worker-options.ts";

const LEASE_MS = 30_000;
const MINUTES = 60_000;
const TROUBLES: readonly Trouble[] = ["down", "hanging", "losing answers", "read-only", "full"];

/** A worker whose line to the store can be put in trouble, and what it logs. */
interface Hand {
  readonly worker: DistributedWorker;
  readonly running: Promise<void>;
  readonly store: TroubledStore;
  /** Its lines, without those that are of no interest to an operator. */
  readonly said: string[];
}

function logger(said: string[]) {
  const say = (message: string) => void said.push(message);
  return { debug: () => undefined, info: say, warn: say, error: say };
}

function hire(
  bench: WorkerBench,
  flow: Parameters<WorkerBench["worker"]>[0],
  options: Partial<WorkerOptions> = {},
): Hand {
  const store = new TroubledStore(bench.inner, bench.clock);
  const said: string[] = [];
  const backend = { operations: store.operations };
  const worker = bench.worker(flow, { backend, lease: LEASE_MS, logger: logger(said), ...options });
  return { worker, running: worker.run(), store, said };
}

async function dismiss(bench: WorkerBench, ...hands: readonly Hand[]): Promise<void> {
  for (const { worker, running } of hands) {
    await bench.stop(worker);
    await running;
  }
}

/** Two nodes; bodies take some time, and their executions are counted. */
function twoSteps({ clock }: WorkerBench, bodyMs: number) {
  const bodies = new Map<string, number>();
  const step = (name: string) =>
    node({
      input: z.number(),
      async run({ input, idempotencyKey }) {
        bodies.set(`${name} ${idempotencyKey}`, (bodies.get(`${name} ${idempotencyKey}`) ?? 0) + 1);
        await clock.sleep(bodyMs);
        return next(input + 1);
      },
    });
  const flow = workflow({
    name: "two-steps",
    version: "1",
    nodes: { one: step("one"), two: step("two") },
    start: "one",
    edges: { one: "two", two: [] },
  });
  return { flow, bodies };
}

const BEGINNING = "the store fails; this worker keeps trying";
const END = "the store answers again";

test.each(TROUBLES)("when its store is %s for minutes, a worker loses nothing, and says so twice", async (trouble) => {
  const bench = new WorkerBench();
  const { flow, bodies } = twoSteps(bench, 40_000);
  const hands = [hire(bench, flow, { concurrency: 3 }), hire(bench, flow, { concurrency: 3 })];
  const ids = await Promise.all([1, 2, 3, 4, 5].map((input) => bench.start(flow, input)));
  await bench.until(() => bodies.size === 5);
  for (const { store } of hands) store.trouble = trouble;
  await bench.clock.advance(10 * MINUTES);
  for (const { said } of hands) expect(said).toEqual([BEGINNING]);
  for (const { store } of hands) store.trouble = "none";
  await bench.until(async () => {
    const runs = await Promise.all(ids.map((id) => bench.inner.read.runState(id)));
    return runs.every((run) => run?.status === "completed");
  }, 5 * MINUTES);
  for (const id of ids) {
    expect((await bench.items(id)).map(({ epoch, stalls, attempts }) => [epoch, stalls, attempts])).toEqual([
      [1, 0, 0],
      [1, 0, 0],
    ]);
    expect((await bench.inner.read.failures({ runId: id }, {})).entries).toEqual([]);
  }
  expect([...bodies.values()]).toEqual(Array.from({ length: 10 }, () => 1));
  await dismiss(bench, ...hands);
  for (const { said } of hands) expect(said).toEqual([BEGINNING, END]);
});

test("what was not answered is sent again unchanged, but for the grace that a claim leaves to others", async () => {
  const bench = new WorkerBench();
  const { flow, bodies } = twoSteps(bench, 1_000);
  const hand = hire(bench, flow, { concurrency: 2 });
  await bench.start(flow, 1);
  await bench.until(() => bodies.size === 1);
  hand.store.trouble = "losing answers";
  hand.store.requests.length = 0;
  await bench.clock.advance(5 * MINUTES);
  const [first, ...others] = hand.store.requests;
  expect(others.length).toBeGreaterThan(60);
  for (const { claim, ...other } of others) {
    expect({ ...other, claim: { ...claim, graceMs: 0 } }).toEqual({ ...first, claim: { ...first?.claim, graceMs: 0 } });
  }
  expect([first?.claim?.graceMs, first?.commits.length]).toEqual([0, 1]);
  expect(others.at(-1)?.claim?.graceMs).toBeGreaterThan(4 * MINUTES);
  hand.store.trouble = "none";
  await dismiss(bench, hand);
});

test("a store that takes two seconds for each answer slows a worker down, and that is all", async () => {
  const bench = new WorkerBench();
  const { flow, bodies } = twoSteps(bench, 3_000);
  const hands = [hire(bench, flow, { lease: "5s" }), hire(bench, flow, { lease: "5s" })];
  for (const { store } of hands) store.trouble = "slow";
  const vanished = await bench.start(flow, 1);
  const lanes = { queues: ["default"], labels: [], definitions: [flow.hash] };
  await bench.inner.openSession({ id: "gone", workerId: "gone", leaseMs: 5_000, ...lanes, host: "h", pid: 1 });
  const claim = { ...lanes, limit: 1, stalledLimit: 1, maxStalls: 3, graceMs: 0 };
  const lost = await bench.inner.commitAndClaim({ session: "gone", request: 1, commits: [], claim });
  expect(lost.items).toHaveLength(1);
  const ids = await Promise.all([1, 2, 3, 4, 5, 6].map((input) => bench.start(flow, input)));
  const beganAt = bench.clock.monotonic();
  await bench.until(async () => {
    const runs = await Promise.all([vanished, ...ids].map((id) => bench.inner.read.runState(id)));
    return runs.every((run) => run?.status === "completed");
  }, 5 * MINUTES);
  // The lease of the vanished worker, the grace that slow answers call for, and a few calls.
  expect(bench.clock.monotonic() - beganAt).toBeLessThan(45_000);
  for (const id of ids)
    expect((await bench.items(id)).map(({ epoch, stalls }) => [epoch, stalls])).toEqual([
      [1, 0],
      [1, 0],
    ]);
  expect((await bench.items(vanished)).map(({ stalls }) => stalls)).toEqual([0, 0]);
  expect((await bench.inner.read.failures({ runId: vanished }, {})).entries).toMatchObject([{ outcome: "stalled" }]);
  expect([...bodies.values()].every((times) => times === 1)).toBe(true);
  await dismiss(bench, ...hands);
  for (const { said } of hands) expect(said).toEqual([]);
});

/** How long `stop` takes, on a clock that is moved only for it. */
async function stoppingTime(bench: WorkerBench, { worker, running }: Hand, drain: number): Promise<number> {
  const beganAt = bench.clock.monotonic();
  let stoppedAt: number | undefined;
  const stopping = worker.stop({ drain }).then(() => {
    stoppedAt = bench.clock.monotonic();
  });
  await bench.until(() => stoppedAt !== undefined, 10 * MINUTES);
  await stopping;
  await running;
  return (stoppedAt ?? 0) - beganAt;
}

const FAREWELL_MS = 5_000;
const LAST_WORD_MS = 1_000;

test.each<Trouble>(["down", "hanging", "silent", "read-only", "full"])(
  "a worker stops within its grace while its store is %s, busy or idle, signed on or not",
  async (trouble) => {
    const stuck = gate();
    const body = node({
      input: z.number(),
      async run({ input }) {
        stuck.begin();
        await stuck.opened;
        return next(input);
      },
    });
    const flow = workflow({ name: "stuck", version: "1", nodes: { body }, start: "body", edges: { body: [] } });
    const most = (drain: number) => drain + FAREWELL_MS + LAST_WORD_MS;

    const busy = new WorkerBench();
    await busy.start(flow, 1);
    const busyHand = hire(busy, flow);
    await busy.until(() => busyHand.worker.health().items.length === 1);
    busyHand.store.trouble = trouble;
    await busy.clock.advance(2 * MINUTES);
    expect(await stoppingTime(busy, busyHand, 8_000)).toBeLessThanOrEqual(most(8_000));

    const idle = new WorkerBench();
    const idleHand = hire(idle, flow);
    await idle.settle();
    idleHand.store.trouble = trouble;
    await idle.clock.advance(2 * MINUTES);
    expect(await stoppingTime(idle, idleHand, 60_000)).toBeLessThanOrEqual(most(0));

    const fresh = new WorkerBench();
    const freshHand = hire(fresh, flow);
    freshHand.store.trouble = trouble;
    await fresh.clock.advance(2 * MINUTES);
    expect(await stoppingTime(fresh, freshHand, 60_000)).toBeLessThanOrEqual(LAST_WORD_MS);
    stuck.open();
  },
);

test("a worker whose session is lost during an outage opens another one when it is over, or stops while it waits", async () => {
  for (const isToStop of [false, true]) {
    const bench = new WorkerBench();
    const { flow } = twoSteps(bench, 1_000);
    const hand = hire(bench, flow);
    await bench.settle();
    const [session] = await bench.inner.read.sessions();
    hand.store.trouble = "hanging";
    await bench.inner.closeSession(session?.id ?? "");
    await bench.clock.advance(2 * MINUTES);
    hand.store.trouble = "none";
    // Its next request finds the session gone; opening another one meets the next outage.
    const open = hand.store.operations.openSession;
    let openings = 0;
    vi.spyOn(hand.store.operations, "openSession").mockImplementation(async (asked) => {
      openings += 1;
      if (openings === 1) hand.store.trouble = "down";
      return await open(asked);
    });
    await bench.until(() => openings > 10);
    if (isToStop) {
      expect(await stoppingTime(bench, hand, 60_000)).toBeLessThanOrEqual(FAREWELL_MS + LAST_WORD_MS);
      continue;
    }
    hand.store.trouble = "none";
    const id = await bench.start(flow, 1);
    await bench.until(async () => (await bench.inner.read.runState(id))?.status === "completed");
    await dismiss(bench, hand);
  }
});

test("an unexpected error while a session is opened again does not end a worker", async () => {
  const bench = new WorkerBench();
  const { flow } = twoSteps(bench, 1_000);
  const hand = hire(bench, flow);
  await bench.settle();
  let isOdd = true;
  const open = hand.store.operations.openSession;
  vi.spyOn(hand.store.operations, "openSession").mockImplementation(async (session) => {
    if (isOdd) throw new TypeError("cannot read properties of undefined");
    return await open(session);
  });
  const [session] = await bench.inner.read.sessions();
  await bench.inner.closeSession(session?.id ?? "");
  await bench.clock.advance(5 * MINUTES);
  isOdd = false;
  const id = await bench.start(flow, 1);
  await bench.until(async () => (await bench.inner.read.runState(id))?.status === "completed");
  expect(hand.said).toEqual([BEGINNING, END]);
  await dismiss(bench, hand);
});

test("a store that answers nonsense does not end a worker", async () => {
  const bench = new WorkerBench();
  const { flow } = twoSteps(bench, 1_000);
  const hand = hire(bench, flow);
  await bench.settle();
  const ask = hand.store.operations.commitAndClaim;
  let nonsense = 3;
  vi.spyOn(hand.store.operations, "commitAndClaim").mockImplementation(async (request) => {
    const answer = await ask(request);
    if (nonsense === 0) return answer;
    nonsense -= 1;
    const { items: _items, ...rest } = answer;
    return Object.assign(rest, { items: JSON.parse("null") });
  });
  const id = await bench.start(flow, 1);
  await bench.until(async () => (await bench.inner.read.runState(id))?.status === "completed");
  expect(nonsense).toBe(0);
  expect(hand.said).toEqual(Array.from({ length: 3 }, () => "the worker's loop failed and begins anew"));
  await dismiss(bench, hand);
});

test("a claim that fails by itself takes no commit along, and is made again now and then", async () => {
  const bench = new WorkerBench();
  const { flow, bodies } = twoSteps(bench, 1_000);
  const hand = hire(bench, flow, { concurrency: 2 });
  const id = await bench.start(flow, 1);
  await bench.until(() => bodies.size === 1);
  const ask = hand.store.operations.commitAndClaim;
  let isOdd = true;
  let claims = 0;
  vi.spyOn(hand.store.operations, "commitAndClaim").mockImplementation(async (request) => {
    if (request.claim === undefined || !isOdd) return await ask(request);
    claims += 1;
    throw new MillraceError("BACKEND_CORRUPT", "a row beside it cannot be read");
  });
  await bench.clock.advance(10 * MINUTES);
  expect((await bench.items(id)).map(({ status }) => status)).toEqual(["completed", "pending"]);
  // Each is tried three times, and then not again for half a minute.
  expect(claims).toBeGreaterThan(3);
  expect(claims).toBeLessThan(3 * 40);
  isOdd = false;
  await bench.until(async () => (await bench.inner.read.runState(id))?.status === "completed");
  expect(hand.said.filter((line) => line === BEGINNING).length).toBeLessThan(3);
  await dismiss(bench, hand);
});

test("a claim that was applied after all, though its answer said otherwise, costs no item", async () => {
  const bench = new WorkerBench();
  const { flow, bodies } = twoSteps(bench, 1_000);
  const hand = hire(bench, flow, { concurrency: 2 });
  await bench.settle();
  const ask = hand.store.operations.commitAndClaim;
  let isOdd = true;
  vi.spyOn(hand.store.operations, "commitAndClaim").mockImplementation(async (request) => {
    const answer = await ask(request);
    if (isOdd) throw new TypeError("cannot read properties of undefined");
    return answer;
  });
  const id = await bench.start(flow, 1);
  await bench.clock.advance(20_000);
  expect(bodies.size).toBe(0);
  isOdd = false;
  await bench.until(async () => (await bench.inner.read.runState(id))?.status === "completed");
  expect((await bench.items(id))[0]).toMatchObject({ status: "completed", stalls: 0, attempts: 0 });
  await dismiss(bench, hand);
});
