import { expect, test } from "vitest";
import { emit, newItem, output, ProtocolWorker, publishDefinition, startOf } from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { ClaimedItem } from "../contract/claim.ts";
import type { StartRun } from "../contract/run.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp(...starts: readonly StartRun[]) {
  const clock = manualClock(1_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  await operations.startRuns(starts);
  const worker = await ProtocolWorker.open(operations, "s1");
  const other = await ProtocolWorker.open(operations, "s2", 600_000);
  return { clock, operations, worker, other };
}

function heldOf({ item, run }: ClaimedItem) {
  return { runId: run.id, item: item.item, epoch: item.epoch, generation: run.generation };
}

const health = { status: "in_progress", items: ["a.0"], completed: 3, errors: 1 } as const;

test("a session that is opened again is renewed and keeps its place", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  await worker.claimOne();
  await clock.advance(10);
  const again = await ProtocolWorker.open(operations, "s1");
  expect(await operations.read.session("s1")).toMatchObject({ startedAt: 1_000, heartbeatAt: 1_010, until: 31_010 });
  await expect(again.claim()).resolves.toMatchObject([{ item: { epoch: 1 } }]);
});

test.each([0, -1, Number.NaN, 1.5])("a lease of %d ms is refused", async (leaseMs) => {
  const { operations } = await setUp();
  await expect(ProtocolWorker.open(operations, "s3", leaseMs)).rejects.toMatchObject({ code: "INVALID_VALUE" });
});

test("a renewal extends the leases and keeps what the worker says of itself", async () => {
  const { operations, clock } = await setUp();
  await clock.advance(20_000);
  expect(await operations.renew({ session: "s1", health })).toEqual({
    kind: "renewed",
    until: 51_000,
    now: 21_000,
    revoked: [],
  });
  await operations.renew({ session: "s1" });
  expect(await operations.read.session("s1")).toMatchObject({ health, heartbeatAt: 21_000 });
});

test("a session renewed in time keeps its items, one renewed late gets back what nobody took", async () => {
  const { operations, worker, other, clock } = await setUp(startOf("a"), startOf("b"));
  const [a, b] = await worker.claim();
  await clock.advance(29_999);
  await operations.renew({ session: "s1" });
  await clock.advance(29_999);
  expect(await other.claim()).toEqual([]);
  await clock.advance(1);
  expect((await other.claim({ limit: 1 })).map((claimed) => claimed.run.id)).toEqual(["a"]);
  if (a === undefined || b === undefined) throw new Error("two items were claimed");
  expect(await operations.renew({ session: "s1", held: [heldOf(a), heldOf(b)] })).toMatchObject({
    kind: "renewed",
    revoked: [{ runId: "a", item: 0, why: "lost" }],
  });
  expect(await operations.read.backlog()).toEqual([]);
  expect(await other.claim()).toEqual([]);
  expect(await worker.finish(a, output("1"))).toMatchObject({ code: "STALE_LEASE" });
  expect(await worker.finish(b, output("1"))).toMatchObject({ kind: "committed", runStatus: "completed" });
});

test("an expired lease that nobody took can still commit", async () => {
  const { worker, other, clock } = await setUp(startOf("a"));
  const claimed = await worker.claimOne();
  await clock.advance(60_000);
  await other.claim({ limit: 0 });
  expect(await worker.finish(claimed, output("1"))).toMatchObject({ kind: "committed" });
  expect(await other.claim()).toEqual([]);
});

test("a renewal tells which runs were closed or paused, and which items are gone", async () => {
  const { operations, worker } = await setUp(startOf("a"), startOf("b"), startOf("c"), startOf("d"), startOf("e"));
  const claimed = await worker.claim();
  await operations.control([
    { action: { kind: "cancel", runId: "a" } },
    { action: { kind: "pause", runId: "b" } },
    { action: { kind: "cancel", runId: "c" } },
    { action: { kind: "resume", runId: "c" } },
    { action: { kind: "cancel", runId: "d" } },
    { action: { kind: "delete", runId: "d" } },
  ]);
  const answer = await operations.renew({ session: "s1", held: claimed.map(heldOf) });
  expect(answer).toMatchObject({
    revoked: [
      { runId: "a", why: "closed" },
      { runId: "b", why: "paused" },
      { runId: "c", why: "closed" },
      { runId: "d", why: "closed" },
    ],
  });
});

test("a renewal is enough for a run to time out", async () => {
  const { operations, worker, clock } = await setUp(startOf("a", { timeoutMs: 100 }));
  const claimed = await worker.claimOne();
  await clock.advance(100);
  expect(await operations.renew({ session: "s1", held: [heldOf(claimed)] })).toMatchObject({
    revoked: [{ why: "closed" }],
  });
});

