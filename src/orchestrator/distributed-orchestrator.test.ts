import { describe, expect, test } from "vitest";
import { memory } from "../connect.ts";
import { isMillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { type StandardSchema, unchecked } from "../definition/schema.ts";
import { next, nextAll } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";
import { StoredFailure } from "./run-outcome.ts";

const positive: StandardSchema<number, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" && value > 0 ? { value } : { issues: [{ message: "must be a positive number" }] },
  },
};

const OrderContext = context({ status: field.register<string>("received"), seen: field.counter(2) });

const orders = workflow({
  name: "orders",
  version: "1.0.0",
  context: OrderContext,
  nodes: {
    validate: node({ input: positive, run: ({ input }) => next(input) }),
    pay: node({ input: unchecked<number>(), run: ({ input }) => next(`paid ${input}`) }),
  },
  start: "validate",
  edges: { validate: "pay", pay: [] },
});

const collect = workflow({
  name: "collect",
  version: "1",
  completion: "all",
  nodes: { fan: node({ input: unchecked<number[]>(), run: ({ input }) => nextAll(input) }) },
  start: "fan",
  edges: { fan: [] },
});

function setUp() {
  const clock = manualClock(1_000_000);
  const backend = memory({ clock });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [orders], clock });
  return { clock, backend, orchestrator };
}

type SetUp = ReturnType<typeof setUp>;

async function take({ backend }: SetUp) {
  const item = await backend.queue.dequeue();
  if (item === undefined) throw new Error("there is nothing to take");
  return item;
}

/** Does the next item's work by hand. */
async function complete(engine: SetUp, value: unknown): Promise<void> {
  await (await take(engine)).complete(value);
}

async function refusal(promise: Promise<unknown>) {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isMillraceError(thrown)) throw new Error(`expected a MillraceError, got ${String(thrown)}`);
  return thrown;
}

describe("starting", () => {
  test("a run gives its typed output once its items are done", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(orders, 5);
    await complete(engine, 5);
    await complete(engine, "paid 5");
    const output: string = await handle.result();
    expect(output).toBe("paid 5");
    expect(await handle.status()).toBe("completed");
  });

  test("an input that does not fit the start node is refused before anything is stored", async () => {
    const { orchestrator } = setUp();
    const error = await refusal(orchestrator.startRun(orders, -1));
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).toContain("must be a positive number");
    expect((await orchestrator.listRuns()).entries).toEqual([]);
  });

  test("a process without the code starts by name what was published last", async () => {
    const engine = setUp();
    await engine.orchestrator.startRun(orders, 1);
    const other = new DistributedOrchestrator({ backend: engine.backend });
    const handle = await other.startRun<typeof orders>("orders", 2, { context: { seen: 7 } });
    expect((await other.getRun(handle.id))?.input).toBe(2);
    expect((await engine.orchestrator.context<typeof orders>(handle.id)).seen.value).toBe(7);
    expect((await refusal(handle.context())).code).toBe("UNKNOWN_WORKFLOW");
  });

  test("an unknown name is refused and the known ones are told", async () => {
    const engine = setUp();
    await engine.orchestrator.startRun(orders, 1);
    const error = await refusal(engine.orchestrator.startRun("order", 1));
    expect(error.code).toBe("UNKNOWN_WORKFLOW");
    expect(error.hints[0]).toContain("orders");
  });

  test("initial values go in by field, and unknown fields are refused", async () => {
    const { orchestrator } = setUp();
    const handle = await orchestrator.startRun(orders, 1, { context: { status: "queued" } });
    const view = await handle.context();
    expect([view.status.value, view.seen.value, view.sequence]).toEqual(["queued", 2, 1]);
    const init: object = { stat: "x" };
    expect((await refusal(orchestrator.startRun(orders, 1, { context: init }))).code).toBe("INVALID_INPUT");
  });

  test("the same key gives the same run, and with another input a conflict", async () => {
    const { orchestrator } = setUp();
    const first = await orchestrator.startRun(orders, 1, { idempotencyKey: "k" });
    const second = await orchestrator.startRun(orders, 1, { idempotencyKey: "k" });
    expect(second.id).toBe(first.id);
    const error = await refusal(orchestrator.startRun(orders, 2, { idempotencyKey: "k" }));
    expect([error.code, error.runId]).toEqual(["IDEMPOTENCY_CONFLICT", first.id]);
    const fails = orchestrator.startRun(orders, 1, { idempotencyKey: "k", onConflict: "fail" });
    expect((await refusal(fails)).code).toBe("RUN_EXISTS");
  });

  test("cancelRunning replaces an open run under the same key", async () => {
    const { orchestrator } = setUp();
    const first = await orchestrator.startRun(orders, 1, { idempotencyKey: "k" });
    const second = await orchestrator.startRun(orders, 1, { idempotencyKey: "k", onConflict: "cancelRunning" });
    expect(second.id).not.toBe(first.id);
    expect(await first.status()).toBe("cancelled");
  });

  test("an id is taken once, and a bad one is refused", async () => {
    const { orchestrator } = setUp();
    await orchestrator.startRun(orders, 1, { id: "order-1" });
    expect((await orchestrator.startRun(orders, 1, { id: "order-1" })).id).toBe("order-1");
    expect((await refusal(orchestrator.startRun(orders, 2, { id: "order-1" }))).code).toBe("RUN_EXISTS");
    expect((await refusal(orchestrator.startRun(orders, 2, { id: "../x" }))).code).toBe("INVALID_VALUE");
  });

  test("many starts are each for itself", async () => {
    const { orchestrator } = setUp();
    const results = await orchestrator.startRuns(orders, [
      { input: 1, id: "a" },
      { input: -1 },
      { input: 1, id: "a" },
      { input: 3, id: "a" },
    ]);
    expect(results.map((result) => (result.ok ? result.existing : result.error.code))).toEqual([
      false,
      "INVALID_INPUT",
      true,
      "RUN_EXISTS",
    ]);
  });

  test("nothing of a delayed run is taken before its time", async () => {
    const engine = setUp();
    await engine.orchestrator.startRun(orders, 1, { delay: "10s", startAt: 1_000_000 + 20_000 });
    await engine.clock.advance(19_999);
    expect(await engine.backend.queue.dequeue()).toBeUndefined();
    await engine.clock.advance(1);
    expect((await take(engine)).node).toBe("validate");
  });

  test("the same name and version with another graph is a conflict", async () => {
    const { orchestrator, backend } = setUp();
    await orchestrator.startRun(orders, 1);
    const changed = workflow({
      name: "orders",
      version: "1.0.0",
      nodes: { other: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "other",
      edges: { other: [] },
    });
    expect((await refusal(orchestrator.startRun(changed, 1))).code).toBe("VERSION_CONFLICT");
    const other = new DistributedOrchestrator({ backend });
    expect((await refusal(other.startRun(changed, 1))).code).toBe("VERSION_CONFLICT");
  });
});

