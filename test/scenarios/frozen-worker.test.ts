import { once } from "node:events";
import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { ProcessHandle } from "./harness/worker-handle.ts";
import type { RefusalLine } from "./harness/worker-order.ts";
import { type BodyLine, gateOf, patient, standingStill } from "./workflows/patient.ts";

const order: SpawnOptions = {
  module: "patient",
  workflows: ["patient", "standingStill"],
  options: { lease: "400ms", pollInterval: "50ms", concurrency: 4 },
};

function told(scene: Scene, process: ProcessHandle, runId: string, event: BodyLine["event"]): BodyLine | undefined {
  return scene
    .traces<BodyLine>("bodies")
    .find((line) => line.pid === process.pid && line.runId === runId && line.event === event);
}

/** How long a write may take before it counts as barred. */
const BARRED_MS = 500;

/** Stops a process, but not while it holds a lock on the store: then everybody would stand still with it. */
async function freeze(process: ProcessHandle, { operations }: Store): Promise<void> {
  for (let isFree = false; !isFree; ) {
    process.signal("SIGSTOP");
    const barred = once(AbortSignal.timeout(BARRED_MS), "abort").then(() => false);
    const written = operations.control([{ action: { kind: "pause", runId: "nobody" } }]).then(() => true);
    isFree = await Promise.race([written, barred]);
    if (!isFree) process.signal("SIGCONT");
    await written;
  }
}

test.each(STORES)(
  "a worker back from beyond its lease finds its body aborted, its item with another, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const orchestrator = await scene.orchestrator(patient);
    const store = new Store(orchestrator.backend.operations);
    const frozen = await scene.worker(order);
    const handle = await orchestrator.startRun(patient, null);
    await until("the body has started", () => told(scene, frozen, handle.id, "started"));
    await freeze(frozen, store);
    const taker = await scene.worker(order);
    await until("another worker took over", () => told(scene, taker, handle.id, "started"));
    frozen.signal("SIGCONT");
    const aborted = await until("the frozen body sees its signal", () => told(scene, frozen, handle.id, "aborted"));
    expect(aborted.code).toBe("STALE_LEASE");
    // Late as it is: what the aborted body still does has no effect.
    scene.openGate(gateOf(frozen.pid, handle.id));
    scene.openGate(gateOf(taker.pid, handle.id));

    expect(await handle.result()).toEqual({ pid: taker.pid });
    expect((await handle.context()).effects.events).toEqual([{ pid: taker.pid }]);
    const [item] = await store.items(handle.id);
    expect(item).toMatchObject({ status: "completed", epoch: 2, attempts: 0 });
    expect(await store.failures(handle.id)).toMatchObject([{ outcome: "stalled", epoch: 1, attempt: 1 }]);
    expect(await frozen.stop()).toEqual({ code: 0, signal: null });
    await assertRunInvariants(store.operations, [handle.id]);
  },
);

const takings = [
  { what: "executes it", isCommitted: false },
  { what: "has committed it", isCommitted: true },
];
const lateCommits = STORES.flatMap((kind) => takings.map((taken) => ({ kind, ...taken })));

test.each(lateCommits)(
  "a commit from beyond the lease is refused where another worker $what, and its worker works on, on $kind.name",
  async (taken) => {
    const scene = await Scene.on(taken.kind);
    const orchestrator = await scene.orchestrator(standingStill, patient);
    const store = new Store(orchestrator.backend.operations);
    const frozen = await scene.worker(order);
    const handle = await orchestrator.startRun(standingStill, null);
    await until("the body has started", () => told(scene, frozen, handle.id, "started"));
    await freeze(frozen, store);
    const taker = await scene.worker(order);
    if (taken.isCommitted) scene.openGate(gateOf(taker.pid, handle.id));
    await until("another worker took over", () => told(scene, taker, handle.id, "started"));
    const committed = async () => (await store.items(handle.id))[0]?.status === "completed";
    if (taken.isCommitted) await until("another worker committed it", committed);
    // Everything of the frozen worker stands still, so its first act is to end its body and to commit.
    scene.openGate(gateOf(frozen.pid, handle.id));
    frozen.signal("SIGCONT");
    const refused = () => scene.traces<RefusalLine>("refusals").find((line) => line.pid === frozen.pid);
    expect(await until("its commit is refused", refused)).toMatchObject({
      itemId: `${handle.id}.0`,
      epoch: 1,
      code: "STALE_LEASE",
    });
    scene.openGate(gateOf(taker.pid, handle.id));
    scene.openGate("lastly");
    expect(await handle.result()).toEqual({ pid: taker.pid });
    expect((await handle.context()).effects.events).toEqual([{ pid: taker.pid }]);

    expect(await taker.stop()).toEqual({ code: 0, signal: null });
    const next = await orchestrator.startRun(patient, null);
    scene.openGate(gateOf(frozen.pid, next.id));
    expect(await next.result()).toEqual({ pid: frozen.pid });
    await assertRunInvariants(store.operations, [handle.id, next.id]);
  },
);
