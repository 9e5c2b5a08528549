import { expect, test } from "vitest";
import {
  bytes,
  emit,
  newItem,
  output,
  ProtocolWorker,
  publishDefinition,
  startOf,
} from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { ControlAction } from "../contract/control.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp() {
  const clock = manualClock(1_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  await operations.startRuns([startOf("run")]);
  const worker = await ProtocolWorker.open(operations, "s1");
  const act = async (action: ControlAction) => (await operations.control([{ action, actor: "anna" }]))[0];
  return { clock, operations, worker, act };
}

const runId = "run";
const failure = { code: "ERROR", message: "no" };

test("an attempt claimed before a cancel cannot commit after it, nor after the resume", async () => {
  const { worker, act } = await setUp();
  const claimed = await worker.claimOne();
  await act({ kind: "cancel", runId });
  expect(await worker.finish(claimed, output("1"))).toMatchObject({ code: "RUN_CLOSED" });
  await act({ kind: "resume", runId });
  expect(await worker.finish(claimed, output("1"))).toMatchObject({ code: "RUN_CLOSED" });
  const again = await worker.claimOne();
  expect(again).toMatchObject({ item: { epoch: 2 }, run: { generation: 1 } });
  expect(await worker.finish(again, output("1"))).toMatchObject({ kind: "committed", runStatus: "completed" });
});

test("attempts in flight of a paused run may commit; what they emit waits for the resume", async () => {
  const { worker, act, clock } = await setUp();
  const claimed = await worker.claimOne();
  await act({ kind: "pause", runId });
  expect(await worker.finish(claimed, emit(["x", newItem("y", { delayMs: 10 })]))).toMatchObject({
    runStatus: "paused",
  });
  await clock.advance(10);
  expect(await worker.claim()).toEqual([]);
  await act({ kind: "resume", runId });
  expect((await worker.claim()).map(({ item }) => item.node)).toEqual(["x", "y"]);
});

test("what finished never runs again, however the run is closed and re-opened", async () => {
  const { worker, act } = await setUp();
  await worker.finish(await worker.claimOne(), emit(["x", "y"]));
  const [x, y] = await worker.claim();
  if (x === undefined || y === undefined) throw new Error("two items are open");
  await worker.finish(x, emit([]));
  await worker.finish(y, { kind: "fail", failure });
  await act({ kind: "resume", runId });
  expect((await worker.claim()).map(({ item }) => item.node)).toEqual(["y"]);
});

test("a retried item gets its edited input and a new revision, and the run goes on", async () => {
  const { operations, worker, act } = await setUp();
  await worker.finish(await worker.claimOne(), { kind: "fail", failure });
  expect(await act({ kind: "retryItem", runId, item: 0, input: bytes("2") })).toMatchObject({ kind: "done", item: 0 });
  expect(await operations.read.run(runId)).toMatchObject({ status: "running", failure: undefined, open: 1, failed: 0 });
  const again = await worker.claimOne();
  expect(again).toMatchObject({ input: bytes("2"), item: { revision: 1, attempts: 0 } });
  expect(await worker.finish(again, output("1"))).toMatchObject({ runStatus: "completed" });
});

test("held items that a resume re-opens decide again, and their join does not fire twice", async () => {
  const { operations, worker, act } = await setUp();
  const join = { node: "join", queue: "default", labels: [], keys: [], priority: 0, timeoutMs: 1_000 };
  await worker.finish(await worker.claimOne(), emit(["a", "b"], { opens: { joins: [join] } }));
  for (const claimed of await worker.claim()) await worker.finish(claimed, { kind: "hold" });
  expect(await worker.finish(await worker.claimOne(), emit([]))).toMatchObject({ runStatus: "failed" });
  expect(await operations.read.run(runId)).toMatchObject({ failure: { code: "RUN_STUCK" }, held: 2, open: 0 });
  await act({ kind: "resume", runId });
  const [a, b] = await worker.claim();
  if (a === undefined || b === undefined) throw new Error("two items were re-opened");
  const arrival = { join: "join", of: "first", index: 0, value: bytes("1") };
  await worker.finish(a, emit([], { arrivals: [arrival] }));
  expect(await worker.finish(b, output("1"))).toMatchObject({ runStatus: "completed" });
  const items = (await operations.read.items({ runId }, {})).entries;
  expect(items.filter((item) => item.kind === "join")).toHaveLength(1);
  expect(await operations.read.group(runId, 0)).toMatchObject({ done: true, open: 0, arrived: {} });
  expect((await operations.read.arrivals(runId, 0, "join", {})).entries).toEqual([]);
});

