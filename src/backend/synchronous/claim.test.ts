import { expect, test } from "vitest";
import {
  DEFINITION,
  emit,
  newItem,
  output,
  ProtocolWorker,
  publishDefinition,
  startOf,
} from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { ClaimedItem } from "../contract/claim.ts";
import type { StartRun } from "../contract/run.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp(...starts: readonly StartRun[]) {
  const clock = manualClock(1_000_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  await publishDefinition(operations, "other", "2.0.0");
  await operations.startRuns(starts);
  const worker = await ProtocolWorker.open(operations, "s1");
  return { clock, operations, worker };
}

function runsOf(items: readonly ClaimedItem[]): readonly string[] {
  return items.map((item) => item.run.id);
}

test("a claim gets items of its queues, definitions and labels only", async () => {
  const { worker } = await setUp(
    startOf("plain"),
    startOf("queue", { first: newItem("first", { queue: "slow" }) }),
    startOf("label", { first: newItem("first", { labels: ["eu", "gpu"] }) }),
    startOf("version", { definition: "other" }),
  );
  expect(runsOf(await worker.claim())).toEqual(["plain"]);
  expect(await worker.claim({ labels: ["gpu"] })).toEqual([]);
  expect(runsOf(await worker.claim({ labels: ["gpu", "eu", "more"] }))).toEqual(["label"]);
  expect(runsOf(await worker.claim({ queues: ["slow"] }))).toEqual(["queue"]);
  const newer = await worker.claimOne({ definitions: ["other"] });
  expect(newer.run).toMatchObject({ id: "version", version: "2.0.0", definition: "other" });
  expect(
    await worker.claim({ queues: ["slow", "default"], definitions: [DEFINITION, "other"], labels: ["gpu", "eu"] }),
  ).toEqual([]);
});

test("items come by rank over all lanes: priority first, but age wins in the end", async () => {
  const { operations, worker, clock } = await setUp(startOf("old"));
  await clock.advance(10_001);
  await operations.startRuns([
    startOf("young"),
    startOf("urgent", { first: newItem("first", { priority: 2, queue: "slow" }) }),
    startOf("soon", { first: newItem("first", { priority: 1 }) }),
  ]);
  expect(runsOf(await worker.claim({ queues: ["default", "slow"] }))).toEqual(["urgent", "old", "soon", "young"]);
});

test("at most as many items as asked for are claimed, and none twice", async () => {
  const { operations, worker } = await setUp(...Array.from({ length: 9 }, (_, at) => startOf(`run-${at}`)));
  const other = await ProtocolWorker.open(operations, "s2");
  const taken = [
    ...(await worker.claim({ limit: 4 })),
    ...(await other.claim({ limit: 4 })),
    ...(await worker.claim({ limit: 4 })),
  ];
  expect(new Set(runsOf(taken)).size).toBe(9);
  expect(await other.claim({ limit: 0 })).toEqual([]);
});

test("a delayed item is claimed when its time has come, not before, and the answer says when", async () => {
  const { worker, clock } = await setUp(startOf("run", { first: newItem("first", { delayMs: 500 }) }));
  const empty = await worker.exchange([], {});
  expect(empty).toMatchObject({ items: [], nextDueAt: 1_000_500 });
  await clock.advance(499);
  expect(await worker.claim()).toEqual([]);
  await clock.advance(1);
  expect(await worker.claimOne()).toMatchObject({ reason: "ready", item: { waitedMs: 0 } });
});

test("a run starts at the later of its start time and the delay of its first item", async () => {
  const { worker, clock } = await setUp(
    startOf("run", { startAt: 1_000_800, first: newItem("first", { delayMs: 500 }) }),
  );
  await clock.advance(500);
  expect(await worker.claim()).toEqual([]);
  await clock.advance(300);
  expect(runsOf(await worker.claim())).toEqual(["run"]);
});

test("an attempt past its timeout goes to whoever claims next, with the reason, once", async () => {
  const { operations, worker, clock } = await setUp(startOf("run", { first: newItem("first", { timeoutMs: 100 }) }));
  const first = await worker.claimOne();
  const other = await ProtocolWorker.open(operations, "s2");
  expect((await other.exchange([], {})).nextDueAt).toBe(1_000_100);
  await clock.advance(100);
  const late = await other.claimOne();
  expect(late).toMatchObject({ reason: "timeout", item: { epoch: 2, stalls: 0 } });
  expect(await worker.claim()).toEqual([]);
  expect(await worker.finish(first, output("1"))).toMatchObject({ code: "STALE_LEASE" });
  expect(
    await other.finish(late, { kind: "retry", delayMs: 0, failure: { code: "TIMEOUT", message: "late" } }),
  ).toMatchObject({
    kind: "committed",
  });
  expect(await worker.claimOne()).toMatchObject({ reason: "ready", item: { attempts: 1 } });
});

