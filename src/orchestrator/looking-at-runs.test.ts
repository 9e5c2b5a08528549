import { describe, expect, test } from "vitest";
import { memory } from "../connect.ts";
import { isMillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";

const OrderContext = context({ status: field.register<string>("received"), seen: field.counter(2) });

const orders = workflow({
  name: "orders",
  version: "1.0.0",
  context: OrderContext,
  nodes: {
    validate: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
    pay: node({ input: unchecked<number>(), run: ({ input }) => next(`paid ${input}`) }),
  },
  start: "validate",
  edges: { validate: "pay", pay: [] },
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

describe("looking", () => {
  test("runs are listed newest first, by status, tag and time", async () => {
    const { orchestrator, clock } = setUp();
    const ids: string[] = [];
    for (const tag of ["a", "b", "a"]) {
      ids.push((await orchestrator.startRun(orders, 1, { tags: { tag } })).id);
      await clock.advance(1_000);
    }
    await orchestrator.cancel(ids[0] ?? "");
    const list = async (options: Parameters<typeof orchestrator.listRuns>[0]) =>
      (await orchestrator.listRuns(options)).entries.map(({ id }) => ids.indexOf(id));
    expect(await list({})).toEqual([2, 1, 0]);
    expect(await list({ tags: { tag: "a" } })).toEqual([2, 0]);
    expect(await list({ status: "cancelled" })).toEqual([0]);
    expect(await list({ status: ["running", "paused"], since: new Date(1_001_500) })).toEqual([2]);
    const first = await orchestrator.listRuns({ limit: 2 });
    expect(await list({ limit: 2, cursor: first.cursor })).toEqual([0]);
  });

  test("a run is watched to its end, in commit order", async () => {
    const engine = setUp();
    const handle = await engine.orchestrator.startRun(orders, 1);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of handle.watch()) {
        seen.push(event.type === "run" ? event.status : `${event.node} ${event.status}`);
      }
    })();
    await (await take(engine)).retry(new Error("x"));
    await complete(engine, 1);
    await complete(engine, "paid 1");
    await watching;
    expect(seen.filter((entry) => entry !== "validate waiting_retry")).toEqual([
      "running",
      "validate completed",
      "pay completed",
      "completed",
    ]);
    const late: string[] = [];
    for await (const event of handle.watch({ after: 2 })) late.push(event.type === "run" ? event.status : event.node);
    expect(late).toEqual(["pay", "completed"]);
  });

  test("watching ends by its signal, and when the reader leaves nobody listens any more", async () => {
    const engine = setUp();
    let listeners = 0;
    const counting = {
      ...engine.backend.operations,
      subscribe: () => {
        listeners += 1;
        return () => {
          listeners -= 1;
        };
      },
    };
    const backend = { ...engine.backend, operations: counting };
    const orchestrator = new DistributedOrchestrator({ backend, workflows: [orders], clock: engine.clock });
    const { id } = await orchestrator.startRun(orders, 1);
    for await (const event of orchestrator.watch(id)) {
      expect(event.type).toBe("run");
      expect(listeners).toBe(1);
      break;
    }
    expect(listeners).toBe(0);
    const controller = new AbortController();
    const events = orchestrator.watch(id, { signal: controller.signal })[Symbol.asyncIterator]();
    await events.next();
    const waiting = refusal(events.next());
    controller.abort();
    expect((await waiting).code).toBe("CANCELLED");
    expect(listeners).toBe(0);
  });

  test("any past context can be read, and one not reached is refused", async () => {
    const { orchestrator, backend } = setUp();
    const handle = await orchestrator.startRun(orders, 1, { context: { seen: 10 } });
    await backend.contexts.merge(handle.id, OrderContext, ({ seen }) => seen.add(5));
    expect((await orchestrator.context<typeof orders>(handle.id)).seen.value).toBe(15);
    expect((await orchestrator.contextAt<typeof orders>(handle.id, 1)).seen.value).toBe(10);
    expect((await handle.context({ at: 0 })).seen.value).toBe(2);
    expect((await refusal(orchestrator.contextAt(handle.id, 9))).code).toBe("INVALID_VALUE");
  });

  test("the figures of a run tell counts, times by node and retries", async () => {
    const engine = setUp();
    const { orchestrator, clock } = engine;
    const { id } = await orchestrator.startRun(orders, 1);
    await clock.advance(40);
    await (await take(engine)).retry(new Error("x"));
    const item = await take(engine);
    await clock.advance(7);
    await item.complete(1);
    const metrics = await orchestrator.metrics(id);
    expect(metrics).toMatchObject({ total: 2, completed: 1, failed: 0, retried: 1, conflicts: 0, durationMs: 47 });
    expect(metrics.nodes.validate?.runningMs).toEqual({ count: 1, min: 7, mean: 7, p95: 7, max: 7 });
    expect(metrics.nodes.pay).toEqual({ count: 1, waitingMs: undefined, runningMs: undefined });
  });

  test("the history tells causes before what they led to", async () => {
    const engine = setUp();
    const { orchestrator } = engine;
    const { id } = await orchestrator.startRun(orders, 1, { context: { seen: 1 } });
    await orchestrator.pause(id, { actor: "ann" });
    await orchestrator.resume(id);
    await (await take(engine)).fail(new Error("x"));
    const history = await orchestrator.history(id);
    expect(history.map(({ type }) => type)).toEqual([
      "started",
      "control",
      "control",
      "context",
      "failure",
      "item",
      "ended",
    ]);
    expect(history[1]).toMatchObject({ action: "pause", actor: "ann" });
    expect(history.at(-1)).toMatchObject({ status: "failed", failure: { node: "validate", message: "x" } });
  });

  test("workers are alive, stale and dead by the backend's clock", async () => {
    const { orchestrator, backend, clock } = setUp();
    await backend.liveness.updateHeartbeat("w1");
    const livenessOf = async () => (await orchestrator.liveness()).map(({ liveness }) => liveness);
    expect(await livenessOf()).toEqual(["alive"]);
    await clock.advance(30_000);
    expect(await livenessOf()).toEqual(["stale"]);
    await clock.advance(60_000);
    expect(await livenessOf()).toEqual(["dead"]);
    await backend.liveness.updateHeartbeat("w1");
    expect((await orchestrator.checkWorkerLiveness(["w1", "w2"])).map(({ liveness }) => liveness)).toEqual([
      "alive",
      "dead",
    ]);
    expect((await orchestrator.listWorkers())[0]).toMatchObject({ workerId: "w1", workflows: [] });
    expect((await orchestrator.listWorkerHealth())[0]).toMatchObject({ status: "idle", liveness: "alive" });
  });

  test("the backlog tells what lies ready and that nobody can take it", async () => {
    const { orchestrator } = setUp();
    await orchestrator.startRun(orders, 1);
    expect(await orchestrator.backlog()).toMatchObject([
      { queue: "default", workflow: "orders", version: "1.0.0", ready: 1, workers: [] },
    ]);
  });
});
