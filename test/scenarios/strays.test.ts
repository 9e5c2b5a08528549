import { expect, test } from "vitest";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { MISDEEDS, type Misdeed, strays } from "./workflows/strays.ts";

const HEALTHY = 20;

test("what a body throws or leaves behind hits its item alone, and the process lives", async () => {
  const scene = new Scene();
  const orchestrator = await scene.orchestrator(strays);
  const store = new Store(orchestrator.backend.operations);
  const options = { lease: "5s", pollInterval: "50ms", concurrency: 64 } as const;
  const worker = await scene.worker({ module: "strays", workflows: ["strays"], options });
  const healthy = Array.from({ length: HEALTHY }, (): Misdeed => "nothing");
  // All at once in one process: every one is executing while the others do their worst.
  const handle = await orchestrator.startRun(strays, [...healthy, ...MISDEEDS, ...healthy]);
  const fates = await handle.result();

  expect(worker.isAlive).toBe(true);
  expect(fates).toHaveLength(2 * HEALTHY + MISDEEDS.length);
  for (const { misdeed, became } of fates) {
    if (misdeed === "nothing") expect(became).toBe("completed");
    else expect(`${misdeed}: ${became}`).toMatch(/: (?!completed|without)/);
  }
  const byMisdeed = new Map(fates.map((fate) => [fate.misdeed, fate]));
  expect(byMisdeed.get("reject later")?.message).toBe("left behind");
  expect(byMisdeed.get("throw text")?.message).toContain("just text");
  expect(byMisdeed.get("return nothing")?.became).toBe("INVALID_OUTPUT");
  const failures = await store.failures(handle.id);
  expect(failures).toHaveLength(MISDEEDS.length - 1);
  expect(failures.every(({ outcome }) => outcome === "failedOver")).toBe(true);
  // Nothing of it is left behind in the process either.
  expect(await (await orchestrator.startRun(strays, ["nothing"])).result()).toHaveLength(1);
  expect(await worker.stop()).toEqual({ code: 0, signal: null });
  await assertRunInvariants(store.operations, [handle.id]);
});
