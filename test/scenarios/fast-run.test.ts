import { expect, test } from "vitest";
import { isTerminalRun } from "../../src/core/status.ts";
import {
  type BackendOperations,
  DistributedOrchestrator,
  DistributedWorker,
  defineBackend,
  memory,
  type RunEvent,
} from "../../src/index.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene } from "./harness/scene.ts";
import { STORES } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { failing, passing } from "./workflows/fast.ts";

/** A store whose answer to a start arrives when the run has long ended. */
function slowToAnswer(operations: BackendOperations): BackendOperations {
  return {
    ...operations,
    async startRuns(starts) {
      const outcomes = await operations.startRuns(starts);
      for (const outcome of outcomes) {
        if (outcome.kind === "unknownDefinition") continue;
        await until(`run ${outcome.run.id} has ended`, async () => {
          const run = await operations.read.runState(outcome.run.id);
          return run !== undefined && isTerminalRun(run.status);
        });
      }
      return outcomes;
    },
  };
}

async function checkFastRuns(operations: BackendOperations): Promise<void> {
  const backend = defineBackend(slowToAnswer(operations));
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [passing, failing] });
  const handle = await orchestrator.startRun(passing, 20, { idempotencyKey: "once" });
  expect(await handle.status()).toBe("completed");
  expect(await handle.result()).toBe(42);
  expect(await orchestrator.waitForCompletion(handle.id)).toMatchObject({ status: "completed", output: 42 });
  const events: RunEvent[] = [];
  for await (const event of handle.watch()) events.push(event);
  const told = events.map((event) => (event.type === "run" ? event.status : [event.node, event.status]));
  expect(told).toEqual([["add", "completed"], ["double", "completed"], "completed"]);
  expect((await handle.context()).steps.value).toBe(2);
  const again = await orchestrator.startRun(passing, 20, { idempotencyKey: "once" });
  expect([again.id, await again.result()]).toEqual([handle.id, 42]);

  const failed = await orchestrator.startRun(failing, null);
  await expect(failed.result()).rejects.toMatchObject({ code: "RUN_FAILED", cause: { code: "FULL" } });
  expect(await orchestrator.waitForCompletion(failed.id)).toMatchObject({
    status: "failed",
    failure: { code: "FULL" },
  });
  await assertRunInvariants(operations, [handle.id, failed.id]);
}

test.each(STORES)(
  "a run that ends in another process before startRun returns is still right, on $name",
  async (kind) => {
    const scene = await Scene.on(kind);
    const backend = await scene.connect();
    const options = { lease: "5s", pollInterval: "50ms" } as const;
    await scene.worker({ module: "fast", workflows: ["passing", "failing"], options });
    await checkFastRuns(backend.operations);
  },
);

test("a run that ends in this process before startRun returns is still right", async () => {
  await using backend = memory();
  await using worker = new DistributedWorker({ backend, workflows: [passing, failing] });
  const working = worker.run();
  await checkFastRuns(backend.operations);
  await worker.stop();
  await working;
});