describe("results", () => {
  test("a failed run rejects with what it failed with, where, and at which attempt", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(orders, 1);
    await (await take(engine)).retry(new Error("first"));
    await (await take(engine)).fail(new TypeError("no such card"));
    const error = await refusal(handle.result());
    expect(error).toMatchObject({ code: "RUN_FAILED", node: "validate", itemId: `${handle.id}.0`, attempt: 2 });
    expect(error.cause).toBeInstanceOf(StoredFailure);
    expect(error.cause).toMatchObject({ code: "ERROR", message: "no such card", node: "validate", attempt: 2 });
    const { entries } = await engine.orchestrator.errors(handle.id);
    expect(entries.map(({ message, outcome }) => [message, outcome])).toEqual([
      ["first", "retried"],
      ["no such card", "failed"],
    ]);
  });

  test("a cancelled run rejects with the reason", async () => {
    const { orchestrator } = setUp();
    const handle = await orchestrator.startRun(orders, 1);
    await handle.cancel({ reason: "customer left" });
    const error = await refusal(handle.result());
    expect(error.code).toBe("RUN_CANCELLED");
    expect(error.message).toContain("customer left");
  });

  test("a run that completes with all outputs gives them in branch order", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(collect, [3, 1]);
    await complete(engine, 3);
    const output: number[] = await handle.result();
    expect(output).toEqual([3]);
    expect((await engine.orchestrator.getRun(handle.id))?.output).toEqual([3]);
  });

  test("waiting ends when the run does, without a clock moving", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(orders, 1);
    const result = handle.result();
    await complete(engine, 1);
    await complete(engine, "paid 1");
    expect(await result).toBe("paid 1");
  });

  test("a lost wake-up costs at most a second", async () => {
    const engine = setUp();
    const deaf = { ...engine.backend.operations, subscribe: () => () => undefined };
    const { clock } = engine;
    const orchestrator = new DistributedOrchestrator({ backend: { ...engine.backend, operations: deaf }, clock });
    const { id } = await engine.orchestrator.startRun(orders, 1);
    const result = orchestrator.waitForCompletion(id);
    await clock.advance(0);
    await engine.orchestrator.completeRun(id, "by hand");
    await clock.advance(1_000);
    expect((await result).output).toBe("by hand");
  });

  test("waiting is given up by a timeout and by a signal, and the run goes on", async () => {
    const { orchestrator, clock } = setUp();
    const handle = await orchestrator.startRun(orders, 1);
    const timedOut = refusal(handle.result({ timeout: "3s" }));
    await clock.advance(3_000);
    expect((await timedOut).code).toBe("TIMEOUT");
    const controller = new AbortController();
    const cancelled = refusal(handle.result({ signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await cancelled).toMatchObject({ code: "CANCELLED", cause: new Error("enough") });
    expect(await handle.status()).toBe("running");
  });

  test("unknown runs are told apart from absent results", async () => {
    const { orchestrator } = setUp();
    expect(await orchestrator.getRun("nope")).toBeUndefined();
    const handle = orchestrator.handle(orders, "nope");
    for (const call of [
      () => handle.result(),
      () => handle.status(),
      () => handle.context(),
      () => handle.cancel(),
      () => orchestrator.pause("nope"),
      () => orchestrator.resume("nope"),
      () => orchestrator.retry("nope"),
      () => orchestrator.completeRun("nope", 1),
      () => orchestrator.deleteRun("nope"),
      () => orchestrator.explain("nope"),
      () => orchestrator.metrics("nope"),
      () => orchestrator.history("nope"),
      () => orchestrator.errors("nope"),
      () => orchestrator.pendingWork("nope"),
      () => orchestrator.listWorkItems("nope"),
      () => orchestrator.explainItem("nope.0"),
    ]) {
      expect((await refusal(call())).code).toBe("RUN_NOT_FOUND");
    }
  });
});

