import { expect, test } from "vitest";
import {
  bytes,
  commitOf,
  emit,
  newItem,
  output,
  ProtocolWorker,
  publishDefinition,
  startOf,
} from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { StartRun } from "../contract/run.ts";
import { memoryOperations } from "../memory/index.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { synchronousOperations } from "./operations.ts";

const failure = { code: "ERROR", message: "no" };

async function setUp(...starts: readonly StartRun[]) {
  const clock = manualClock(1_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  await operations.startRuns(starts);
  const worker = await ProtocolWorker.open(operations, "s1");
  return { clock, operations, worker };
}

const three = [startOf("a"), startOf("b"), startOf("c")];

test("a request that is sent again has no second effect and gets the same answer, claimed items included", async () => {
  const { operations, worker, clock } = await setUp(...three);
  const claimed = await worker.claim({ limit: 2 });
  const commits = claimed.map((item) => commitOf(item, emit(["next"]), { delta: bytes("[]"), writes: [0] }));
  const first = await worker.exchange(commits, { limit: 2 });
  const before = await operations.read.run("a");
  await clock.advance(10);
  expect(await worker.send(worker.request, commits, { limit: 2 })).toEqual(first);
  expect(await operations.read.run("a")).toEqual(before);
  expect(first.items).toHaveLength(2);
});

test("the answer sent again is that of the first time also after the items went on elsewhere", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  const first = await worker.exchange([], { limit: 1 });
  await clock.advance(30_001);
  const other = await ProtocolWorker.open(operations, "s2");
  expect(await other.claimOne()).toMatchObject({ item: { epoch: 2 } });
  const again = await worker.send(worker.request, [], { limit: 1 });
  expect(again.items).toMatchObject([{ item: { epoch: 1, session: "s1", status: "in_progress" }, reason: "ready" }]);
  expect(again.items[0]?.run).toEqual(first.items[0]?.run);
});

test("the same number with other content, and a lower one, are conflicts and change nothing", async () => {
  const { operations, worker } = await setUp(...three);
  const [first] = await worker.claim({ limit: 1 });
  if (first === undefined) throw new Error("nothing was claimed");
  const commit = commitOf(first, output("1"));
  await expect(worker.send(1, [commit])).rejects.toMatchObject({ code: "COMMIT_CONFLICT" });
  await worker.exchange([]);
  await expect(worker.send(1, [commit])).rejects.toMatchObject({ code: "COMMIT_CONFLICT" });
  expect(await operations.read.runState(first.run.id)).toMatchObject({ status: "running", commits: 0 });
});

test("a session that is unknown or has signed off can do nothing", async () => {
  const { operations, worker } = await setUp(startOf("a"));
  await expect(new ProtocolWorker(operations, "nobody").claim()).rejects.toMatchObject({ code: "CLOSED" });
  await operations.closeSession("s1");
  await expect(worker.claim()).rejects.toMatchObject({ code: "CLOSED" });
});

test("each request extends the leases of its session", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  await clock.advance(29_000);
  await worker.exchange([]);
  expect(await operations.read.session("s1")).toMatchObject({ until: 60_000, heartbeatAt: 30_000 });
});

test("a refused commit does not disturb the others, except those that build on it", async () => {
  const { operations, worker } = await setUp(startOf("a", { first: newItem("first") }), startOf("b"));
  await worker.finish((await worker.claim({ limit: 1 }))[0] ?? never(), emit(["x", "y", "z"]));
  const items = await worker.claim();
  const [other, x, y, z] = [...items].sort((a, b) => Number(b.run.id === "b") - Number(a.run.id === "b"));
  if (other === undefined || x === undefined || y === undefined || z === undefined)
    throw new Error("four items are open");
  const stale = { ...x, item: { ...x.item, epoch: 9 } };
  const { answers } = await worker.exchange([
    commitOf(stale, output("1")),
    commitOf(y, output("1"), { after: [0] }),
    commitOf(other, output("1")),
    commitOf(z, emit([])),
  ]);
  expect(answers.map((answer) => (answer.kind === "refused" ? answer.code : answer.kind))).toEqual([
    "STALE_LEASE",
    "CONTEXT_CONFLICT",
    "committed",
    "committed",
  ]);
  expect(await operations.read.runState("a")).toMatchObject({ open: 2, completed: 2, outputs: 0 });
});

