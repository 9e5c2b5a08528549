import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { DistributedOrchestrator, RunInfo } from "../../src/index.ts";
import type { KeeperOrder } from "./harness/keeper-process.ts";
import { Scene } from "./harness/scene.ts";
import { SQLITE, STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { patient } from "./workflows/patient.ts";

const keeperProgram = fileURLToPath(new URL("harness/keeper-process.ts", import.meta.url));
/** Nobody lets these bodies go, so their runs stay open: what is shown here is that they were started. */
const every = { id: "every", workflow: patient, input: null, cron: "* * * * * *", overlap: "allow" } as const;

async function runsOf(orchestrator: DistributedOrchestrator): Promise<readonly RunInfo[]> {
  return (await orchestrator.listRuns({ tags: { schedule: "every" }, limit: 1_000 })).entries;
}

/** Ends the schedule, waits until nothing of it is underway, and checks that each instant has started one run. */
async function assertOncePerInstant(orchestrator: DistributedOrchestrator): Promise<void> {
  await orchestrator.schedules.pause("every");
  const info = await until("nothing is being started", async () => {
    const document = await orchestrator.schedules.get("every");
    const runs = await runsOf(orchestrator);
    return document?.counts.started === runs.length ? document : undefined;
  });
  const instants = (await runsOf(orchestrator))
    .map(({ tags }) => Date.parse(tags["scheduled-for"] ?? ""))
    .sort((a, b) => a - b);
  const first = instants[0] ?? 0;
  expect(instants).toEqual(instants.map((_, at) => first + at * 1_000));
  expect(info.counts).toEqual({ started: instants.length, skipped: 0, missed: 0, failed: 0 });
}

test.each(STORES)("workers of three processes fire each instant once, though one is killed, on $name", async (kind) => {
  const scene = await Scene.on(kind);
  const orchestrator = await scene.orchestrator(patient);
  const order = { module: "patient", workflows: ["patient"], options: { lease: "10s", concurrency: 1 } } as const;
  const workers = await Promise.all([scene.worker(order), scene.worker(order), scene.worker(order)]);
  await orchestrator.schedules.create(every);
  await until("two instants have fired", async () => (await runsOf(orchestrator)).length >= 2);
  await workers[0]?.kill();
  await until("five instants have fired", async () => (await runsOf(orchestrator)).length >= 5);
  await assertOncePerInstant(orchestrator);
});

test.each(STORES)(
  "an orchestrator killed between the start and what follows it fires nothing twice, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(patient);
    const vanishing: KeeperOrder = { store: scene.store, orchestrators: 1, vanishesAfterStart: true };
    await orchestrator.schedules.create(every);
    for (let round = 1; round <= 2; round += 1) {
      expect(await scene.start(keeperProgram, vanishing).ended).toEqual({ code: null, signal: "SIGKILL" });
      expect((await runsOf(orchestrator)).length).toBeGreaterThanOrEqual(1);
    }
    const before = (await runsOf(orchestrator)).length;
    expect((await orchestrator.schedules.get("every"))?.counts.started).toBeLessThan(before);
    const survivor = scene.start(keeperProgram, { ...vanishing, vanishesAfterStart: false } satisfies KeeperOrder);
    await survivor.ready;
    await until("later instants have fired", async () => (await runsOf(orchestrator)).length >= before + 3);
    await assertOncePerInstant(orchestrator);
    expect(await survivor.stop()).toEqual({ code: 0, signal: null });
  },
);

test("fifty orchestrators in five processes fire each instant of one schedule once, on a SQLite file", async () => {
  const scene = await Scene.on(SQLITE);
  const orchestrator = await scene.orchestrator(patient);
  await orchestrator.schedules.create(every);
  const order: KeeperOrder = { store: scene.store, orchestrators: 10, vanishesAfterStart: false };
  const keepers = Array.from({ length: 5 }, () => scene.start(keeperProgram, order));
  await Promise.all(keepers.map(({ ready }) => ready));
  await until("five instants have fired", async () => (await runsOf(orchestrator)).length >= 5);
  await assertOncePerInstant(orchestrator);
  for (const keeper of keepers) expect(await keeper.stop()).toEqual({ code: 0, signal: null });
});