test("an operator can end a run with an output or a failure, whatever is open", async () => {
  const { operations, worker, act } = await setUp();
  const claimed = await worker.claimOne();
  await act({ kind: "complete", runId, output: bytes("9") });
  expect(await operations.read.run(runId)).toMatchObject({ status: "completed", output: bytes("9") });
  expect(await worker.finish(claimed, output("1"))).toMatchObject({ code: "RUN_CLOSED" });
  await operations.startRuns([startOf("other")]);
  await act({ kind: "fail", runId: "other", failure });
  expect(await operations.read.run("other")).toMatchObject({ status: "failed", failure });
});

test("an item put in from outside is claimed like any other, and a delta from outside conflicts like any other", async () => {
  const { worker, act } = await setUp();
  await act({ kind: "enqueue", runId, item: newItem("injected") });
  const [first, injected] = await worker.claim();
  if (first === undefined || injected === undefined) throw new Error("two items are open");
  expect(injected.item).toMatchObject({ item: 1, node: "injected" });
  await act({ kind: "merge", runId, delta: bytes("[]"), writes: [3] });
  expect(await worker.finish(injected, emit([]), { reads: [3] })).toMatchObject({
    code: "CONTEXT_CONFLICT",
    sequence: 1,
  });
  expect(await worker.finish(injected, emit([]), { reads: [3], base: 1 })).toMatchObject({ kind: "committed" });
});

test("every action is on record with its actor and without payloads; what was refused or changed nothing is not", async () => {
  const { operations, act } = await setUp();
  await act({ kind: "pause", runId });
  await act({ kind: "pause", runId });
  await act({ kind: "retryItem", runId, item: 0 });
  await act({ kind: "resume", runId });
  await act({ kind: "enqueue", runId, item: newItem("x", { input: bytes("secret") }) });
  await act({ kind: "complete", runId, output: bytes("secret") });
  const { entries } = await operations.read.audit(runId, {});
  expect(entries.map(({ action, actor, item }) => [action, actor, item])).toEqual([
    ["pause", "anna", undefined],
    ["resume", "anna", undefined],
    ["enqueue", "anna", 1],
    ["complete", "anna", undefined],
  ]);
  expect(JSON.stringify(entries)).not.toContain("secret");
});

test("a deleted run leaves nothing but who deleted it", async () => {
  const { operations, worker, act } = await setUp();
  const claimed = await worker.claimOne();
  expect(await act({ kind: "delete", runId })).toMatchObject({ code: "RUN_OPEN" });
  await worker.finish(claimed, emit(["x"]), { delta: bytes("[]"), metrics: [{ name: "n", value: 1 }] });
  await act({ kind: "cancel", runId });
  await act({ kind: "delete", runId });
  const { read } = operations;
  expect(await read.run(runId)).toBeUndefined();
  expect(await read.item(runId, 0)).toBeUndefined();
  expect((await read.items({}, {})).entries).toEqual([]);
  expect((await read.metrics(runId, {})).entries).toEqual([]);
  expect((await read.runs({}, {})).entries).toEqual([]);
  expect(await read.backlog()).toEqual([]);
  expect((await read.audit(runId, {})).entries).toMatchObject([{ action: "delete", actor: "anna" }]);
  expect(await worker.exchange([], {})).toMatchObject({ items: [], nextDueAt: undefined });
});

test("a purge removes runs that finished before the instant, a bounded number at a time", async () => {
  const { operations, clock, act } = await setUp();
  await operations.startRuns([startOf("a"), startOf("b"), startOf("open")]);
  for (const id of ["run", "a", "b"]) {
    await act({ kind: "cancel", runId: id });
    await clock.advance(10);
  }
  expect(await operations.purge({ before: 1_000, limit: 10 })).toBe(0);
  expect(await operations.purge({ before: 1_100, limit: 1 })).toBe(1);
  expect(await operations.read.run("run")).toBeUndefined();
  expect(await operations.purge({ before: 1_100, limit: 10 })).toBe(2);
  expect((await operations.read.runs({}, {})).entries.map(({ id }) => id)).toEqual(["open"]);
});

test("attempts of an item that waits are set without moving it", async () => {
  const { worker, act, clock } = await setUp();
  await worker.finish(await worker.claimOne(), { kind: "retry", delayMs: 50, failure });
  await act({ kind: "setAttempts", runId, item: 0, attempts: 4 });
  expect(await worker.claim()).toEqual([]);
  await clock.advance(50);
  expect((await worker.claimOne()).item.attempts).toBe(4);
});
