import { describe, expect, test } from "vitest";
import { memory } from "../connect.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { manualClock } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { defineBackend } from "../stores/backend.ts";
import type { BulkProgress } from "./bulk.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";
import type { RunSelection } from "./run-selection.ts";

const flow = (name: string) =>
  workflow({
    name,
    version: "1",
    nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
    start: "only",
    edges: { only: [] },
  });
const orders = flow("orders");
const others = flow("others");

async function setUp(count: number) {
  const clock = manualClock(1_000_000);
  const backend = memory({ clock });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [orders, others], clock });
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = `run-${String(at).padStart(4, "0")}`;
    await orchestrator.startRun(orders, at, { id, tags: { parity: at % 2 === 0 ? "even" : "odd" } });
    ids.push(id);
    if (at % 7 === 0) await clock.advance(1);
  }
  const statuses = async () => {
    const counts: Record<string, number> = {};
    for (const { status } of (await orchestrator.listRuns({ limit: 1_000 })).entries)
      counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  return { clock, backend, orchestrator, ids, statuses };
}

async function refusal(promise: Promise<unknown>): Promise<MillraceError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  if (!isMillraceError(thrown)) throw new Error(`expected a MillraceError, got ${String(thrown)}`);
  return thrown;
}

describe("an action on a selection of runs", () => {
  test("reaches each of them once, chunk by chunk, and leaves the others alone", async () => {
    const { orchestrator, statuses } = await setUp(501);
    await orchestrator.startRun(others, 1);
    const progress: BulkProgress[] = [];
    const result = await orchestrator.cancel(
      { status: "running", workflow: "orders", tags: { parity: "even" } },
      { reason: "wrong prices", actor: "anna", onProgress: (one) => progress.push(one) },
    );
    expect(result).toEqual({
      matched: 251,
      changed: 251,
      unchanged: 0,
      skipped: [],
      skippedCount: 0,
      complete: true,
    });
    expect(progress.map(({ matched }) => matched)).toEqual([100, 200, 251]);
    expect(await statuses()).toEqual({ cancelled: 251, running: 251 });
    expect(await orchestrator.getRun("run-0000")).toMatchObject({ failure: { message: "wrong prices" } });
    expect(await orchestrator.history("run-0000")).toContainEqual(
      expect.objectContaining({ type: "control", action: "cancel", actor: "anna" }),
    );
  });

  test("tells what was as asked already, and who refused and why", async () => {
    const { orchestrator, ids } = await setUp(6);
    await orchestrator.pause("run-0001");
    await orchestrator.completeRun("run-0002", 1);
    await orchestrator.cancel("run-0003");
    expect(await orchestrator.pause({ workflow: "orders" })).toEqual({
      matched: 6,
      changed: 3,
      unchanged: 1,
      skipped: [
        { runId: ids[3], code: "RUN_CLOSED", message: expect.any(String) },
        { runId: ids[2], code: "RUN_CLOSED", message: expect.any(String) },
      ],
      skippedCount: 2,
      complete: true,
    });
    expect(await orchestrator.resume({ status: ["paused", "cancelled"] })).toMatchObject({ changed: 5, matched: 5 });
  });

  test("retries only what failed or was cancelled, and deletes only what has ended", async () => {
    const { orchestrator, statuses } = await setUp(30);
    await orchestrator.cancel({ tags: { parity: "odd" } });
    expect(await orchestrator.retry({ workflow: "orders" })).toMatchObject({
      matched: 30,
      changed: 15,
      skippedCount: 15,
      skipped: expect.arrayContaining([expect.objectContaining({ code: "ILLEGAL_TRANSITION" })]),
    });
    await orchestrator.cancel({ tags: { parity: "odd" } });
    const removed = await orchestrator.deleteRun({ all: true });
    expect(removed).toMatchObject({ matched: 30, changed: 15, skippedCount: 15 });
    expect(removed.skipped[0]).toMatchObject({ code: "RUN_OPEN" });
    expect(await statuses()).toEqual({ running: 15 });
  });

  test("a dry run counts and does nothing", async () => {
    const { orchestrator, statuses } = await setUp(120);
    expect(await orchestrator.cancel({ status: "running" }, { dryRun: true })).toMatchObject({
      matched: 120,
      changed: 0,
      skippedCount: 0,
    });
    expect(await statuses()).toEqual({ running: 120 });
  });

  test("a limit takes the newest, and says that there is more", async () => {
    const { orchestrator } = await setUp(120);
    expect(await orchestrator.pause({ status: "running" }, { limit: 105 })).toMatchObject({
      matched: 105,
      changed: 105,
      complete: false,
    });
    expect(await orchestrator.pause({ status: "running" }, { limit: 105 })).toMatchObject({
      changed: 15,
      complete: true,
    });
    expect(await refusal(orchestrator.pause({ status: "running" }, { limit: 0 }))).toMatchObject({
      code: "INVALID_VALUE",
    });
  });

  test("lists a bounded number of refusals and counts the rest", async () => {
    const { orchestrator } = await setUp(LIMITS.skippedRuns + 5);
    const { skipped, skippedCount, matched } = await orchestrator.retry({ all: true });
    expect([skipped.length, skippedCount, matched]).toEqual([
      LIMITS.skippedRuns,
      LIMITS.skippedRuns + 5,
      LIMITS.skippedRuns + 5,
    ]);
  });

  test.each<readonly [string, RunSelection]>([
    ["nothing", {}],
    ["nothing but absent conditions", { status: undefined, tags: {}, search: "" }],
    ["all: false", { all: false }],
    // A program without types may misspell a condition.
    ["a condition that is none", { workflow: "orders", ...{ stauts: "failed" } }],
    ["a page", { workflow: "orders", ...{ limit: 5 } }],
    ["no instant", { since: "yesterday" }],
  ])("is refused for %s", async (_, selection) => {
    const { orchestrator, statuses } = await setUp(2);
    const calls = [
      orchestrator.cancel(selection),
      orchestrator.pause(selection),
      orchestrator.resume(selection),
      orchestrator.retry(selection),
      orchestrator.deleteRun(selection),
    ];
    for (const call of calls) expect(await refusal(call)).toMatchObject({ code: "INVALID_VALUE" });
    expect(await statuses()).toEqual({ running: 2 });
  });

  test("an item and its input belong to one run", async () => {
    const { orchestrator } = await setUp(1);
    const options = { actor: "anna", item: "run-0000.0" };
    expect(await refusal(orchestrator.retry({ all: true }, options))).toMatchObject({ code: "INVALID_VALUE" });
  });

  test("an observer that throws disturbs nothing", async () => {
    const { orchestrator } = await setUp(3);
    const onProgress = () => {
      throw new Error("observer");
    };
    expect(await orchestrator.pause({ all: true }, { onProgress })).toMatchObject({ changed: 3 });
  });

  test("the signal stops it between chunks, and the error says what had been done", async () => {
    const { orchestrator, statuses } = await setUp(250);
    const abort = new AbortController();
    const { signal } = abort;
    const error = await refusal(orchestrator.cancel({ all: true }, { signal, onProgress: () => abort.abort() }));
    expect(error).toMatchObject({
      code: "CANCELLED",
      details: { matched: 100, changed: 100, skippedCount: 0, complete: false },
    });
    expect(await statuses()).toEqual({ cancelled: 100, running: 150 });
  });
});

