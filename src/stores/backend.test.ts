import { describe, expect, test } from "vitest";
import { memoryOperations } from "../backend/memory/index.ts";
import { canonicalJson } from "../core/digest.ts";
import { isMillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { join } from "../definition/join.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next, nextAll } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { defineBackend } from "./backend.ts";

const Shared = context({
  status: field.register("new"),
  count: field.counter(1),
  log: field.eventLog<string>(),
});

const split = node({ input: unchecked<number[]>(), run: ({ input }) => nextAll(input) });
const work = node({ input: unchecked<number>(), retry: false, run: ({ input }) => next(input) });
const guarded = node({ input: unchecked<number>(), queue: "slow", labels: ["gpu"], run: ({ input }) => next(input) });
const rescue = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const total = join({ of: "split", input: unchecked<number>(), run: ({ inputs }) => next(inputs.length) });

const sums = workflow({
  name: "sums",
  version: "1.0.0",
  context: Shared,
  maxItems: 8,
  nodes: { split, work, guarded, rescue, total },
  start: "split",
  edges: {
    split: ["work", "guarded"],
    work: { to: "total", onFailure: "rescue" },
    guarded: {
      to: [{ name: "large", when: (value: number) => value > 5, to: "total" }, { to: "total" }],
      onFailure: "rescue",
    },
    rescue: "total",
    total: [],
  },
});

async function setUp() {
  const clock = manualClock(1_000_000);
  const operations = memoryOperations({ clock });
  const { hash, name, version, definition } = sums;
  await operations.publish([{ hash, name, version, json: canonicalJson(definition) }], { replace: false });
  return { clock, operations, backend: defineBackend(operations) };
}

type SetUp = Awaited<ReturnType<typeof setUp>>;

async function take({ backend }: SetUp, options: Parameters<typeof backend.queue.dequeue>[0] = {}) {
  const item = await backend.queue.dequeue(options);
  if (item === undefined) throw new Error("there is nothing to take");
  return item;
}

async function code(promise: Promise<unknown>): Promise<string> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return isMillraceError(thrown) ? thrown.code : `no error of the engine: ${String(thrown)}`;
}

