import { expect, test, vi } from "vitest";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { HeldItem, Renewal, WorkerHealth } from "../backend/contract/session.ts";
import { memoryOperations } from "../backend/memory/index.ts";
import { MillraceError } from "../core/errors.ts";
import { manualClock, seededRandom } from "../core/ports.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Outage } from "./outage.ts";
import type { RenewalThread, RenewalThreadOptions, RenewalTrouble } from "./threaded-renewal.ts";

const LEASE_MS = 30_000;
const idle: WorkerHealth = { status: "idle", items: [], completed: 0, errors: 0 };

/** A thread that does nothing by itself. */
class FakeThread implements RenewalThread {
  readonly options: RenewalThreadOptions;
  readonly #begun = Promise.withResolvers<void>();
  readonly begun = this.#begun.promise;
  isRenewing = false;
  beats = 0;
  isStopped = false;

  constructor(options: RenewalThreadOptions) {
    this.options = options;
  }

  /** It renews. */
  begin(): void {
    this.isRenewing = true;
    this.options.renewing();
    this.#begun.resolve();
  }

  /** It does not renew. */
  fail(trouble: RenewalTrouble | undefined = { problem: "failed", error: "no memory" }): void {
    this.isRenewing = false;
    this.options.resting(trouble);
    this.#begun.resolve();
  }

  beat(): void {
    this.beats += 1;
  }

  stop(): void {
    this.isStopped = true;
  }
}

type Given = Partial<Pick<BackendOperations, "capabilities" | "renewalUrl" | "renew">>;

/** A session with its keeper, on a store that can be reached from a thread unless told otherwise. */
async function keeping({ renew, ...given }: Given = {}) {
  const clock = manualClock(1_000_000);
  const inner = memoryOperations({ namespace: "tenant", clock });
  const renewals: Renewal[] = [];
  const operations: BackendOperations = {
    ...inner,
    capabilities: { durability: "process", shared: true, pushWakeups: true, renewal: "thread" },
    renewalUrl: "postgres://anna:geheim@db/runs",
    ...given,
    renew(renewal) {
      renewals.push(renewal);
      return (renew ?? inner.renew)(renewal);
    },
  };
  const lanes = { queues: [], labels: [], definitions: [] };
  await inner.openSession({ id: "s", workerId: "w", leaseMs: LEASE_MS, ...lanes, host: "h", pid: 1 });
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const outage = new Outage({ clock, random: seededRandom(1), logger, onOutage: () => undefined }, LEASE_MS);
  const threads: FakeThread[] = [];
  const startThread = (options: RenewalThreadOptions): RenewalThread => {
    const thread = new FakeThread(options);
    threads.push(thread);
    return thread;
  };
  const state = { held: [] as HeldItem[], health: idle, gone: 0 };
  const keeper = new LeaseKeeper({ operations, clock, logger, outage, startThread }, "s", LEASE_MS, {
    held: () => state.held,
    health: () => state.health,
    revoked: () => undefined,
    gone: () => {
      state.gone += 1;
    },
  });
  const stopped = new AbortController();
  let isReady = false;
  const ready = keeper.start(stopped.signal).then(() => {
    isReady = true;
  });
  await clock.advance(0);
  return { clock, inner, keeper, logger, threads, renewals, state, stopped, ready, isReady: () => isReady };
}

test("it is ready once its thread has renewed, and not before", async () => {
  const { clock, threads, logger, isReady, keeper } = await keeping();
  const { namespace, durability, session, url, everyMs } = threads[0]?.options ?? {};
  expect({ namespace, durability, session, url, everyMs }).toEqual({
    namespace: "tenant",
    durability: "process",
    session: "s",
    url: "postgres://anna:geheim@db/runs",
    everyMs: LEASE_MS / 3,
  });
  await clock.advance(14_999);
  expect(isReady()).toBe(false);
  threads[0]?.begin();
  await clock.advance(0);
  expect(isReady()).toBe(true);
  expect(logger.warn).not.toHaveBeenCalled();
  await keeper.stop();
  expect(threads[0]?.isStopped).toBe(true);
});

test("it is ready without its thread when that fails, takes too long, or nobody waits any more", async () => {
  const failing = await keeping();
  failing.threads[0]?.fail();
  await failing.clock.advance(0);
  expect(failing.isReady()).toBe(true);

  const slow = await keeping();
  await slow.clock.advance(15_000);
  expect(slow.isReady()).toBe(true);
  expect(slow.logger.warn.mock.calls).toEqual([
    ["leases are renewed on the main thread alone: the renewal thread has not begun yet", { waitedMs: 15_000 }],
  ]);

  const stopped = await keeping();
  stopped.stopped.abort();
  await stopped.clock.advance(0);
  expect(stopped.isReady()).toBe(true);
  expect(stopped.logger.warn).not.toHaveBeenCalled();
});

