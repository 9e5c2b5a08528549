import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { fileSite } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { ProcessHandle } from "./harness/worker-handle.ts";
import type { LogLine } from "./harness/worker-order.ts";
import { type BodyLine, gateOf, patient } from "./workflows/patient.ts";

const lockProgram = fileURLToPath(new URL("harness/lock-process.ts", import.meta.url));
const LEASE_MS = 500;
const RUNS = 6;
const WORKERS = 3;

/** Whoever started which run. */
function holders(scene: Scene): ReadonlyMap<string, number> {
  const started = scene.traces<BodyLine>("bodies").filter(({ event }) => event === "started");
  return new Map(started.map(({ runId, pid }) => [runId, pid]));
}

/** Workers that hold all runs while the store is locked until every lease has run out twice over. */
async function sitOutALock(scene: Scene, path: string, store: Store, workers: readonly ProcessHandle[]): Promise<void> {
  const lock = scene.start(lockProgram, { path });
  await lock.ready;
  await until("every lease has long run out", async () => {
    const now = await store.operations.now();
    const sessions = await Promise.all(workers.map(({ pid }) => store.sessionsOf(pid)));
    return sessions.flat().every(({ until: leasedUntil }) => leasedUntil + LEASE_MS < now);
  });
  scene.openGate("unlock");
  expect(await lock.ended).toEqual({ code: 0, signal: null });
}

test.each([
  { how: "and waits for the lock", lockWaitMs: undefined, fails: false },
  { how: "and fails meanwhile", lockWaitMs: 150, fails: true },
])("a store that is locked for longer than the lease $how costs no worker its items", async ({ lockWaitMs, fails }) => {
  const site = fileSite();
  const scene = new Scene(site);
  const orchestrator = await scene.orchestrator(patient);
  const store = new Store(orchestrator.backend.operations);
  const order: SpawnOptions = {
    module: "patient",
    workflows: ["patient"],
    // More slots than runs, so that whoever comes back first could take everything.
    options: { lease: LEASE_MS, pollInterval: "50ms", concurrency: RUNS },
    limits: { lockWaitMs },
  };
  const workers = [await scene.worker({ ...order, options: { ...order.options, concurrency: 2 } })];
  const handles = await Promise.all(Array.from({ length: RUNS }, () => orchestrator.startRun(patient, null)));
  while (workers.length < WORKERS) workers.push(await scene.worker(order));
  await until("all bodies have started", () => holders(scene).size === RUNS);
  const before = holders(scene);

  await sitOutALock(scene, site.path, store, workers);
  // Everybody has looked for work again before the first body may end.
  await until("all sessions are renewed", async () => {
    const now = await store.operations.now();
    const sessions = await Promise.all(workers.map(({ pid }) => store.sessionsOf(pid)));
    return sessions.flat().every(({ until: leasedUntil }) => leasedUntil > now);
  });
  for (const [runId, pid] of before) scene.openGate(gateOf(pid, runId));
  for (const handle of handles) {
    expect(await handle.result()).toEqual({ pid: before.get(handle.id) });
    expect(await store.failures(handle.id)).toEqual([]);
    expect((await store.items(handle.id))[0]).toMatchObject({ epoch: 1, stalls: 0, attempts: 0 });
  }
  expect(scene.traces("refusals")).toEqual([]);
  for (const { pid } of workers) {
    const said = scene
      .traces<LogLine>("log")
      .filter((line) => line.pid === pid && line.message.startsWith("the store "));
    // Once for each outage, however often it was asked in vain: when it began, and when it was over.
    const inTurn = said.map((_, at) =>
      at % 2 === 0 ? "the store fails; this worker keeps trying" : "the store answers again",
    );
    expect(said.map(({ message }) => message)).toEqual(inTurn);
    if (fails) expect(said.length).toBeGreaterThanOrEqual(2);
    else expect(said).toEqual([]);
  }

  const later = await orchestrator.startRun(patient, null);
  for (const { pid } of workers) scene.openGate(gateOf(pid, later.id));
  expect(workers.map(({ pid }) => pid)).toContain((await later.result()).pid);
  for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
  await assertRunInvariants(
    store.operations,
    handles.map(({ id }) => id),
  );
});
