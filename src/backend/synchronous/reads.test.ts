import { expect, test } from "vitest";
import {
  arrive,
  bytes,
  emit,
  joinOf,
  newItem,
  output,
  ProtocolWorker,
  publishDefinition,
  startOf,
  text,
} from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { WorkItemStatus } from "../../core/status.ts";
import type { Page, PageRequest, StartRun } from "../contract/run.ts";
import type { ItemFilter } from "../contract/work-item.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp(...starts: readonly StartRun[]) {
  const clock = manualClock(1_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  await operations.startRuns(starts);
  const worker = await ProtocolWorker.open(operations, "s1");
  return { clock, operations, worker, read: operations.read };
}

async function allOf<T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<readonly T[]> {
  const entries: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit, cursor });
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return entries;
}

/** One run that is open and one that was closed, each with an item in every state that a short life leads to. */
async function openAndClosed() {
  const world = await setUp(startOf("closed"), startOf("open"));
  const { worker, operations } = world;
  for (const first of await worker.claim())
    await worker.finish(first, emit(["done", "busy", newItem("later", { delayMs: 99 }), "ready"]));
  for (const claimed of await worker.claim()) {
    if (claimed.item.node === "done") await worker.finish(claimed, emit([]));
    if (claimed.item.node === "ready") await worker.finish(claimed, { kind: "release", delayMs: 0 });
  }
  await operations.control([{ action: { kind: "cancel", runId: "closed" } }]);
  return world;
}

test("an item of a closed run that was open reads as cancelled, alone and in lists", async () => {
  const { read } = await openAndClosed();
  const statuses = async (runId: string) =>
    (await read.items({ runId }, {})).entries.map((item) => `${item.node} ${item.status}`);
  expect(await statuses("closed")).toEqual([
    "first completed",
    "done completed",
    "busy cancelled",
    "later cancelled",
    "ready cancelled",
  ]);
  expect(await statuses("open")).toEqual([
    "first completed",
    "done completed",
    "busy in_progress",
    "later pending",
    "ready pending",
  ]);
  expect((await read.item("closed", 2))?.status).toBe("cancelled");
});

test.each<[ItemFilter, readonly string[]]>([
  [{ status: ["cancelled"] }, ["closed busy", "closed later", "closed ready"]],
  [{ status: ["pending"] }, ["open later", "open ready"]],
  [{ status: ["pending"], runId: "closed" }, []],
  [{ status: ["cancelled"], runId: "open" }, []],
  [
    { status: ["cancelled", "completed"], runId: "closed" },
    ["closed first", "closed done", "closed busy", "closed later", "closed ready"],
  ],
  [{ status: ["in_progress"], session: "s1" }, ["open busy"]],
  [{ status: ["cancelled", "in_progress"], node: "busy" }, ["closed busy", "open busy"]],
  [{ status: [] }, []],
  [{ runId: "nobody" }, []],
  [{ runId: "open", changedAfter: 1 }, ["open done", "open ready"]],
])("the filter %j finds by what an item reads as", async (filter, expected) => {
  const { read } = await openAndClosed();
  for (const limit of [1, 2, 100]) {
    const found = await allOf((page) => read.items(filter, page), limit);
    expect(found.map((item) => `${item.runId} ${item.node}`)).toEqual(expected);
  }
});

test("a filtered page looks through a bounded number of rows, and its cursor goes on from there", async () => {
  const starts = Array.from({ length: 400 }, (_, at) => startOf(`run-${String(at).padStart(3, "0")}`));
  const { operations, read } = await setUp(...starts);
  await operations.control([{ action: { kind: "cancel", runId: "run-399" } }]);
  const wanted: WorkItemStatus[] = ["cancelled"];
  expect(await read.items({ status: wanted }, { limit: 1 })).toEqual({ entries: [], cursor: expect.any(String) });
  expect((await allOf((page) => read.items({ status: wanted }, page), 3)).map((item) => item.runId)).toEqual([
    "run-399",
  ]);
});