describe("control", () => {
  test("nothing of a paused run is taken, and a resume goes on where it stood", async () => {
    const engine = setUp();
    const { orchestrator } = engine;
    const handle = await orchestrator.startRun(orders, 1);
    expect(await orchestrator.pause(handle.id)).toEqual({ runId: handle.id, status: "paused", changed: true });
    expect(await orchestrator.pause(handle.id)).toMatchObject({ changed: false });
    expect(await engine.backend.queue.dequeue()).toBeUndefined();
    await handle.resume();
    await complete(engine, 1);
    expect((await orchestrator.listWorkItems(handle.id)).entries.map(({ status }) => status)).toEqual([
      "completed",
      "pending",
    ]);
  });

  test("an attempt claimed before a cancel cannot commit after the resume", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(orders, 1);
    const item = await take(engine);
    await handle.cancel();
    await handle.resume();
    expect((await refusal(item.complete(1))).code).toBe("RUN_CLOSED");
    await complete(engine, 1);
  });

  test("a failed run is retried as a whole, or one item with another input", async () => {
    const engine = setUp();
    const { orchestrator } = engine;
    const handle = await orchestrator.startRun(orders, 1);
    await (await take(engine)).fail(new Error("x"));
    expect(await orchestrator.retry(handle.id)).toMatchObject({ status: "running", changed: true });
    const item = await take(engine);
    const { itemId, idempotencyKey } = item;
    await item.fail(new Error("y"));
    const bad = orchestrator.retry(handle.id, { item: itemId, input: -3 });
    expect((await refusal(bad)).code).toBe("INVALID_INPUT");
    await orchestrator.retry(handle.id, { item: itemId, input: 9 });
    const again = await take(engine);
    expect(again.input).toBe(9);
    expect(again.idempotencyKey).not.toBe(idempotencyKey);
  });

  test("an open or completed run cannot be retried, and a cancelled one cannot be paused", async () => {
    const { orchestrator } = setUp();
    const { id } = await orchestrator.startRun(orders, 1);
    expect((await refusal(orchestrator.retry(id))).code).toBe("ILLEGAL_TRANSITION");
    expect((await refusal(orchestrator.retry(id, { input: 1 }))).code).toBe("INVALID_VALUE");
    expect((await refusal(orchestrator.deleteRun(id))).code).toBe("RUN_OPEN");
    await orchestrator.cancel(id);
    expect((await refusal(orchestrator.pause(id))).code).toBe("RUN_CLOSED");
    await orchestrator.resume(id);
    await orchestrator.completeRun(id, "done");
    expect((await refusal(orchestrator.resume(id))).code).toBe("RUN_CLOSED");
    await orchestrator.deleteRun(id);
    expect(await orchestrator.getRun(id)).toBeUndefined();
  });

  test("cleaning up removes what ended long enough ago", async () => {
    const { orchestrator, clock } = setUp();
    const old = await orchestrator.startRun(orders, 1);
    await old.cancel();
    await clock.advance(60_001);
    const young = await orchestrator.startRun(orders, 1);
    await young.cancel();
    await orchestrator.startRun(orders, 1);
    expect(await orchestrator.cleanup({ olderThan: "1m" })).toBe(1);
    expect((await orchestrator.listRuns()).entries).toHaveLength(2);
    expect(await orchestrator.getRun(old.id)).toBeUndefined();
  });
});