describe("the queue", () => {
  test("a run is worked through by hand, along its edges and through its join", async () => {
    const engine = await setUp();
    const { runs } = engine.backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [1] });
    await (await take(engine)).complete(7);
    const worked = await take(engine, { queues: ["default"] });
    expect([worked.node, worked.input, worked.attempt]).toEqual(["work", 7, 1]);
    await worked.complete(8);
    await (await take(engine, { queues: ["slow"] })).fail("no guard here");
    await (await take(engine)).complete(9);
    const joined = await take(engine);
    expect([joined.node, joined.input]).toEqual(["total", [8, 9]]);
    await joined.complete(17);
    expect(await runs.getRun(id)).toMatchObject({ status: "completed", output: 17 });
  });

  test("where a guard decides, only code can complete the item", async () => {
    const engine = await setUp();
    const { id } = await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    await (await take(engine)).complete(7);
    const slow = await take(engine, { queues: ["slow"] });
    expect(await code(slow.complete(9))).toBe("ILLEGAL_TRANSITION");
    await slow.release({ delay: "1m" });
    expect(await engine.backend.queue.dequeue({ queues: ["slow"] })).toBeUndefined();
    const { entries } = await engine.backend.queue.pendingWork(id);
    expect(entries.map(({ node: name, readyAt }) => [name, readyAt])).toEqual([
      ["work", 1_000_000],
      ["guarded", 1_060_000],
    ]);
  });

  test("a failed item goes to its failure edge with its input", async () => {
    const engine = await setUp();
    await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    await (await take(engine)).complete(7);
    await (await take(engine, { queues: ["default"] })).fail(new Error("x"));
    const rescued = await take(engine, { queues: ["default"] });
    expect([rescued.node, rescued.input]).toEqual(["rescue", 7]);
  });

  test("a retry is made after its delay, with the same idempotency key and the next attempt", async () => {
    const engine = await setUp();
    await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    const first = await take(engine);
    await first.retry("later", { delay: "5s" });
    expect(await engine.backend.queue.dequeue()).toBeUndefined();
    await engine.clock.advance(5_000);
    const second = await take(engine);
    expect([second.attempt, second.idempotencyKey]).toEqual([2, first.idempotencyKey]);
  });

  test("a lease that ran out is lost to the next taker, one that is renewed is kept", async () => {
    const engine = await setUp();
    await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    const first = await take(engine, { lease: "10s" });
    await engine.clock.advance(9_000);
    expect(await first.renew()).toBe(true);
    await engine.clock.advance(9_000);
    expect(await engine.backend.queue.dequeue()).toBeUndefined();
    await engine.clock.advance(1_000);
    const second = await take(engine);
    expect(second.itemId).toBe(first.itemId);
    expect(await code(first.complete(1))).toBe("STALE_LEASE");
    await second.complete(1);
  });

  test("a handle ends its item once, and gives it back when it is disposed of", async () => {
    const engine = await setUp();
    await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    {
      await using item = await take(engine);
      expect(item.node).toBe("split");
    }
    const item = await take(engine);
    await item.complete(1);
    expect(await code(item.complete(1))).toBe("ILLEGAL_TRANSITION");
  });

  test("labels and queues that nobody asks for are left alone", async () => {
    const engine = await setUp();
    await engine.backend.runs.insertRun({ workflow: "sums", input: [1] });
    await (await take(engine)).complete(7);
    expect(await engine.backend.queue.dequeue({ queues: ["slow"], labels: [] })).toBeUndefined();
    expect(await engine.backend.queue.dequeue({ workflow: "others" })).toBeUndefined();
    expect((await take(engine, { queues: ["slow"], labels: ["gpu", "big"] })).node).toBe("guarded");
  });

  test("asking an empty queue again and again opens one session", async () => {
    const engine = await setUp();
    for (let asked = 0; asked < 5; asked += 1) expect(await engine.backend.queue.dequeue()).toBeUndefined();
    expect(await engine.operations.read.sessions()).toHaveLength(1);
  });

  test("an item is put into an open run, and refused where it cannot be", async () => {
    const engine = await setUp();
    const { runs, queue } = engine.backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [1], priority: 2 });
    const itemId = await queue.enqueue(id, "work", 5, { priority: 3 });
    expect(itemId).toBe(`${id}.1`);
    expect((await queue.pendingWork(id)).entries.map(({ priority }) => priority)).toEqual([2, 5]);
    expect(await code(queue.enqueue(id, "nowhere", 5))).toBe("INVALID_VALUE");
    expect(await code(queue.enqueue(id, "total", 5))).toBe("INVALID_VALUE");
    expect(await code(queue.enqueue(id, "work", Number.NaN))).toBe("INVALID_INPUT");
    expect(await code(queue.enqueue("nope", "work", 5))).toBe("RUN_NOT_FOUND");
    for (let more = 0; more < 6; more += 1) await queue.enqueue(id, "work", more);
    expect(await code(queue.enqueue(id, "work", 5))).toBe("TOO_MANY_ITEMS");
    await queue.purgeRun(id);
    await queue.purgeRun(id);
    expect(await code(queue.enqueue(id, "work", 5))).toBe("RUN_CLOSED");
    expect((await queue.pendingWork(id)).entries).toEqual([]);
    expect(await queue.dequeue()).toBeUndefined();
  });
});

