import { expect, test } from "vitest";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { SERVERS } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { type BodyLine, gateOf, patient } from "./workflows/patient.ts";
import { type ClockLine, RETRY_MS, SLEEP_MS, times } from "./workflows/times.ts";

const MINUTE_MS = 60_000;
const CLOCKS = [-10 * MINUTE_MS, 0, 10 * MINUTE_MS];
const RUNS = 30;
/** What a run may take beyond its waiting. */
const SLACK_MS = 4_000;

const options = { lease: "800ms", pollInterval: "50ms", concurrency: 2 } as const;
const order: SpawnOptions = { module: "times", workflows: ["times"], options };
const patientOrder: SpawnOptions = { module: "patient", workflows: ["patient"], options };

test.each(SERVERS)("workers whose clocks are ten minutes off wait as long as all others, on $name", async (kind) => {
  const scene = await Scene.on(kind);
  const orchestrator = await scene.orchestrator(times);
  const store = new Store(orchestrator.backend.operations);
  const workers = await Promise.all(
    CLOCKS.map((clockOffMs) => scene.worker({ ...order, surroundings: { clockOffMs } })),
  );
  const started = await orchestrator.startRuns(
    times,
    Array.from({ length: RUNS }, (_, at) => ({ input: at })),
  );
  const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
  for (const [at, handle] of handles.entries()) expect(await handle.result()).toBe(at + 1);

  const lines = scene.traces<ClockLine>("clocks");
  const rightTime = await store.operations.now();
  for (const [at, { pid }] of workers.entries()) {
    const mine = lines.filter((line) => line.pid === pid);
    expect(mine.length).toBeGreaterThan(0);
    // The clocks were wrong indeed.
    for (const line of mine) expect(Math.abs(line.at - rightTime - (CLOCKS[at] ?? 0))).toBeLessThan(MINUTE_MS);
  }
  const lasted: number[] = [];
  for (const { createdAt, finishedAt = 0 } of await store.runs()) lasted.push(finishedAt - createdAt);
  expect(Math.min(...lasted)).toBeGreaterThanOrEqual(RETRY_MS + SLEEP_MS);
  expect(Math.max(...lasted)).toBeLessThan(RETRY_MS + SLEEP_MS + SLACK_MS);
  const figures = await assertRunInvariants(
    store.operations,
    handles.map(({ id }) => id),
  );
  tellFigures(`wrong clocks on ${kind.name}`, {
    ...figures,
    shortestMs: Math.min(...lasted),
    longestMs: Math.max(...lasted),
  });
  expect(figures.takeovers).toBe(0);
  for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
});

/** Whoever dies has one clock, whoever takes over the opposite one. */
const heirs = SERVERS.flatMap((kind) => [
  { kind, dead: -10 * MINUTE_MS, heir: 10 * MINUTE_MS, how: "ahead of" },
  { kind, dead: 10 * MINUTE_MS, heir: -10 * MINUTE_MS, how: "behind" },
]);

test.each(heirs)(
  "a worker whose clock is $how that of another takes nothing from it while it lives, and all when it is dead, on $kind.name",
  async ({ kind, dead, heir }) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(patient);
    const store = new Store(orchestrator.backend.operations);
    const owner = await scene.worker({ ...patientOrder, surroundings: { clockOffMs: dead } });
    const handle = await orchestrator.startRun(patient, null);
    const begun = (pid: number) =>
      scene.traces<BodyLine>("bodies").some((line) => line.pid === pid && line.event === "started");
    await until("the body has started", () => begun(owner.pid));
    const other = await scene.worker({ ...patientOrder, surroundings: { clockOffMs: heir } });
    const [session] = await store.sessionsOf(owner.pid);
    await until("the owner has renewed its lease again", async () => {
      const [later] = await store.sessionsOf(owner.pid);
      return later !== undefined && session !== undefined && later.until > session.until + 800;
    });
    expect((await store.items(handle.id))[0]).toMatchObject({ epoch: 1, stalls: 0 });
    expect(begun(other.pid)).toBe(false);

    await owner.kill();
    await until("the other has taken over", () => begun(other.pid), { withinMs: 5_000 });
    scene.openGate(gateOf(other.pid, handle.id));
    expect(await handle.result()).toEqual({ pid: other.pid });
    expect((await store.items(handle.id))[0]).toMatchObject({ epoch: 2, attempts: 0 });
    await assertRunInvariants(store.operations, [handle.id]);
  },
);
