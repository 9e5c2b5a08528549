import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import { first, second, third } from "./workflows/versions.ts";

const options = { lease: "2s", pollInterval: "50ms" } as const;

function workerOf(scene: Scene, ...workflows: readonly ("first" | "second" | "third")[]) {
  return scene.worker({ module: "versions", workflows, options });
}

const halves = [
  { what: "older", known: "first", unknown: "second" },
  { what: "newer", known: "second", unknown: "first" },
] as const;
const mixedFleets = STORES.flatMap((kind) => halves.map((half) => ({ kind, ...half })));

test.each(mixedFleets)(
  "a worker with the $what version leaves alone what it does not know, and explain says who is missing, on $kind.name",
  async (versions) => {
    const scene = await Scene.on(versions.kind);
    const orchestrator = await scene.orchestrator(first, second);
    const store = new Store(orchestrator.backend.operations);
    const code = { first, second };
    const [known, unknown] = [code[versions.known], code[versions.unknown]];
    const stranded = await orchestrator.startRun(unknown, []);
    expect((await orchestrator.explain(stranded.id)).sentence).toContain("there is no live worker at all");

    await workerOf(scene, versions.known);
    // It works, and it looks at the queue again and again: each of these was claimed beside the one it does not know.
    for (let at = 0; at < 5; at += 1) await (await orchestrator.startRun(known, [])).result();
    expect(await store.items(stranded.id)).toMatchObject([{ status: "pending", epoch: 0 }]);
    const { sentence, items } = await orchestrator.explain(stranded.id);
    expect(sentence).toContain(`there is no live worker for order@${unknown.version}`);
    expect(sentence).toContain(`live workers have order@${known.version}`);
    expect(items[0]?.releasedBy).toContain(`a worker started with order@${unknown.version}`);

    await workerOf(scene, versions.unknown);
    const expected = unknown === first ? ["receive by 1", "ship by 1"] : ["receive by 2", "pay by 2"];
    expect(await stranded.result()).toEqual(expected);
    expect(scene.traces("refusals")).toEqual([]);
    await assertRunInvariants(store.operations, [stranded.id]);
  },
);

test.each(STORES)(
  "a compatible newer version takes over older runs, along the edges that they were started with, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(first, second, third);
    const older = await orchestrator.startRun(first, []);
    const unrelated = await orchestrator.startRun(second, []);
    await workerOf(scene, "third");
    expect(await older.result()).toEqual(["receive by 3", "ship by 3"]);
    const newer = await orchestrator.startRun(third, []);
    expect(await newer.result()).toEqual(["receive by 3", "pay by 3", "ship by 3"]);
    expect((await orchestrator.explain(unrelated.id)).sentence).toContain("there is no live worker for order@2.0.0");
    expect(await unrelated.status()).toBe("running");
  },
);

test.each(STORES)("workers of two versions side by side each execute their own, on $name", async (kind) => {
  const scene = await Scene.on(kind);
  const orchestrator = await scene.orchestrator(first, second);
  await Promise.all([workerOf(scene, "first"), workerOf(scene, "second")]);
  const runs = await Promise.all(
    Array.from({ length: 20 }, (_, at) => orchestrator.startRun(at % 2 === 0 ? first : second, [])),
  );
  for (const [at, handle] of runs.entries()) {
    expect(await handle.result()).toEqual(at % 2 === 0 ? ["receive by 1", "ship by 1"] : ["receive by 2", "pay by 2"]);
  }
});