describe("the runs", () => {
  test("a status changes by the action that it stands for", async () => {
    const { backend } = await setUp();
    const { runs } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", version: "1.0.0", input: [] });
    for (const status of ["paused", "running", "running", "cancelled"] as const) {
      await runs.updateStatus(id, status);
      expect((await runs.getRun(id))?.status).toBe(status);
    }
    const failed = await runs.insertRun({ workflow: "sums", input: [] });
    await runs.updateStatus(failed.id, "failed", { reason: "no power" });
    expect((await runs.getRun(failed.id))?.failure).toMatchObject({ code: "ERROR", message: "no power" });
    const done = await runs.insertRun({ workflow: "sums", input: [] });
    await runs.updateStatus(done.id, "completed", { output: 1 });
    expect(await runs.getRun(done.id)).toMatchObject({ status: "completed", output: 1 });
  });

  test("what no action stands for is refused, whatever state the run is in", async () => {
    const { backend } = await setUp();
    const { runs } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [] });
    for (const status of ["waiting", "compensating", "completed"] as const) {
      expect(await code(runs.updateStatus(id, status))).toBe("ILLEGAL_TRANSITION");
    }
    await runs.updateStatus(id, "cancelled");
    for (const status of ["running", "paused", "failed", "completed"] as const) {
      expect(await code(runs.updateStatus(id, status, { output: 1 }))).toBe("ILLEGAL_TRANSITION");
    }
    expect(await code(runs.updateStatus("nope", "paused"))).toBe("RUN_NOT_FOUND");
    expect(await code(runs.insertRun({ workflow: "sums", version: "9", input: [] }))).toBe("UNKNOWN_WORKFLOW");
  });

  test("an output completes an open run, and a second one is refused", async () => {
    const { backend } = await setUp();
    const { runs } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [] });
    await runs.updateOutput(id, { sum: 1 });
    await runs.updateOutput(id, { sum: 1 });
    expect(await runs.getRun(id)).toMatchObject({ status: "completed", output: { sum: 1 }, finishedAt: 1_000_000 });
    expect(await code(runs.updateOutput(id, { sum: 2 }))).toBe("ILLEGAL_TRANSITION");
    await runs.updateFinishedAt(id, 1_000_000);
    expect(await code(runs.updateFinishedAt(id, 5))).toBe("ILLEGAL_TRANSITION");
    const other = await runs.insertRun({ workflow: "sums", input: [] });
    await runs.updateStatus(other.id, "cancelled");
    expect(await code(runs.updateOutput(other.id, 1))).toBe("ILLEGAL_TRANSITION");
    expect(await code(runs.updateOutput(id, undefined))).toBe("INVALID_OUTPUT");
  });
});

describe("the contexts", () => {
  test("changes from outside are merged in order, and any earlier state can be read", async () => {
    const { backend, clock } = await setUp();
    const { runs, contexts } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [] });
    await contexts.merge(id, Shared, ({ count, log }) => {
      count.add(4);
      log.append("a");
    });
    await clock.advance(5);
    await contexts.merge(id, Shared, ({ log, status }) => {
      log.append("b");
      status.set("busy");
    });
    await contexts.merge(id, Shared, () => undefined);
    const view = await contexts.get(id, Shared);
    expect([view?.count.value, view?.log.events, view?.status.value, view?.sequence]).toEqual([
      5,
      ["a", "b"],
      "busy",
      2,
    ]);
    expect((await contexts.get(id, Shared, { at: 1 }))?.log.events).toEqual(["a"]);
    expect([...(view?.log ?? [])].map(({ at }) => at)).toEqual([1_000_000, 1_000_005]);
  });

  test("set replaces the whole document, delete empties it, and merge then acts as set", async () => {
    const { backend } = await setUp();
    const { runs, contexts } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [] });
    await contexts.merge(id, Shared, ({ count, log }) => {
      count.add(4);
      log.append("a");
    });
    await contexts.set(id, Shared, { status: "set" });
    const shown = async () => (await contexts.get(id, Shared))?.toJSON();
    expect(await shown()).toMatchObject({ status: "set", count: 1, log: [] });
    await contexts.delete(id, Shared);
    expect(await shown()).toMatchObject({ status: "new", count: 1, log: [] });
    await contexts.merge(id, Shared, ({ count }) => count.add(1));
    expect(await shown()).toMatchObject({ count: 2 });
  });

  test("an update is refused, since it could lose another's change; so is a change of a closed run", async () => {
    const { backend } = await setUp();
    const { runs, contexts } = backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [] });
    const update = contexts.merge(id, Shared, ({ status }) => status.update((value) => `${value}!`));
    expect(await code(update)).toBe("ILLEGAL_TRANSITION");
    await runs.updateStatus(id, "cancelled");
    expect(await code(contexts.merge(id, Shared, ({ count }) => count.add(1)))).toBe("RUN_CLOSED");
    expect(await code(contexts.merge("nope", Shared, ({ count }) => count.add(1)))).toBe("RUN_NOT_FOUND");
    expect(await code(contexts.set("nope", Shared, {}))).toBe("RUN_NOT_FOUND");
    expect(await contexts.get("nope", Shared)).toBeUndefined();
  });
});

