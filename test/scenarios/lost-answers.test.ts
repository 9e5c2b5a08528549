import { expect, test } from "vitest";
import { DistributedOrchestrator, defineBackend, MillraceError } from "../../src/index.ts";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { withChance } from "./harness/seed.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { LostLine, RefusalLine } from "./harness/worker-order.ts";
import { chain, type LedgerLine, STEPS } from "./workflows/chain.ts";
import { passing } from "./workflows/fast.ts";

const RUNS = 30;
const WORKERS = 3;
const LEAST_LOST = 20;

test.each(STORES)(
  "requests whose answers are lost are sent again unchanged: one effect each, no body runs twice, on $name",
  async (kind) => {
    await withChance("test/scenarios/lost-answers.test.ts", async (chance) => {
      const scene = await Scene.on(kind);
      const orchestrator = await scene.orchestrator(chain);
      const store = new Store(orchestrator.backend.operations);
      // The lease is long, so that nothing but the lost answers disturbs the work.
      const order: SpawnOptions = {
        module: "chain",
        workflows: ["chain"],
        options: { lease: "2m", pollInterval: "50ms", concurrency: 8 },
      };
      const workers = Array.from({ length: WORKERS }, () =>
        scene.spawn({ ...order, lostAnswers: { seed: chance.upTo(2 ** 31), share: 0.3 } }),
      );
      const inputs = Array.from({ length: RUNS }, () => ({ input: { workMs: chance.upTo(5) } }));
      const started = await orchestrator.startRuns(chain, inputs);
      const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
      for (const handle of handles) expect(await handle.result()).toMatchObject({ done: handle.id });
      for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });

      const figures = await assertRunInvariants(
        store.operations,
        handles.map(({ id }) => id),
      );
      const lost = scene.traces<LostLine>("lost");
      const [commits, items] = [withSome(lost, "commits"), withSome(lost, "items")];
      tellFigures(`lost answers on ${kind.name}`, {
        ...figures,
        lost: lost.length,
        withCommits: commits,
        withItems: items,
      });
      expect(commits).toBeGreaterThanOrEqual(LEAST_LOST);
      expect(items).toBeGreaterThanOrEqual(LEAST_LOST);
      expect(figures).toMatchObject({ items: RUNS * STEPS, deltas: RUNS * STEPS, reclaimed: 0, takeovers: 0 });
      expect(scene.traces<RefusalLine>("refusals")).toEqual([]);
      expect(scene.traces<LedgerLine>("ledger")).toHaveLength(RUNS * STEPS);
      for (const handle of handles) {
        const view = await handle.context();
        expect([view.sum.value, view.last.value]).toEqual([(STEPS * (STEPS + 1)) / 2, STEPS]);
      }
    });
  },
);

test.each(STORES)(
  "a start whose answer is lost and that is made again under its key has started one run, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const backend = await scene.connect();
    const { operations } = backend;
    let losses = 2;
    const losing = defineBackend({
      ...operations,
      async startRuns(starts) {
        const outcomes = await operations.startRuns(starts);
        losses -= 1;
        if (losses >= 0) throw new MillraceError("BACKEND_UNAVAILABLE", "the answer was lost");
        return outcomes;
      },
    });
    const options = { lease: "5s", pollInterval: "50ms" } as const;
    await scene.worker({ module: "fast", workflows: ["passing"], options });
    const orchestrator = new DistributedOrchestrator({ backend: losing, workflows: [passing] });
    const handle = await until("the start is answered", async () => {
      try {
        return await orchestrator.startRun(passing, 1, { idempotencyKey: "order-1" });
      } catch (error) {
        expect(error).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
        return undefined;
      }
    });
    expect(await handle.result()).toBe(4);
    expect(losses).toBe(-1);
    expect(await new Store(operations).runs()).toHaveLength(1);
  },
);

function withSome(lost: readonly LostLine[], what: "commits" | "items"): number {
  return lost.filter((line) => line[what] > 0).length;
}
