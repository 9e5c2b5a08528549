import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getuid } from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { DistributedOrchestrator } from "../../src/index.ts";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import { Store } from "./harness/store.ts";
import { pagesOf } from "./harness/store-file.ts";
import { fileSite } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import type { LogLine } from "./harness/worker-order.ts";
import { chain, type LedgerLine, STEPS } from "./workflows/chain.ts";
import { first } from "./workflows/versions.ts";

const RUNS = 12;
const LARGE_BYTES = 600_000;

/** A scene whose store has little room, and two ways to change that. */
interface Narrow {
  readonly scene: Scene;
  readonly orchestrator: DistributedOrchestrator;
  readonly store: Store;
  /** Bound on the file, if that is what makes it narrow. */
  readonly maxPages?: number;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives some back. */
  free(): Promise<void>;
}

/** A file system of 2 MiB, filled up by a file beside the store's. Only root may mount one. */
async function smallDisk(): Promise<Narrow> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-small-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true });
  });
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, new Uint8Array(700_000));
  const scene = new Scene(fileSite(folder));
  return {
    ...(await narrow(scene)),
    async fill() {
      try {
        for (;;) appendFileSync(ballast, new Uint8Array(4_096));
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
      }
    },
    free: async () => rmSync(ballast),
  };
}

/** A file that may not grow much, with a large run in it that can be deleted. */
async function smallFile(): Promise<Narrow> {
  const site = fileSite();
  const scene = new Scene(site);
  const unbounded = await scene.orchestrator(first);
  const ballast = await unbounded.startRun(first, ["x".repeat(LARGE_BYTES)]);
  await ballast.cancel();
  const maxPages = pagesOf(site.path) + 12;
  const bounded = await narrow(scene, maxPages);
  return {
    ...bounded,
    async fill() {
      for (const size of [100_000, 10_000, 1_000]) {
        while (await fits(bounded.orchestrator, size));
      }
    },
    free: () => unbounded.deleteRun(ballast.id),
  };
}

async function narrow(scene: Scene, maxPages?: number): Promise<Omit<Narrow, "fill" | "free">> {
  const backend = await scene.connect({ maxPages });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [chain, first] });
  const limit = maxPages === undefined ? {} : { maxPages };
  return { scene, orchestrator, store: new Store(backend.operations), ...limit };
}

/** Starts a run that nobody executes, if there is room for it. */
async function fits(orchestrator: DistributedOrchestrator, size: number): Promise<boolean> {
  try {
    await orchestrator.startRun(first, ["x".repeat(size)]);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "STORE_FULL" });
    return false;
  }
}

const kinds = getuid?.() === 0 ? [{ what: "disk", make: smallDisk }] : [];

test.each([...kinds, { what: "file", make: smallFile }])(
  "workers survive a full $what, and everything completes when there is room again",
  async ({ what, make }) => {
    const { scene, orchestrator, store, maxPages, fill, free } = await make();
    const order: SpawnOptions = {
      module: "chain",
      workflows: ["chain"],
      options: { lease: "5s", pollInterval: "50ms", concurrency: 4 },
      limits: { maxPages },
    };
    const workers = await Promise.all([scene.worker(order), scene.worker(order)]);
    const inputs = Array.from({ length: RUNS }, () => ({ input: { workMs: 10 } }));
    const started = await orchestrator.startRuns(chain, inputs);
    const handles = started.flatMap((one) => (one.ok ? [one.handle] : []));
    expect(handles).toHaveLength(RUNS);

    await until("the work has begun", async () => (await store.completedItems()) > 0);
    await fill();
    const failing = () => scene.traces<LogLine>("log").filter(({ message }) => message.startsWith("the store fails"));
    await until("a worker finds it full", () => failing().length > 0);
    for (const { data } of failing()) expect(String(data?.error)).toContain("full");
    // What is there can be read, and what does not fit is refused for what it is.
    const completed = await store.completedItems();
    expect(completed).toBeLessThan(RUNS * STEPS);
    expect(await fits(orchestrator, LARGE_BYTES)).toBe(false);
    for (const worker of workers) expect(worker.isAlive).toBe(true);

    await free();
    for (const handle of handles) expect(await handle.result()).toMatchObject({ done: handle.id });
    for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
    const figures = await assertRunInvariants(
      store.operations,
      handles.map(({ id }) => id),
    );
    const executions = scene.traces<LedgerLine>("ledger").length;
    tellFigures(`full ${what}`, { ...figures, executions, completed });
    expect(figures).toMatchObject({ items: RUNS * STEPS, deltas: RUNS * STEPS, takeovers: 0, reclaimed: 0 });
    // What waits to be kept is not executed again.
    expect(executions).toBe(RUNS * STEPS);
  },
);
