import { expect, test } from "vitest";
import { newItem, ProtocolWorker, publishDefinition, startOf } from "../../../test/backend/engine.ts";
import { isMillraceError } from "../../core/errors.ts";
import { manualClock } from "../../core/ports.ts";
import type { RunState } from "../contract/run.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { synchronousOperations } from "./operations.ts";
import type { RowStore } from "./row-store.ts";
import { captureRun } from "./run-capture.ts";

async function newStore() {
  const { store, executor } = createMemoryStore();
  const operations = synchronousOperations({
    kind: "memory",
    location: "memory:",
    namespace: "default",
    capabilities: { durability: "none", shared: false, pushWakeups: true, renewal: "main" },
    store,
    executor,
    clock: manualClock(1_000),
  });
  await publishDefinition(operations);
  return { store, operations };
}

async function filledStore(items: number): Promise<RowStore> {
  const { store, operations } = await newStore();
  await operations.startRuns([startOf("run-1")]);
  for (let at = 1; at < items; at += 1)
    await operations.control([{ action: { kind: "enqueue", runId: "run-1", item: newItem("more") } }]);
  return store;
}

/** The store, counting how often each of its methods was called; what throws is called, too. */
function counting(store: RowStore, calls: Map<string, number>, missing: Set<string> = new Set()): RowStore {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function" || typeof name !== "string") return method;
      return (...given: readonly unknown[]): unknown => {
        const call = `${name} ${JSON.stringify(given)}`;
        calls.set(name, (calls.get(name) ?? 0) + 1);
        if (missing.delete(call)) throw new Error(`missing: ${call}`);
        return method.apply(target, given);
      };
    },
  });
}

test("A part asks for everything that it needs of its items before the first that is missing ends it", async () => {
  const store = await filledStore(20);
  const missing = new Set(Array.from({ length: 20 }, (_, item) => `payload ["run-1",${item}]`));
  const calls = new Map<string, number>();
  expect(() => captureRun(counting(store, calls, missing), "run-1", undefined)).toThrow(/missing/);
  expect([missing.size, calls.get("payload"), calls.get("memos")]).toEqual([0, 20, 20]);
  expect(captureRun(store, "run-1", undefined)).toMatchObject({ kind: "part" });
});

test("A part reads its rows in pages, and as often whether or not there are parts before it", async () => {
  const store = await filledStore(600);
  const [first, second] = [new Map<string, number>(), new Map<string, number>()];
  const begun = captureRun(counting(store, first), "run-1", undefined);
  const cursor = begun.kind === "part" ? begun.cursor : undefined;
  captureRun(counting(store, second), "run-1", cursor);
  expect(first.get("payload")).toBe(256);
  expect(second.get("payload")).toBe(first.get("payload"));
});

test("A run that waits for an answer is not taken away from it; one that sleeps may go", async () => {
  const { store, operations } = await newStore();
  await operations.startRuns([startOf("run-1")]);
  const worker = await ProtocolWorker.open(operations, "s1");
  const wait = { details: "{}", durationMs: 60_000 };
  await worker.finish(await worker.claimOne(), { kind: "wait", wait: { ...wait, kind: "sleep" } });
  expect(store.runState("run-1")).toMatchObject({ status: "waiting", parked: 1 });
  expect(captureRun(store, "run-1", undefined)).toMatchObject({
    kind: "part",
    part: { head: { state: { status: "paused" } } },
  });
  await operations.startRuns([startOf("run-2")]);
  await worker.finish(await worker.claimOne(), { kind: "wait", wait: { ...wait, kind: "input" } });
  expect(captureRun(store, "run-2", undefined)).toEqual({ kind: "parked" });
});

test("A run that is tied to others is not taken away from them while it is open", async () => {
  const store = await filledStore(1);
  const run = store.runState("run-1");
  if (run === undefined) throw new Error("the run is there");
  const tied = (status: RunState["status"]): RowStore => ({ ...store, runState: () => ({ ...run, status, links: 1 }) });
  expect(captureRun(tied("running"), "run-1", undefined)).toEqual({ kind: "parked" });
  expect(captureRun(tied("completed"), "run-1", undefined)).toMatchObject({ kind: "part" });
});

test("A cursor of another list, or a changed one, is refused", async () => {
  const store = await filledStore(600);
  const begun = captureRun(store, "run-1", undefined);
  const cursor = begun.kind === "part" ? (begun.cursor ?? "") : "";
  for (const wrong of ["", "x", `${cursor}x`, cursor.slice(1)]) {
    expect(() => captureRun(store, "run-1", wrong)).toThrow(
      expect.toSatisfy((error) => isMillraceError(error, "INVALID_VALUE")),
    );
  }
});