test("commits of one batch that read what the one before wrote are accepted when they say so, and refused otherwise", async () => {
  const { worker } = await setUp(startOf("a"));
  await worker.finish(await worker.claimOne(), emit(["x", "y", "z"]));
  const [x, y, z] = await worker.claim();
  if (x === undefined || y === undefined || z === undefined) throw new Error("three items are open");
  const conditional = { delta: bytes("[]"), reads: [0], writes: [0] };
  const { answers } = await worker.exchange([
    commitOf(x, emit([]), conditional),
    commitOf(y, emit([]), { ...conditional, after: [0] }),
    commitOf(z, emit([]), conditional),
  ]);
  expect(answers).toMatchObject([
    { kind: "committed", sequence: 1, appended: true },
    { kind: "committed", sequence: 2, appended: true },
    { kind: "refused", code: "CONTEXT_CONFLICT", sequence: 2 },
  ]);
});

test("metrics, log lines and failures of an attempt come with its commit", async () => {
  const { operations, worker, clock } = await setUp(startOf("a"));
  const line = { at: 1_000, level: "info", message: "hello" } as const;
  const metrics = [{ name: "size", value: 3 }];
  await worker.finish(await worker.claimOne(), { kind: "retry", delayMs: 5, failure }, { metrics, logs: [line] });
  await clock.advance(5);
  await worker.finish(await worker.claimOne(), output("1"), { metrics, logs: [line] });
  const { failures, logs, metrics: kept } = operations.read;
  expect((await failures({ runId: "a" }, {})).entries).toMatchObject([
    { attempt: 1, outcome: "retried", workerId: "worker-s1", failure },
  ]);
  expect((await logs({ runId: "a" }, {})).entries).toMatchObject([
    { ...line, attempt: 1 },
    { ...line, attempt: 2 },
  ]);
  expect((await kept("a", {})).entries).toMatchObject([{ item: 0, name: "size", value: 3, at: 1_005 }]);
});

test("when writing fails in the middle of a request, nothing of the request stays", async () => {
  const { store, executor } = createMemoryStore();
  let full = false;
  const operations: BackendOperations = synchronousOperations({
    kind: "memory",
    location: "memory:",
    namespace: "default",
    capabilities: { durability: "none", shared: false, pushWakeups: true, renewal: "main" },
    store: {
      ...store,
      insertDelta(runId, delta) {
        if (full) throw new Error("no space left");
        store.insertDelta(runId, delta);
      },
    },
    executor,
    clock: manualClock(1_000),
  });
  await publishDefinition(operations);
  await operations.startRuns(three);
  const worker = await ProtocolWorker.open(operations, "s1");
  const commits = (await worker.claim()).map((item) => commitOf(item, emit(["next"]), { delta: bytes("[]") }));
  const before = await operations.read.items({}, {});
  full = true;
  await expect(worker.exchange(commits)).rejects.toThrow("no space left");
  expect(await operations.read.items({}, {})).toEqual(before);
  expect(await operations.read.backlog()).toEqual([]);
  full = false;
  expect((await worker.send(worker.request, commits)).answers).toMatchObject(
    commits.map(() => ({ kind: "committed" })),
  );
});

test("a request may carry 256 commits and 4 MiB, or one commit of any size", async () => {
  const { worker } = await setUp(startOf("a"));
  const first = await worker.claimOne();
  const large = commitOf(first, output("x".repeat(2_200_000)));
  await expect(worker.exchange([large, large])).rejects.toMatchObject({ code: "INVALID_VALUE" });
  const small = commitOf(first, output("1"));
  await expect(worker.exchange(Array.from({ length: 257 }, () => small))).rejects.toMatchObject({
    code: "INVALID_VALUE",
  });
  expect(await worker.commit(commitOf(first, output("x".repeat(4_300_000))))).toMatchObject({ kind: "committed" });
});

test.each([
  ["an emission into the past", emit([newItem("next", { delayMs: -1 })]), {}],
  ["a delay that is no number", { kind: "retry", delayMs: Number.NaN, failure } as const, {}],
  ["a field beyond all fields", output("1"), { writes: [1e9] }],
  ["a commit that builds on a later one", output("1"), { after: [0] }],
])("%s is refused before anything is read", async (_, outcome, fields) => {
  const { operations, worker } = await setUp(startOf("a"));
  const first = await worker.claimOne();
  await expect(worker.finish(first, outcome, fields)).rejects.toMatchObject({ code: "INVALID_VALUE" });
  expect(await operations.read.runState("a")).toMatchObject({ commits: 0 });
});

function never(): never {
  throw new Error("there is nothing to claim");
}