describe("work items, errors, metrics", () => {
  test("an item that failed for good becomes pending again; other moves belong to its holder", async () => {
    const engine = await setUp();
    const { runs, workItems } = engine.backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [1] });
    const itemId = `${id}.0`;
    await workItems.setStatus(itemId, "pending");
    for (const status of ["in_progress", "cancelled", "completed", "waiting_retry"] as const) {
      expect(await code(workItems.setStatus(itemId, status))).toBe("ILLEGAL_TRANSITION");
    }
    await (await take(engine)).fail("x");
    expect(await workItems.getStatus(itemId)).toBe("permanently_failed");
    await workItems.setStatus(itemId, "pending");
    expect((await runs.getRun(id))?.status).toBe("running");
    expect((await workItems.getAll(id)).entries).toMatchObject([{ id: itemId, status: "pending", attempts: 0 }]);
  });

  test("attempts are counted only while nobody executes the item", async () => {
    const engine = await setUp();
    const { runs, workItems } = engine.backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [1] });
    const itemId = `${id}.0`;
    expect(await workItems.incrementAttempts(itemId)).toBe(1);
    expect(await workItems.incrementAttempts(itemId)).toBe(2);
    await workItems.resetAttempts(itemId);
    expect(await workItems.getAttempts(itemId)).toBe(0);
    await take(engine);
    expect(await code(workItems.incrementAttempts(itemId))).toBe("ILLEGAL_TRANSITION");
    expect(await code(workItems.getStatus(`${id}.99`))).toBe("ITEM_NOT_FOUND");
    expect(await code(workItems.getStatus("nope.0"))).toBe("RUN_NOT_FOUND");
    expect(await code(workItems.getStatus("nope"))).toBe("INVALID_VALUE");
  });

  test("failures are listed, and taken from commits alone", async () => {
    const engine = await setUp();
    const { runs, errors, metrics } = engine.backend;
    const { id } = await runs.insertRun({ workflow: "sums", input: [1] });
    await (await take(engine)).retry(new RangeError("too far"));
    const { entries } = await errors.getErrors(id, { itemId: `${id}.0` });
    expect(entries).toMatchObject([{ message: "too far", attempt: 1, outcome: "retried", node: "split" }]);
    expect(await code(errors.getErrors(id, { itemId: "other.0" }))).toBe("INVALID_VALUE");
    expect(await code(errors.recordError(id, { code: "X", message: "x" }))).toBe("ILLEGAL_TRANSITION");
    const counters = await metrics.getMetrics(id);
    expect(counters).toEqual({ total: 1, completed: 0, failed: 0, retried: 1, conflicts: 0 });
    await metrics.updateMetrics(id, counters);
    expect(await code(metrics.updateMetrics(id, { ...counters, completed: 9 }))).toBe("ILLEGAL_TRANSITION");
  });

  test("heartbeats and health are kept by worker", async () => {
    const { backend, operations, clock } = await setUp();
    const { liveness } = backend;
    expect(await liveness.getHeartbeat("w")).toBeUndefined();
    expect(await liveness.updateHeartbeat("w")).toBe(1_000_000);
    await clock.advance(500);
    const health = { status: "in_progress", items: ["r.1"], completed: 3, errors: 1 } as const;
    await liveness.updateHealth("w", health);
    expect(await liveness.getHeartbeat("w")).toBe(1_000_500);
    expect(await liveness.getHealth("w")).toMatchObject({ ...health, liveness: "alive" });
    expect(await liveness.listWorkers()).toEqual(["w"]);
    expect(await liveness.listHealth()).toHaveLength(1);
    const [session] = await operations.read.sessions();
    await operations.closeSession(session?.id ?? "");
    expect(await code(liveness.updateHeartbeat("w"))).toBe("ILLEGAL_TRANSITION");
    expect(await code(liveness.updateHealth("unknown", health))).toBe("ILLEGAL_TRANSITION");
    expect((await liveness.getHealth("w"))?.status).toBe("stopped");
  });
});

test("a closed backend says so", async () => {
  const { backend } = await setUp();
  await backend.close();
  await backend.close();
  expect(await code(backend.runs.getRun("x"))).toBe("CLOSED");
});