test("runs are listed newest first, by every filter", async () => {
  const { operations, read, clock } = await setUp(startOf("a", { tags: { customer: "c_1", plan: "pro" } }));
  await clock.advance(10);
  await operations.startRuns([
    startOf("b", { idempotencyKey: "order-7", tags: { customer: "c%1" } }),
    startOf("c", { version: "2" }),
  ]);
  await operations.control([{ action: { kind: "pause", runId: "c" } }]);
  const list = async (filter: Parameters<typeof read.runs>[0]) =>
    (await allOf((page) => read.runs(filter, page), 1)).map(({ id }) => id);
  expect(await list({})).toEqual(["c", "b", "a"]);
  expect(await list({ status: ["running"] })).toEqual(["b", "a"]);
  expect(await list({ status: [] })).toEqual([]);
  expect(await list({ version: "2" })).toEqual(["c"]);
  expect(await list({ workflow: "orders", since: 1_010 })).toEqual(["c", "b"]);
  expect(await list({ until: 1_009 })).toEqual(["a"]);
  expect(await list({ tags: { customer: "c_1", plan: "pro" } })).toEqual(["a"]);
  expect(await list({ tags: { toString: "x" } })).toEqual([]);
  expect(await list({ search: "_1" })).toEqual(["a"]);
  expect(await list({ search: "%" })).toEqual(["b"]);
  expect(await list({ search: "order-" })).toEqual(["b"]);
});

test("arrivals and outputs come in branch order, whatever the order of commits", async () => {
  const { worker, read } = await setUp(startOf("run", { completion: "all" }));
  await worker.finish(await worker.claimOne(), emit(["x", "x", "x"], { opens: { joins: [joinOf("join")] } }));
  const items = await worker.claim();
  for (const claimed of items.toReversed())
    await worker.finish(claimed, arrive("join", "first", `"${claimed.item.index}"`));
  const arrived = await allOf((page) => read.arrivals("run", 0, "join", page), 1);
  expect(arrived.map(({ value }) => text(value))).toEqual(['"0"', '"1"', '"2"']);
  expect(await read.group("run", 0)).toMatchObject({ done: true, open: 0, arrived: { join: 3 } });
  const join = await worker.claimOne();
  expect(join.item).toMatchObject({ kind: "join", joins: 0, group: undefined });
  await worker.finish(join, emit(["y", "y"]));
  for (const claimed of (await worker.claim()).toReversed())
    await worker.finish(claimed, output(`"${claimed.item.index}"`));
  const outputs = await allOf((page) => read.outputs("run", page), 1);
  expect(outputs.map(({ value }) => text(value))).toEqual(['"0"', '"1"']);
});

