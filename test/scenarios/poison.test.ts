import { expect, test } from "vitest";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import type { ProcessHandle } from "./harness/worker-handle.ts";
import { ITEMS, POISONOUS, poison } from "./workflows/poison.ts";

const order: SpawnOptions = {
  module: "poison",
  workflows: ["poison"],
  options: { lease: "400ms", pollInterval: "50ms", concurrency: 8 },
};

/** Starts processes anew as they die, as a supervisor does, until it is told to stop. */
class Supervisor {
  readonly #scene: Scene;
  readonly #running = new Set<ProcessHandle>();
  #isOver = false;
  deaths = 0;

  constructor(scene: Scene, workers: number) {
    this.#scene = scene;
    for (let at = 0; at < workers; at += 1) this.#keep();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#running].map((process) => process.ready.then(() => process.stop())));
  }

  #keep(): void {
    const process = this.#scene.spawn(order);
    this.#running.add(process);
    void process.ended.then(({ signal }) => {
      this.#running.delete(process);
      if (signal === "SIGKILL") this.deaths += 1;
      if (!this.#isOver) this.#keep();
    });
  }
}

test.each(STORES)(
  "an item that kills its process three times fails as stalled, and the 31 beside it complete, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(poison);
    const store = new Store(orchestrator.backend.operations);
    const supervisor = new Supervisor(scene, 2);
    const handle = await orchestrator.startRun(poison, null);
    const fates = await handle.result();
    await supervisor.stop();

    expect(fates).toEqual(
      Array.from({ length: ITEMS }, (_, at) => ({ at, became: at === POISONOUS ? "STALLED" : "completed" })),
    );
    expect(supervisor.deaths).toBe(3);
    const bodies = scene.traces<{ readonly at: number; readonly itemId: string }>("bodies");
    const deadly = bodies.filter(({ at }) => at === POISONOUS);
    expect(deadly).toHaveLength(3);
    const failures = await store.failures(handle.id);
    const ofPoison = failures.filter(({ runId, item }) => `${runId}.${item}` === deadly[0]?.itemId);
    expect(ofPoison.map(({ outcome, failure }) => [outcome, failure.code])).toEqual([
      ["stalled", "STALLED"],
      ["stalled", "STALLED"],
      ["stalled", "STALLED"],
      ["failedOver", "STALLED"],
    ]);
    const beside = failures.filter((entry) => !ofPoison.includes(entry));
    expect(beside.every(({ outcome }) => outcome === "stalled")).toBe(true);
    const figures = await assertRunInvariants(store.operations, [handle.id]);
    tellFigures(`poison on ${kind.name}`, { deaths: supervisor.deaths, ...figures, executions: bodies.length });
  },
);
