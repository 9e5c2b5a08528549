import { expect, test } from "vitest";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { SERVERS, SQLITE, STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { gathering, quorum, VALUES } from "./workflows/gathering.ts";

const RUNS = 200;
/** Where every commit is a conversation with a server. */
const FEWER_RUNS = 50;
const QUORUMS = 100;
const WORKERS = 3;

const order: SpawnOptions = {
  module: "gathering",
  workflows: ["gathering", "quorum"],
  options: { lease: "5s", pollInterval: "100ms", concurrency: 8 },
};

test.each([{ kind: SQLITE, runs: RUNS }, ...SERVERS.map((kind) => ({ kind, runs: FEWER_RUNS }))])(
  "$runs runs gather 20 values each in a node that holds until it counts them, by three processes, on $kind.name",
  async ({ kind, runs }) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(gathering);
    const store = new Store(orchestrator.backend.operations);
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => scene.worker(order)));
    const begin = performance.now();
    const inputs = Array.from({ length: runs }, (_, at) => ({ input: at * 1_000 }));
    const started = await orchestrator.startRuns(gathering, inputs);
    const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
    expect(handles).toHaveLength(runs);
    await until("every run has ended", async () => (await store.openRuns()) === 0, { withinMs: 90_000, everyMs: 50 });
    const seconds = Math.round((performance.now() - begin) / 1_000);

    for (const [at, handle] of handles.entries()) {
      const expected = Array.from({ length: VALUES }, (_, index) => at * 1_000 + index);
      const output = await handle.result();
      expect([...output].sort((a, b) => a - b)).toEqual(expected);
      const view = await handle.context();
      expect([...view.values.events]).toEqual(output);
      expect(view.calls.value).toBe(VALUES);
      const run = await orchestrator.getRun(handle.id);
      expect(run?.items).toMatchObject({ held: VALUES - 1 });
    }
    const figures = await assertRunInvariants(
      store.operations,
      handles.map(({ id }) => id),
    );
    tellFigures(`gathering on ${kind.name}`, { runs, ...figures, seconds });
    expect(figures.items).toBe(runs * (VALUES + 1));
    // All three had a part in it, or nothing was shown.
    for (const { pid } of workers) expect(scene.traces("outcomes").some((line) => line.pid === pid)).toBe(true);
  },
);

test.each(STORES)("a quorum of two of three decides once, whoever votes first, on $name", async (kind) => {
  const scene = await Scene.on(kind);
  const orchestrator = await scene.orchestrator(quorum);
  const store = new Store(orchestrator.backend.operations);
  await Promise.all(Array.from({ length: WORKERS }, () => scene.worker(order)));
  const started = await orchestrator.startRuns(
    quorum,
    Array.from({ length: QUORUMS }, () => ({ input: null })),
  );
  const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
  await until("every run has ended", async () => (await store.openRuns()) === 0, { withinMs: 60_000, everyMs: 20 });

  for (const handle of handles) {
    const decision = await handle.result();
    const view = await handle.context();
    expect(decision).toHaveLength(2);
    expect([...view.decisions.events]).toEqual([decision]);
    expect(view.votes.value).toBe(3);
    expect([...view.voters].toSorted()).toEqual(["ann", "ben", "cem"]);
  }
  const figures = await assertRunInvariants(
    store.operations,
    handles.map(({ id }) => id),
  );
  // ask, three votes and one decision: no second one was ever made.
  expect(figures.items).toBe(QUORUMS * 5);
});