test("a context's tail is the snapshot that helps and the deltas after it, up to the sequence asked for", async () => {
  const { operations, read } = await setUp(startOf("run"));
  for (let at = 1; at <= 5; at += 1) {
    await operations.control([{ action: { kind: "merge", runId: "run", delta: bytes(String(at)), writes: [] } }]);
  }
  const snapshot = { runId: "run", sequence: 3, shape: "s", bytes: bytes("folded") };
  await operations.putSnapshot(snapshot);
  await operations.putSnapshot({ ...snapshot, sequence: 2, bytes: bytes("older") });
  await operations.putSnapshot({ ...snapshot, sequence: 9, bytes: bytes("of the future") });
  await operations.putSnapshot({ ...snapshot, runId: "nobody" });
  const tail = async (range: Parameters<typeof read.contextTail>[1]) => {
    const found = await read.contextTail("run", range);
    return found && [found.sequence, text(found.snapshot?.bytes), found.deltas.map(({ sequence }) => sequence)];
  };
  expect(await tail({ after: 0 })).toEqual([5, undefined, [1, 2, 3, 4, 5]]);
  expect(await tail({ after: 0, shape: "s" })).toEqual([5, "folded", [4, 5]]);
  expect(await tail({ after: 0, shape: "other" })).toEqual([5, undefined, [1, 2, 3, 4, 5]]);
  expect(await tail({ after: 4, shape: "s" })).toEqual([5, undefined, [5]]);
  expect(await tail({ after: 0, upTo: 2, shape: "s" })).toEqual([2, undefined, [1, 2]]);
  expect(await tail({ after: 0, upTo: 99, shape: "s" })).toEqual([5, "folded", [4, 5]]);
  expect(await read.contextTail("nobody", { after: 0 })).toBeUndefined();
  expect((await allOf((page) => read.deltas("run", page), 2)).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
});

test("a long tail comes in parts of bounded size, each at least one delta", async () => {
  const { operations, read } = await setUp(startOf("run"));
  const delta = new Uint8Array(3_000_000);
  for (let at = 0; at < 2; at += 1)
    await operations.control([{ action: { kind: "merge", runId: "run", delta, writes: [] } }]);
  const first = await read.contextTail("run", { after: 0 });
  expect(first).toMatchObject({ sequence: 2, deltas: [{ sequence: 1 }] });
  expect((await read.deltas("run", {})).cursor).toBeDefined();
});

test("failures are listed oldest first, of one item, one run or all", async () => {
  const { worker, read, clock } = await setUp(startOf("b"), startOf("a"));
  const failure = { code: "ERROR", message: "no" };
  for (let round = 0; round < 2; round += 1) {
    for (const claimed of (await worker.claim()).toReversed())
      await worker.finish(claimed, { kind: "retry", delayMs: 1, failure });
    await clock.advance(1);
  }
  const list = async (filter: Parameters<typeof read.failures>[0]) =>
    (await allOf((page) => read.failures(filter, page), 1)).map(({ runId, attempt }) => `${runId} ${attempt}`);
  expect(await list({})).toEqual(["b 1", "a 1", "b 2", "a 2"]);
  expect(await list({ runId: "a" })).toEqual(["a 1", "a 2"]);
  expect(await list({ runId: "a", item: 1 })).toEqual([]);
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("a page of %d rows is refused", async (limit) => {
  const { read } = await setUp();
  await expect(read.runs({}, { limit })).rejects.toMatchObject({ code: "INVALID_VALUE" });
});

test("a page is never longer than 1,000 rows", async () => {
  const { read } = await setUp(...Array.from({ length: 1_001 }, (_, at) => startOf(`run-${at}`)));
  const page = await read.runs({}, { limit: 1e9 });
  expect(page.entries).toHaveLength(1_000);
  expect((await read.runs({}, { limit: 1e9, cursor: page.cursor })).entries).toHaveLength(1);
});

test("a cursor of another list, or one that was changed, is refused", async () => {
  const { read } = await setUp(startOf("a"), startOf("b"));
  const { cursor } = await read.runs({}, { limit: 1 });
  if (cursor === undefined) throw new Error("there is no cursor");
  const refused = { code: "INVALID_VALUE" };
  for (const changed of ["", "x", cursor.slice(0, -1), `${cursor}A`, `x${cursor.slice(1)}`, cursor.toUpperCase()]) {
    await expect(read.runs({}, { cursor: changed })).rejects.toMatchObject(refused);
  }
  await expect(read.items({}, { cursor })).rejects.toMatchObject(refused);
  await expect(read.deltas("a", { cursor })).rejects.toMatchObject(refused);
  await expect(read.failures({}, { cursor })).rejects.toMatchObject(refused);
});

test("what is unknown reads as absent", async () => {
  const { read } = await setUp();
  const absent = [read.run("x"), read.runState("x"), read.item("x", 0), read.itemPayload("x", 0), read.group("x", 0)];
  expect(await Promise.all([...absent, read.session("x"), read.definition("x")])).toEqual(
    Array.from({ length: 7 }, () => undefined),
  );
});

test("what a reader does with the bytes it got changes nothing", async () => {
  const { read } = await setUp(startOf("run", { input: bytes("1") }));
  (await read.run("run"))?.input.fill(0);
  (await read.itemPayload("run", 0))?.input?.fill(0);
  expect(text((await read.run("run"))?.input)).toBe("1");
  expect(text((await read.itemPayload("run", 0))?.input)).toBe("null");
});
