import { expect, test } from "vitest";
import type { WorkItem } from "../../src/backend/contract/work-item.ts";
import { effort } from "./harness/effort.ts";
import { tellFigures } from "./harness/figures.ts";
import { all } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { SERVERS } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { quick } from "./workflows/blocking.ts";

/** In `npm test` a fifth of what `npm run chaos` queues. */
const RUNS = effort() === 1 ? 2_000 : 10_000;
const WORKERS = 4;
/** Between the first half and the second. */
const APART_MS = 2_000;
/** An item that is so much younger may not be claimed while an older one of its priority is left to wait. */
const YOUNGER_MS = 1_000;
/** Of two requests at the same time either may come first: then the older items are claimed so much later, and no more. */
const MOST_LATE_MS = 500;
const PRIORITIES = [0, 5];
const WITHIN_MS = 90_000;

const order: SpawnOptions = {
  module: "blocking",
  workflows: ["quick"],
  options: { lease: "10s", pollInterval: "200ms", concurrency: 16 },
  gate: "go",
};

test.each(SERVERS)(
  `${RUNS} runs that were queued while nobody worked are done once each and in order by four processes, on $name`,
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(quick);
    const store = new Store(orchestrator.backend.operations);
    const workers = Array.from({ length: WORKERS }, () => scene.spawn(order));
    const queue = async (count: number): Promise<void> => {
      const inputs = Array.from({ length: count }, (_, at) => ({ input: null, priority: PRIORITIES[at % 2] ?? 0 }));
      const results = await orchestrator.startRuns(quick, inputs);
      expect(results.every(({ ok }) => ok)).toBe(true);
    };
    const begin = performance.now();
    await queue(RUNS / 2);
    const halfAt = await store.operations.now();
    await until("the first half is older", async () => (await store.operations.now()) >= halfAt + APART_MS);
    await queue(RUNS / 2);
    const queuedMs = performance.now() - begin - APART_MS;

    await Promise.all(workers.map(({ loaded }) => loaded));
    const goAt = performance.now();
    scene.openGate("go");
    const done = () => scene.traces("outcomes");
    await until("all is done", () => done().length >= RUNS, { withinMs: WITHIN_MS, everyMs: 100 });
    await until("every run has ended", async () => (await store.openRuns()) === 0);
    const seconds = (performance.now() - goAt) / 1_000;
    for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });

    const items = await all((page) => store.operations.read.items({}, page));
    expect(items).toHaveLength(RUNS);
    expect(items.filter(({ status, epoch }) => status !== "completed" || epoch !== 1)).toEqual([]);
    expect(new Set(done().map((line) => Reflect.get(line, "itemId"))).size).toBe(RUNS);
    expect(done()).toHaveLength(RUNS);
    for (const { pid } of workers) expect(done().some((line) => line.pid === pid)).toBe(true);

    const lateMs = PRIORITIES.map((priority) => longestLate(items.filter((item) => item.priority === priority)));
    const rate = Math.round(RUNS / seconds);
    tellFigures(`backlog on ${kind.name}`, {
      runs: RUNS,
      seconds: Math.round(seconds),
      rate,
      queuedMs: Math.round(queuedMs),
      lateMs: Math.max(...lateMs),
    });
    expect(Math.max(...lateMs)).toBeLessThanOrEqual(MOST_LATE_MS);
  },
);

/**
 * How long items went on waiting, at most, when another one had been claimed that was so much younger. Of two requests at
 * the same time either may come first; what counts is that nobody stays behind.
 */
function longestLate(items: readonly WorkItem[]): number {
  const oldestFirst = items.toSorted((a, b) => a.createdAt - b.createdAt);
  let longest = 0;
  let earliestClaim = Number.POSITIVE_INFINITY;
  let younger = oldestFirst.length - 1;
  for (const item of oldestFirst.toReversed()) {
    for (; younger >= 0; younger -= 1) {
      const other = oldestFirst[younger];
      if (other === undefined || other.createdAt <= item.createdAt + YOUNGER_MS) break;
      earliestClaim = Math.min(earliestClaim, other.claimedAt ?? 0);
    }
    longest = Math.max(longest, (item.claimedAt ?? 0) - earliestClaim);
  }
  return longest;
}