describe("while runs come and go", () => {
  test("each is visited at most once, and none that was started after the call", async () => {
    const { orchestrator, clock, backend } = await setUp(250);
    const { operations } = backend;
    const visited: string[] = [];
    let calls = 0;
    const watched = defineBackend({
      ...operations,
      async control(requests) {
        visited.push(...requests.map(({ action }) => action.runId));
        calls += 1;
        await clock.advance(1);
        await orchestrator.startRun(orders, 0, { id: `late-${calls}` });
        await orchestrator.cancel("run-0000").catch(() => undefined);
        const gone = `run-${String(calls).padStart(4, "0")}`;
        await orchestrator.cancel(gone);
        await orchestrator.deleteRun(gone);
        return operations.control(requests);
      },
    });
    const bulk = new DistributedOrchestrator({ backend: watched, workflows: [orders], clock });
    const result = await bulk.pause({ status: ["running", "paused"] });
    expect(new Set(visited).size).toBe(visited.length);
    expect(visited.filter((id) => id.startsWith("late"))).toEqual([]);
    expect(result).toMatchObject({ complete: true, matched: visited.length });
    expect(result.changed + result.unchanged + result.skippedCount).toBe(result.matched);
    expect(result.skipped.map(({ code }) => code)).toContain("RUN_NOT_FOUND");
    expect((await orchestrator.listRuns({ status: "running" })).entries.map(({ id }) => id)).toEqual([
      "late-3",
      "late-2",
      "late-1",
    ]);
  });

  test("a run whose rows are damaged is skipped, and the others are not", async () => {
    const { backend, clock } = await setUp(5);
    const { operations } = backend;
    const damaged = defineBackend({
      ...operations,
      async control(requests) {
        if (requests.some(({ action }) => action.runId === "run-0002"))
          throw new MillraceError("BACKEND_CORRUPT", "the rows of run-0002 are damaged");
        return operations.control(requests);
      },
    });
    const orchestrator = new DistributedOrchestrator({ backend: damaged, clock });
    expect(await orchestrator.cancel({ all: true })).toMatchObject({
      changed: 4,
      skipped: [{ runId: "run-0002", code: "BACKEND_CORRUPT", message: "the rows of run-0002 are damaged" }],
    });
  });

  test("an outage ends it with the backend's own error", async () => {
    const { backend, clock } = await setUp(5);
    const control = () => Promise.reject(new MillraceError("BACKEND_UNAVAILABLE", "away"));
    const away = defineBackend({ ...backend.operations, control });
    const orchestrator = new DistributedOrchestrator({ backend: away, clock });
    expect(await refusal(orchestrator.cancel({ all: true }))).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  });
});
