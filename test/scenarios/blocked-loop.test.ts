import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { SERVERS, SQLITE, STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { ProcessHandle } from "./harness/worker-handle.ts";
import type { RefusalLine } from "./harness/worker-order.ts";
import { type BlockLine, blocking, blockingTooLong, quick } from "./workflows/blocking.ts";

const order: SpawnOptions = {
  module: "blocking",
  workflows: ["blocking", "blockingTooLong", "quick"],
  options: { lease: "400ms", pollInterval: "50ms", concurrency: 1 },
};

/** The worker whose body blocks, and the one beside it. */
async function sides(scene: Scene, workers: readonly ProcessHandle[]) {
  const begun = await until("the body blocks", () => scene.traces<BlockLine>("blocked")[0]);
  const blocked = workers.find(({ pid }) => pid === begun.pid);
  const rival = workers.find(({ pid }) => pid !== begun.pid);
  if (blocked === undefined || rival === undefined) throw new Error(`process ${begun.pid} is no worker of this test`);
  return { blocked, rival };
}

/** On servers once: what renews meanwhile is the same thread, and only its connection is another. */
const blockades = [
  { kind: SQLITE, how: "busy", ms: 6_000 },
  { kind: SQLITE, how: "waiting", ms: 6_000 },
  ...SERVERS.map((kind) => ({ kind, how: "waiting", ms: 3_000 }) as const),
] as const;

test.each(blockades)(
  "a body that blocks its process by $how beyond the lease keeps the lease, on $kind.name",
  async ({ kind, how, ms }) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(blocking, quick);
    const store = new Store(orchestrator.backend.operations);
    const workers = [await scene.worker(order), await scene.worker(order)];
    const handle = await orchestrator.startRun(blocking, { how, ms });
    const { blocked, rival } = await sides(scene, workers);

    // The worker beside it finds everything else that is there to take, again and again, for as long as it takes.
    const isBlocked = () => scene.traces("blocked").length < 2;
    const passed: string[] = [];
    for (;;) {
      const beside = await orchestrator.startRun(quick, null);
      const taken = await beside.result();
      const [item] = await store.items(handle.id);
      if (!isBlocked()) break;
      const [session] = await store.sessionsOf(blocked.pid);
      expect(taken).toEqual({ pid: rival.pid });
      expect(item).toMatchObject({ epoch: 1, status: "in_progress", session: session?.id });
      passed.push(beside.id);
    }
    expect(passed.length).toBeGreaterThan(2);
    expect(await handle.result()).toEqual({ pid: blocked.pid, attempt: 1 });
    expect((await store.items(handle.id))[0]).toMatchObject({ epoch: 1, stalls: 0, attempts: 0 });
    expect(await store.failures(handle.id)).toEqual([]);
    expect(scene.traces("refusals")).toEqual([]);
    await assertRunInvariants(store.operations, [handle.id, ...passed]);
  },
);

test.each(STORES)(
  "a body that blocks its process beyond its attempt's timeout loses the item, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(blockingTooLong);
    const store = new Store(orchestrator.backend.operations);
    const workers = [await scene.worker(order), await scene.worker(order)];
    const handle = await orchestrator.startRun(blockingTooLong, { how: "busy", ms: 2_500 });
    const { blocked, rival } = await sides(scene, workers);

    expect(await handle.result()).toEqual({ pid: rival.pid, attempt: 2 });
    expect(
      scene.traces<BlockLine>("blocked").some((line) => line.pid === blocked.pid && line.event === "finished"),
    ).toBe(false);
    expect(await store.failures(handle.id)).toMatchObject([
      { outcome: "retried", attempt: 1, failure: { code: "TIMEOUT" } },
    ]);
    const refused = () => scene.traces<RefusalLine>("refusals").find((line) => line.pid === blocked.pid);
    expect(await until("what it did is refused", refused)).toMatchObject({ itemId: `${handle.id}.0`, epoch: 1 });
    expect(await blocked.stop()).toEqual({ code: 0, signal: null });
    await assertRunInvariants(store.operations, [handle.id]);
  },
);
