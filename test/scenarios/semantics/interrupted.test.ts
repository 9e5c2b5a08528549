import { expect, onTestFinished, test } from "vitest";
import type { DistributedOrchestrator } from "../../../src/index.ts";
import { all, assertRunInvariants } from "../harness/run-invariants.ts";
import { until } from "../harness/until.ts";
import { FORMS } from "./deployments.ts";
import { range } from "./scenario.ts";
import { interrupted } from "./tables/interrupted.ts";

const ITEMS = 400;

async function completedItems(orchestrator: DistributedOrchestrator, id: string): Promise<number> {
  return (await orchestrator.getRun(id))?.items.completed ?? 0;
}

/** Another run from start to end: whatever workers could have claimed meanwhile, they have. */
async function anotherRun(orchestrator: DistributedOrchestrator): Promise<void> {
  const handle = await orchestrator.startRun(interrupted, 5, { priority: -100 });
  expect(await handle.result({ timeout: "30s" })).toEqual(range(5));
}

test.each(FORMS)(
  "a run that is paused, cancelled and resumed while it is worked on does everything once, over $name",
  async ({ deploy }) => {
    const { orchestrator, backend, close } = await deploy([interrupted]);
    onTestFinished(close);
    const handle = await orchestrator.startRun(interrupted, ITEMS);
    await until("some items are done", async () => (await completedItems(orchestrator, handle.id)) > 40);
    await handle.pause();
    const pausedAt = (await orchestrator.getRun(handle.id))?.statusAt ?? 0;
    const items = () => all((page) => orchestrator.listWorkItems(handle.id, page));
    await until("what is in flight has ended", async () =>
      (await items()).every(({ status }) => status !== "in_progress"),
    );
    const doneAtPause = await completedItems(orchestrator, handle.id);
    await anotherRun(orchestrator);
    // A claim at the same instant counts as in flight.
    expect((await items()).filter(({ claimedAt }) => claimedAt !== undefined && claimedAt > pausedAt)).toEqual([]);
    expect(await completedItems(orchestrator, handle.id)).toBe(doneAtPause);
    expect(doneAtPause).toBeLessThan(ITEMS);

    await handle.resume();
    await until("more items are done", async () => (await completedItems(orchestrator, handle.id)) > doneAtPause + 40);
    await handle.cancel();
    const atCancel = await completedItems(orchestrator, handle.id);
    await anotherRun(orchestrator);
    // Nothing of a closed run commits, in flight or not.
    expect(await completedItems(orchestrator, handle.id)).toBe(atCancel);
    expect(atCancel).toBeLessThan(ITEMS);
    expect((await handle.context()).done.length).toBe(atCancel - 1);

    await handle.resume();
    expect(await handle.result({ timeout: "60s" })).toEqual(range(ITEMS));
    const { done, sum } = await handle.context();
    expect(done.events.toSorted((a, b) => a - b)).toEqual(range(ITEMS));
    expect(sum.value).toBe((ITEMS * (ITEMS - 1)) / 2);
    expect((await all((page) => orchestrator.errors(handle.id, page))).length).toBe(0);
    await assertRunInvariants(backend.operations, [handle.id]);
  },
);
