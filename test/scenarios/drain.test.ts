import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { type BodyLine, gateOf, patient } from "./workflows/patient.ts";

// A lease that nobody could wait for: what is taken over within the test was given back.
const order: SpawnOptions = {
  module: "patient",
  workflows: ["patient"],
  options: { lease: "10m", pollInterval: "200ms", concurrency: 4 },
  drain: "1s",
};

test.each(STORES)(
  "a worker that is told to stop finishes what it can and gives back the rest at once, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(patient);
    const store = new Store(orchestrator.backend.operations);
    const bodies = () => scene.traces<BodyLine>("bodies");
    const leaving = await scene.worker(order);
    const [short, long] = [await orchestrator.startRun(patient, null), await orchestrator.startRun(patient, null)];
    await until("both bodies have started", () => bodies().filter(({ event }) => event === "started").length === 2);
    const rival = await scene.worker(order);

    leaving.signal("SIGTERM");
    scene.openGate(gateOf(leaving.pid, short.id));
    expect(await short.result()).toEqual({ pid: leaving.pid });
    const late = await orchestrator.startRun(patient, null);
    expect(await leaving.ended).toEqual({ code: 0, signal: null });
    const taken = await until("another worker took the rest", () =>
      bodies().find((line) => line.runId === long.id && line.pid === rival.pid && line.event === "started"),
    );
    expect(taken.attempt).toBe(1);
    const aborted = bodies().find((line) => line.pid === leaving.pid && line.event === "aborted");
    expect(aborted).toMatchObject({ runId: long.id, code: "CANCELLED" });

    for (const { id } of [long, late]) scene.openGate(gateOf(rival.pid, id));
    expect([await long.result(), await late.result()]).toEqual([{ pid: rival.pid }, { pid: rival.pid }]);
    expect((await long.context()).effects.events).toEqual([{ pid: rival.pid }]);
    expect((await store.items(short.id))[0]).toMatchObject({ epoch: 1, stalls: 0 });
    expect((await store.items(long.id))[0]).toMatchObject({ epoch: 2, stalls: 0, attempts: 0, commit: 2 });
    expect(await store.failures(long.id)).toEqual([]);
    expect((await store.sessionsOf(leaving.pid))[0]).toMatchObject({ health: { status: "stopped", items: [] } });
    await assertRunInvariants(store.operations, [short.id, long.id, late.id]);
  },
);

test.each(STORES)(
  "a worker that may not finish anything gives back all that it has, and claims no more, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(patient);
    const store = new Store(orchestrator.backend.operations);
    const leaving = await scene.worker({ ...order, drain: 0 });
    const handles = await Promise.all(Array.from({ length: 8 }, () => orchestrator.startRun(patient, null)));
    // It has four slots: four are with it, four wait.
    await until("its slots are taken", () => scene.traces("bodies").length === 4);
    expect(await leaving.stop()).toEqual({ code: 0, signal: null });
    for (const { id } of handles) {
      const [item] = await store.items(id);
      expect(item).toMatchObject({ status: "pending", stalls: 0, attempts: 0 });
    }
    const rival = await scene.worker(order);
    for (const { id } of handles) scene.openGate(gateOf(rival.pid, id));
    for (const handle of handles) expect(await handle.result()).toEqual({ pid: rival.pid });
    await assertRunInvariants(
      store.operations,
      handles.map(({ id }) => id),
    );
  },
);
