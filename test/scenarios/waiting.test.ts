import { expect, test } from "vitest";
import { isMillraceError, type RunHandle, type TypesOf, type WaitInfo } from "../../src/index.ts";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { type Chance, withChance } from "./harness/seed.ts";
import { Store } from "./harness/store.ts";
import { CLUSTER, SERVERS, SQLITE } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { checking, type LedgerLine, MARKS, paid, waiting } from "./workflows/waiting.ts";

const RUNS = 12;
const KILLS = 8;
const LEAST_KILLS = 3;
const WORKERS = 3;

const order: SpawnOptions = {
  module: "waiting",
  workflows: ["waiting"],
  options: { lease: "400ms", pollInterval: "50ms", concurrency: 4, maxStalls: 50 },
};

type Orchestrator = Awaited<ReturnType<Scene["orchestrator"]>>;

test.each([SQLITE, ...SERVERS, CLUSTER])(
  "runs that wait in every way survive the death of any worker, and have each answer once, on $name",
  async (kind) => {
    await withChance("test/scenarios/waiting.test.ts", async (chance) => {
      const scene = await Scene.on(kind);
      const orchestrator = await scene.orchestrator(waiting, checking);
      const store = new Store(orchestrator.backend.operations);
      const fleet = Array.from({ length: WORKERS }, () => scene.spawn(order));
      const inputs = Array.from({ length: RUNS }, (_, at) => ({ input: { id: `order-${at}` } }));
      // Some events come before anybody waits for them.
      for (let at = 0; at < RUNS / 2; at += 1) await sendPayment(orchestrator, `order-${at}`);
      const started = await orchestrator.startRuns(waiting, inputs);
      const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
      expect(handles).toHaveLength(RUNS);

      let [kills, answered] = [0, 0];
      await until(
        "every run has ended",
        async () => {
          answered += await answerAll(orchestrator, chance);
          const at = chance.upTo(WORKERS);
          const victim = fleet[at];
          if (kills < KILLS && victim !== undefined && (await store.heldBy(victim.pid)) > 0) {
            await victim.kill();
            fleet[at] = scene.spawn(order);
            kills += 1;
          }
          return (await store.openRuns()) === 0;
        },
        { withinMs: 150_000, everyMs: 20, seen: async () => (await store.runs()).map(({ status }) => status) },
      );
      for (const process of fleet) {
        await process.ready;
        expect(await process.stop()).toEqual({ code: 0, signal: null });
      }

      const ledger = scene.traces<LedgerLine>("ledger");
      const ids = (await store.runs()).map(({ id }) => id);
      const figures = await assertRunInvariants(store.operations, ids);
      tellFigures(`kill -9 while waiting, on ${kind.name}`, { kills, answered, ...figures, executions: ledger.length });
      expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
      expect(figures.takeovers).toBeGreaterThan(0);
      expect(ids).toHaveLength(2 * RUNS);
      for (const handle of handles) await checkRun(orchestrator, handle);
      expect((await orchestrator.listWaits()).entries).toEqual([]);
      // No event is left over: each was taken once.
      for (let at = 0; at < RUNS; at += 1) {
        const outcome = await orchestrator.sendEvent(paid, {
          key: `order-${at}`,
          payload: { amount: 10 },
          id: "payment",
        });
        expect(outcome.outcome).toBe("duplicate");
      }
    });
  },
);

/** Answers some of what can be answered, some of it twice; how many waits that were. */
async function answerAll(orchestrator: Orchestrator, chance: Chance): Promise<number> {
  const { entries } = await orchestrator.listWaits({ limit: 1_000 });
  let answered = 0;
  for (const wait of entries) {
    if (wait.kind === "child" || chance.upTo(4) > 0) continue;
    for (let times = chance.upTo(2); times >= 0; times -= 1) await answer(orchestrator, wait);
    answered += 1;
  }
  return answered;
}

async function answer(orchestrator: Orchestrator, { id, node, kind, event }: WaitInfo): Promise<void> {
  if (kind === "event") return await sendPayment(orchestrator, event?.key ?? "");
  const payload = node === "approve" ? { by: "ann" } : node === "check" ? "checked" : 7;
  try {
    await orchestrator.completeWait(id, payload);
  } catch (error) {
    // Its run may have gone on to its end in between.
    if (!isMillraceError(error, "RUN_CLOSED")) throw error;
  }
}

/** Two that nobody waits for, and one that counts, as often as it is sent. */
async function sendPayment(orchestrator: Orchestrator, key: string): Promise<void> {
  await orchestrator.sendEvent(paid, { key, payload: { amount: 5 }, id: "part" });
  await orchestrator.sendEvent(paid, { key: `${key}-of-another`, payload: { amount: 10 }, id: "other" });
  await orchestrator.sendEvent(paid, { key, payload: { amount: 10 }, id: "payment" });
}

async function checkRun(orchestrator: Orchestrator, handle: RunHandle<TypesOf<typeof waiting>>): Promise<void> {
  const run = await orchestrator.getRun(handle.id);
  expect(await handle.result()).toEqual({ done: expect.stringMatching(/^order-\d+$/) });
  const view = await handle.context();
  expect([view.log.events, view.asked.value]).toEqual([[...MARKS], 2]);
  expect(run?.items.completed).toBe(6);
}