test("an item past its deadline is handed out for that, also while it waits for a retry", async () => {
  const { worker, clock } = await setUp(startOf("run", { first: newItem("first", { deadlineMs: 100 }) }));
  await worker.finish(await worker.claimOne(), {
    kind: "retry",
    delayMs: 9_000,
    failure: { code: "ERROR", message: "no" },
  });
  expect((await worker.exchange([], {})).nextDueAt).toBe(1_000_100);
  await clock.advance(100);
  expect(await worker.claimOne()).toMatchObject({ reason: "deadline" });
  expect(await worker.claim()).toEqual([]);
});

test("items of a vanished session are taken over after its lease, each recorded as a stall of its worker", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"), startOf("b"));
  await worker.claim();
  const other = await ProtocolWorker.open(operations, "s2", 600_000);
  await clock.advance(29_999);
  expect(await other.claim()).toEqual([]);
  await clock.advance(1);
  for (const run of ["a", "b"]) {
    const taken = await other.claim();
    expect(taken).toMatchObject([{ run: { id: run }, reason: "ready", item: { epoch: 2, stalls: 1, attempts: 0 } }]);
  }
  expect((await operations.read.failures({ runId: "a" }, {})).entries).toMatchObject([
    { attempt: 1, epoch: 1, outcome: "stalled", workerId: "worker-s1", failure: { code: "STALLED" } },
  ]);
});

test("expiries younger than the grace are left to their owners, and the claimer is told to come back", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  await worker.claim();
  const other = await ProtocolWorker.open(operations, "s2", 600_000);
  await clock.advance(30_000);
  const answer = await other.exchange([], { graceMs: 5_000 });
  expect(answer.items).toEqual([]);
  expect(answer.nextDueAt).toBeGreaterThan(answer.now);
  await clock.advance(5_000);
  expect(runsOf(await other.claim({ graceMs: 5_000 }))).toEqual(["a"]);
});

test("what has stalled before is taken one at a time, ahead of the rest, until it fails as stalled", async () => {
  const { operations, clock } = await setUp(startOf("a-poison"), startOf("b"), startOf("c"));
  const crash = async (session: string) => {
    const worker = await ProtocolWorker.open(operations, session);
    const items = await worker.claim();
    await clock.advance(30_000);
    return items;
  };
  const stallsOf = (items: readonly ClaimedItem[]) => items.map(({ run, item }) => [run.id, item.stalls]);
  expect(stallsOf(await crash("w1"))).toEqual([
    ["a-poison", 0],
    ["b", 0],
    ["c", 0],
  ]);
  // Already the first takeover: whoever shared a worker with the poison never does again.
  expect(stallsOf(await crash("w2"))).toEqual([["a-poison", 1]]);
  await operations.startRuns([startOf("fresh")]);
  expect(stallsOf(await crash("w3"))).toEqual([
    ["a-poison", 2],
    ["fresh", 0],
  ]);
  const fourth = await ProtocolWorker.open(operations, "w4");
  expect(await fourth.claim({ stalledLimit: 0 })).toEqual([]);
  const seen: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const claimed = await fourth.claimOne();
    seen.push(`${claimed.run.id} ${claimed.reason} ${claimed.item.stalls}`);
    await fourth.finish(claimed, output("1"));
  }
  expect(seen).toEqual(["a-poison stalled 3", "b ready 1", "c ready 1", "fresh ready 1"]);
});

test("nothing of a paused or closed run is claimed; after the resume all of it is", async () => {
  const { operations, worker } = await setUp(startOf("a"), startOf("b"));
  await worker.finish((await worker.claim({ limit: 1 }))[0] ?? never(), emit(["x", newItem("y", { delayMs: 50 })]));
  await operations.control([{ action: { kind: "pause", runId: "a" } }, { action: { kind: "cancel", runId: "b" } }]);
  expect(await worker.claim()).toEqual([]);
  expect(await operations.read.backlog()).toEqual([]);
  await operations.control([{ action: { kind: "resume", runId: "a" } }, { action: { kind: "resume", runId: "b" } }]);
  const items = await worker.claim();
  expect(items.map((claimed) => `${claimed.run.id} ${claimed.item.node}`)).toEqual(["a x", "b first"]);
});

