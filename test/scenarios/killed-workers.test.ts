import { expect, test } from "vitest";
import type { RunHandle, TypesOf } from "../../src/index.ts";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { type Chance, withChance } from "./harness/seed.ts";
import { Store } from "./harness/store.ts";
import { SERVERS, SQLITE } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { ProcessHandle } from "./harness/worker-handle.ts";
import type { RefusalLine } from "./harness/worker-order.ts";
import { chain, type LedgerLine, STEPS } from "./workflows/chain.ts";

/** How much is done to whom. */
interface Load {
  readonly runs: number;
  readonly kills: number;
  readonly leastKills: number;
  readonly leastDisturbed: number;
}

const LOAD: Load = { runs: 100, kills: 34, leastKills: 30, leastDisturbed: 10 };
/** Where a store is shared by the tests, or has to be started. */
const SMALL_LOAD: Load = { runs: 40, kills: 16, leastKills: 12, leastDisturbed: 4 };
const WORKERS = 4;
/** Rounds from one in which all workers are killed at once to the next. */
const ALL_EVERY = 8;

const order: SpawnOptions = {
  module: "chain",
  workflows: ["chain"],
  options: { lease: "400ms", pollInterval: "50ms", concurrency: 4, maxStalls: 50 },
};

test.each([{ kind: SQLITE, load: LOAD }, ...SERVERS.map((kind) => ({ kind, load: SMALL_LOAD }))])(
  "workers that are killed again and again lose nothing and double nothing, on $kind.name",
  async ({ kind, load }) => {
    await withChance("test/scenarios/killed-workers.test.ts", async (chance) => {
      const { runs, leastKills, leastDisturbed } = load;
      const scene = await Scene.on(kind);
      const orchestrator = await scene.orchestrator(chain);
      const store = new Store(orchestrator.backend.operations);
      const inputs = Array.from({ length: runs }, () => ({ input: { workMs: 5 + chance.upTo(20) } }));
      const started = await orchestrator.startRuns(chain, inputs);
      const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
      expect(handles).toHaveLength(runs);

      const begin = performance.now();
      const fleet = Array.from({ length: WORKERS }, () => scene.spawn(order));
      const kills = await killWhileTheyWork(scene, store, fleet, load, chance);
      await until("every run has ended", async () => (await store.openRuns()) === 0, { withinMs: 60_000 });
      const seconds = (performance.now() - begin) / 1_000;
      for (const process of fleet) {
        // The last to be started may have found nothing to do before they could be told to stop.
        await process.ready;
        expect(await process.stop()).toEqual({ code: 0, signal: null });
      }

      const ledger = scene.traces<LedgerLine>("ledger");
      const refusals = scene.traces<RefusalLine>("refusals").length;
      const figures = await assertRunInvariants(
        store.operations,
        handles.map(({ id }) => id),
      );
      tellFigures(`kill -9 on ${kind.name}`, {
        kills,
        ...figures,
        refusals,
        executions: ledger.length,
        seconds: Math.round(seconds),
      });
      expect(kills).toBeGreaterThanOrEqual(leastKills);
      expect(figures.takeovers + refusals).toBeGreaterThanOrEqual(leastDisturbed);
      expect(figures).toMatchObject({ items: runs * STEPS, deltas: runs * STEPS });
      for (const handle of handles) await checkRun(store, handle, ledger);
      expect(new Set(ledger.map(({ key }) => key)).size).toBe(runs * STEPS);
    });
  },
);

/** Kills a process that holds items, spread over all the work, and starts another in its place. Counts those that died with leases. */
async function killWhileTheyWork(
  scene: Scene,
  store: Store,
  fleet: ProcessHandle[],
  load: Load,
  chance: Chance,
): Promise<number> {
  let kills = 0;
  for (let round = 1; kills < load.kills && (await store.openRuns()) > 0; round += 1) {
    const due = Math.floor((round * load.runs * STEPS) / (load.kills + 4));
    const enough = async () => (await store.completedItems()) >= due || (await store.openRuns()) === 0;
    await until(`${due} items are completed`, enough, { withinMs: 30_000, everyMs: 10 });
    const found = await until("a worker holds items or all is done", async () => {
      const at = chance.upTo(fleet.length);
      const victim = fleet[at];
      if (victim !== undefined && (await store.heldBy(victim.pid)) > 0) return at;
      return (await store.openRuns()) === 0 ? "done" : undefined;
    });
    if (found === "done") break;
    // Now and then all of them at once: then nobody is left to take anything over.
    const doomed = round % ALL_EVERY === 0 ? [...fleet.keys()] : [found];
    kills += await killAll(scene, store, fleet, doomed);
  }
  return kills;
}

/** Kills some at the same moment and starts others in their places; how many of them held items. */
async function killAll(scene: Scene, store: Store, fleet: ProcessHandle[], doomed: readonly number[]): Promise<number> {
  const victims = doomed.flatMap((at) => fleet[at] ?? []);
  await Promise.all(victims.map((victim) => victim.kill()));
  // The store knows nothing of their deaths yet: what they held as they died is what they hold.
  const held = await Promise.all(victims.map(({ pid }) => store.heldBy(pid)));
  for (const at of doomed) fleet[at] = scene.spawn(order);
  return held.filter((items) => items > 0).length;
}

async function checkRun(
  store: Store,
  handle: RunHandle<TypesOf<typeof chain>>,
  ledger: readonly LedgerLine[],
): Promise<void> {
  const { id } = handle;
  expect(await handle.result()).toEqual({ workMs: expect.any(Number), done: id });
  const view = await handle.context();
  const steps = Array.from({ length: STEPS }, (_, at) => at + 1);
  const mine = ledger.filter(({ run }) => run === id);
  const items = await store.items(id);
  expect([view.sum.value, view.last.value, view.sequence]).toEqual([(STEPS * (STEPS + 1)) / 2, STEPS, STEPS]);
  expect([...view.seen]).toEqual(steps);
  expect(view.log.events.map(({ step }) => step)).toEqual(steps);
  expect(items.map(({ status }) => status)).toEqual(steps.map(() => "completed"));
  for (const step of steps) expect(mine.filter((line) => line.step === step).length).toBeGreaterThanOrEqual(1);
  // Whoever repeats an effect is recognised: one key for each item, on all of its attempts.
  expect(new Set(mine.map(({ itemId, key }) => `${itemId} ${key}`)).size).toBe(STEPS);
}