test("what a session held when it signed off is ready at once, with no attempt used and no stall counted", async () => {
  const { operations, worker, other } = await setUp(startOf("a"), startOf("b"), startOf("c"));
  await worker.claim();
  await operations.control([{ action: { kind: "pause", runId: "b" } }, { action: { kind: "cancel", runId: "c" } }]);
  await operations.closeSession("s1");
  await operations.closeSession("s1");
  expect(await other.claim()).toMatchObject([{ run: { id: "a" }, item: { epoch: 2, attempts: 0, stalls: 0 } }]);
  await operations.control([{ action: { kind: "resume", runId: "b" } }]);
  expect(await other.claim()).toMatchObject([{ run: { id: "b" }, item: { stalls: 0 } }]);
  expect((await operations.read.failures({}, {})).entries).toEqual([]);
  expect(await operations.read.session("s1")).toMatchObject({
    stoppedAt: 1_000,
    health: { status: "stopped", items: [] },
  });
  expect(await operations.renew({ session: "s1" })).toEqual({ kind: "gone" });
  expect(await operations.renew({ session: "nobody" })).toEqual({ kind: "gone" });
});

test("an attached session is alive however long it says nothing, until it is detached", async () => {
  const { operations, worker, other, clock } = await setUp(startOf("a"));
  await worker.claimOne();
  const detach = operations.attachSession?.("s1");
  const detachAgain = operations.attachSession?.("s1");
  await clock.advance(500_000);
  expect(await other.claim()).toEqual([]);
  detachAgain?.();
  detachAgain?.();
  await clock.advance(500_000);
  expect(await other.claim()).toEqual([]);
  detach?.();
  await clock.advance(30_000);
  expect(await other.claim()).toMatchObject([{ item: { stalls: 1 } }]);
});

test("sessions are listed newest first and forgotten after the retention, unless they hold something", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  await worker.claimOne();
  await clock.advance(10);
  await ProtocolWorker.open(operations, "s3");
  expect((await operations.read.sessions()).map(({ id }) => id)).toEqual(["s3", "s2", "s1"]);
  expect((await operations.read.sessions())[0]).not.toHaveProperty("lastAnswer");
  await operations.closeSession("s2");
  await clock.advance(100_000);
  await operations.purge({ before: 100_000, limit: 10 });
  expect((await operations.read.sessions()).map(({ id }) => id)).toEqual(["s1"]);
});

test("a step's result is kept for the attempts to come, under the guard of the lease, and the first one wins", async () => {
  const { operations, worker, other, clock } = await setUp(startOf("a"));
  const { item } = await worker.claimOne();
  const memo = { runId: "a", item: 0, epoch: item.epoch, session: "s1", name: "charge", value: new Uint8Array([1]) };
  expect(await operations.putMemo(memo)).toBe(true);
  expect(await operations.putMemo({ ...memo, value: new Uint8Array([2]) })).toBe(true);
  expect(await operations.putMemo({ ...memo, epoch: 2 })).toBe(false);
  expect(await operations.putMemo({ ...memo, session: "s2" })).toBe(false);
  await clock.advance(30_000);
  const taken = await other.claimOne();
  expect([...taken.memos]).toEqual([["charge", new Uint8Array([1])]]);
  expect(await operations.putMemo(memo)).toBe(false);
  await operations.control([{ action: { kind: "cancel", runId: "a" } }]);
  expect(await operations.putMemo({ ...memo, epoch: 2, session: "s2" })).toBe(false);
});

test("an edited input begins without the step results of the old one", async () => {
  const { operations, worker } = await setUp(startOf("a"));
  const failure = { code: "ERROR", message: "no" };
  const claimed = await worker.claimOne();
  const memo = { runId: "a", item: 0, session: "s1", name: "charge", value: new Uint8Array([1]) };
  await operations.putMemo({ ...memo, epoch: 1 });
  await worker.finish(claimed, { kind: "fail", failure });
  await operations.control([{ action: { kind: "retryItem", runId: "a", item: 0 } }]);
  const same = await worker.claimOne();
  expect(same.memos.size).toBe(1);
  await worker.finish(same, { kind: "fail", failure });
  const input = new Uint8Array([9]);
  await operations.control([{ action: { kind: "retryItem", runId: "a", item: 0, input } }]);
  expect(await worker.claimOne()).toMatchObject({ memos: new Map(), input, item: { revision: 1 } });
});

test("items emitted while the worker was gone are not lost to it", async () => {
  const { operations, worker } = await setUp(startOf("a"));
  await worker.finish(await worker.claimOne(), emit([newItem("x", { delayMs: 5 }), "y"]));
  expect(await operations.read.backlog()).toEqual([
    { queue: "default", definition: expect.any(String), labels: [], ready: 1, oldestReadyAt: 1_000 },
  ]);
});