test("where no second connection can be had, no thread is started and the main loop renews", async () => {
  const capabilities = { durability: "power", shared: true, pushWakeups: true, renewal: "main" } as const;
  const { clock, threads, isReady, renewals, keeper } = await keeping({ capabilities, renewalUrl: undefined });
  expect([threads, isReady()]).toEqual([[], true]);
  await clock.advance(30_000);
  expect(renewals).toHaveLength(3);
  await keeper.stop();
});

test("while its thread renews, the main loop renews only if it has something to tell or to lose", async () => {
  const { clock, threads, renewals, state, keeper } = await keeping();
  const [thread] = threads;
  thread?.begin();
  await clock.advance(100_000);
  expect([renewals.length, thread?.beats]).toEqual([1, 10]);
  state.health = { ...idle, completed: 1 };
  await clock.advance(20_000);
  expect(renewals).toHaveLength(2);
  state.held = [{ runId: "r", item: 0, epoch: 1, generation: 0 }];
  await clock.advance(30_000);
  expect(renewals).toHaveLength(5);
  await keeper.stop();
});

test("when its thread renews no more, the main loop does at once, and hears that the session is gone", async () => {
  const { clock, inner, threads, renewals, state, keeper } = await keeping();
  threads[0]?.begin();
  await clock.advance(20_000);
  await inner.closeSession("s");
  const before = renewals.length;
  threads[0]?.fail(undefined);
  await clock.advance(0);
  expect([renewals.length - before, state.gone]).toEqual([1, 1]);
  await keeper.stop();
});

test("that the main loop renews alone is said once, and when its thread helps again", async () => {
  const { clock, threads, logger, keeper } = await keeping();
  threads[0]?.begin();
  threads[0]?.fail({ problem: "cannot reach the store", error: "too many connections" });
  await clock.advance(0);
  threads[0]?.fail();
  await clock.advance(10_000);
  const alone = "leases are renewed on the main thread alone";
  expect(logger.warn.mock.calls).toEqual([
    [`${alone}: the renewal thread cannot reach the store`, { error: "too many connections" }],
  ]);
  expect(logger.info).not.toHaveBeenCalled();
  threads[0]?.begin();
  expect(logger.info.mock.calls).toEqual([["the renewal thread renews the leases", {}]]);
  await keeper.stop();

  const unnamed = await keeping({ renewalUrl: undefined });
  expect(unnamed.logger.warn.mock.calls).toEqual([[`${alone}: the backend names no URL for a second connection`, {}]]);
});

test("a thread that fails because the store does is not complained of", async () => {
  const { clock, threads, logger, isReady, keeper } = await keeping({
    renew: () => Promise.reject(new MillraceError("BACKEND_UNAVAILABLE", "down")),
  });
  threads[0]?.fail({ problem: "cannot reach the store", error: "down" });
  await clock.advance(60_000);
  expect([isReady(), logger.warn.mock.calls.map(([line]) => line)]).toEqual([
    true,
    ["the store fails; this worker keeps trying"],
  ]);
  await keeper.stop();
});

test("a store that takes its time to answer makes no lease shorter", async () => {
  const sentAt: number[] = [];
  const { clock, keeper } = await keeping({
    async renew() {
      sentAt.push(clock.monotonic());
      await clock.sleep(2_000);
      return { kind: "renewed", until: 0, now: 0, revoked: [] };
    },
  });
  await clock.advance(45_000);
  expect(sentAt).toEqual([10_000, 20_000, 30_000, 40_000]);
  await keeper.stop();
});

test("a renewal that fails is made again soon, and later each time", async () => {
  const sentAt: number[] = [];
  const { clock, keeper, logger, threads } = await keeping({
    renew() {
      sentAt.push(clock.monotonic());
      return Promise.reject(new MillraceError("BACKEND_UNAVAILABLE", "down"));
    },
  });
  threads[0]?.fail();
  await clock.advance(70_000);
  const waits = sentAt.slice(1).map((at, before) => at - (sentAt[before] ?? 0));
  expect(waits[0]).toBeLessThanOrEqual(50);
  expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
  expect(Math.min(...waits.slice(-3))).toBeGreaterThanOrEqual(2_500);
  expect(logger.warn).toHaveBeenCalledTimes(1);
  await keeper.stop();
});