test("a thousand items of a paused run stand in nobody's way", async () => {
  const { operations, worker } = await setUp(startOf("wide"));
  await worker.finish(await worker.claimOne(), emit(Array.from({ length: 3_000 }, () => "x")));
  await operations.control([{ action: { kind: "pause", runId: "wide" } }]);
  await operations.startRuns([startOf("small")]);
  const answers = [await worker.exchange([], {}), await worker.exchange([], {}), await worker.exchange([], {})];
  expect(answers[0]?.nextDueAt).toBe(answers[0]?.now);
  expect(runsOf(answers.flatMap((answer) => answer.items))).toEqual(["small"]);
  await operations.control([{ action: { kind: "resume", runId: "wide" } }]);
  expect(await worker.claim({ limit: 256 })).toHaveLength(256);
});

test("of what is ready, a claim leaves runs that a living session has just served to it, while there is other work", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"), startOf("b"), startOf("c"));
  const other = await ProtocolWorker.open(operations, "s2");
  await worker.finish((await worker.claim({ limit: 1 }))[0] ?? never(), emit(["x"]));
  expect(runsOf(await other.claim({ limit: 2 }))).toEqual(["b", "c"]);
  expect(runsOf(await other.claim({ limit: 1 }))).toEqual(["a"]);
  await clock.advance(1_000);
});

test("an item is not left to a busy session for longer than a moment, nor to one that has signed off", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"), startOf("b"));
  const other = await ProtocolWorker.open(operations, "s2");
  const finishOne = async () => worker.finish((await worker.claim({ limit: 1 }))[0] ?? never(), emit(["x"]));
  await finishOne();
  await clock.advance(1_000);
  await operations.startRuns([startOf("c")]);
  expect(runsOf(await other.claim({ limit: 2 }))).toEqual(["a", "b"]);
  await worker.finish((await worker.claim({ limit: 1 }))[0] ?? never(), emit(["x"]));
  await operations.startRuns([startOf("d")]);
  await operations.closeSession("s1");
  expect(runsOf(await other.claim({ limit: 1 }))).toEqual(["c"]);
});

test("an item is not left to a session whose lease has ended", async () => {
  const { operations, clock } = await setUp(startOf("a"));
  const brief = await ProtocolWorker.open(operations, "brief", 100);
  await brief.finish(await brief.claimOne(), emit(["x"]));
  await clock.advance(100);
  await operations.startRuns([startOf("b")]);
  const other = await ProtocolWorker.open(operations, "s2");
  expect(runsOf(await other.claim({ limit: 1, graceMs: 60_000 }))).toEqual(["a"]);
});

test("the answer tells the earliest of delays, timeouts of attempts and of runs, and leases of others", async () => {
  const { operations, worker } = await setUp();
  expect((await worker.exchange([], {})).nextDueAt).toBeUndefined();
  await operations.startRuns([startOf("run", { timeoutMs: 70_000, first: newItem("first", { timeoutMs: 60_000 }) })]);
  await worker.claimOne();
  const other = await ProtocolWorker.open(operations, "s2");
  expect((await other.exchange([], {})).nextDueAt).toBe(1_030_000);
  await operations.renew({ session: "s1" });
});

test("a run past its own timeout fails, whoever asks for work", async () => {
  const { operations, worker, clock } = await setUp(startOf("run", { timeoutMs: 500 }));
  const claimed = await worker.claimOne();
  await clock.advance(500);
  expect(await worker.claim()).toEqual([]);
  expect(await operations.read.run("run")).toMatchObject({
    status: "failed",
    failure: { code: "TIMEOUT" },
    generation: 1,
  });
  expect(await worker.finish(claimed, output("1"))).toMatchObject({ code: "RUN_CLOSED" });
});

test("a paused run does not time out before it is resumed, and then at once", async () => {
  const { operations, worker, clock } = await setUp(startOf("run", { timeoutMs: 500 }));
  await operations.control([{ action: { kind: "pause", runId: "run" } }]);
  await clock.advance(10_000);
  await worker.claim();
  expect(await operations.read.runState("run")).toMatchObject({ status: "paused" });
  await operations.control([{ action: { kind: "resume", runId: "run" } }]);
  expect(await worker.claim()).toEqual([]);
  expect(await operations.read.runState("run")).toMatchObject({ status: "failed" });
});

test("a clock that goes back makes nothing claimable early and loses nothing", async () => {
  const { worker, clock } = await setUp(startOf("run"));
  clock.jump(-5_000);
  expect(await worker.claim()).toEqual([]);
  await clock.advance(5_000);
  expect(runsOf(await worker.claim())).toEqual(["run"]);
});

function never(): never {
  throw new Error("there is nothing to claim");
}
