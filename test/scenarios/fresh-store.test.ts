import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import { chain, STEPS } from "./workflows/chain.ts";

const PROCESSES = 5;

test.each(STORES)(
  "processes that open a store that is not there yet at the same moment share it, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const options = { lease: "5s", pollInterval: "50ms", concurrency: 2 } as const;
    const workers = Array.from({ length: PROCESSES }, () =>
      scene.spawn({ module: "chain", workflows: ["chain"], options, gate: "go" }),
    );
    // All have loaded their code and stand before the store that nobody has made.
    await Promise.all(workers.map(({ loaded }) => loaded));
    scene.openGate("go");
    const orchestrator = await scene.orchestrator(chain);
    const store = new Store(orchestrator.backend.operations);
    const runs = Array.from({ length: PROCESSES }, () => orchestrator.startRun(chain, { workMs: 1 }));
    await Promise.all(workers.map(({ ready }) => ready));
    const handles = await Promise.all(runs);
    for (const handle of handles) expect(await handle.result()).toMatchObject({ done: handle.id });

    expect(await store.operations.read.definitions()).toHaveLength(1);
    expect(await store.operations.read.sessions()).toHaveLength(PROCESSES);
    for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
    const figures = await assertRunInvariants(
      store.operations,
      handles.map(({ id }) => id),
    );
    expect(figures).toMatchObject({ items: PROCESSES * STEPS, takeovers: 0 });
  },
);
