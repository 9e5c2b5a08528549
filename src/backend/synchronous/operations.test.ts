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
  text,
} from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { Wakeup } from "../contract/operations.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp() {
  const clock = manualClock(1_000);
  const operations = memoryOperations({ clock });
  await publishDefinition(operations);
  const worker = await ProtocolWorker.open(operations, "s1");
  const heard: string[] = [];
  const unsubscribe = operations.subscribe((wakeup) => heard.push(nameOf(wakeup)));
  const hear = () => heard.splice(0);
  return { clock, operations, worker, hear, unsubscribe };
}

function nameOf(wakeup: Wakeup): string {
  return wakeup.kind === "run" ? `run ${wakeup.runId}` : wakeup.kind;
}

test("a run goes from its start through its items to its output", async () => {
  const { operations, worker } = await setUp();
  const [started] = await operations.startRuns([startOf("run")]);
  expect(started).toMatchObject({ kind: "started", run: { id: "run", status: "running", open: 1, items: 1 } });
  const first = await worker.claimOne();
  expect(first).toMatchObject({
    reason: "ready",
    item: { item: 0, epoch: 1 },
    run: { workflow: "orders", version: "1.0.0" },
  });
  await worker.finish(first, emit(["second"]));
  const second = await worker.claimOne();
  expect(await worker.finish(second, output('"done"'))).toMatchObject({ kind: "committed", runStatus: "completed" });
  const run = await operations.read.run("run");
  expect(run).toMatchObject({ status: "completed", open: 0, completed: 2, outputs: 1 });
  expect(text(run?.output)).toBe('"done"');
});

test("there is a hint when something can be claimed, now or later, and when a run changed", async () => {
  const { operations, worker, hear, clock } = await setUp();
  await operations.startRuns([startOf("a"), startOf("b", { first: newItem("first", { delayMs: 5 }) })]);
  expect(hear()).toEqual(["work", "run a", "run b"]);
  const claimed = await worker.claimOne();
  expect(hear()).toEqual([]);
  await worker.finish(claimed, emit(["x"]));
  expect(hear()).toEqual(["work", "run a"]);
  const x = await worker.claimOne();
  await worker.finish(x, output("1"));
  expect(hear()).toEqual(["run a"]);
  await clock.advance(5);
  await worker.claimOne();
  await operations.closeSession("s1");
  expect(hear()).toEqual(["work"]);
  await operations.control([{ action: { kind: "pause", runId: "b" } }]);
  expect(hear()).toEqual(["run b"]);
  await operations.control([{ action: { kind: "pause", runId: "b" } }]);
  expect(hear()).toEqual([]);
  await operations.control([{ action: { kind: "resume", runId: "b" } }]);
  expect(hear()).toEqual(["work", "run b"]);
});

test("what a request emits and claims again itself is no news to others", async () => {
  const { operations, worker, hear } = await setUp();
  await operations.startRuns([startOf("a")]);
  const claimed = await worker.claimOne();
  hear();
  await worker.exchange([commitOf(claimed, emit(["x"]))], {});
  expect(hear()).toEqual(["run a"]);
});

test("a listener that throws disturbs nobody, and one that is gone hears nothing", async () => {
  const { operations, hear, unsubscribe } = await setUp();
  operations.subscribe(() => {
    throw new Error("not my day");
  });
  const late: string[] = [];
  operations.subscribe((wakeup) => late.push(nameOf(wakeup)));
  expect(await operations.startRuns([startOf("a")])).toMatchObject([{ kind: "started" }]);
  expect(late).toEqual(["work", "run a"]);
  unsubscribe();
  unsubscribe();
  hear();
  await operations.startRuns([startOf("b")]);
  expect(hear()).toEqual([]);
});

test("a closed handle refuses everything and can be closed again", async () => {
  const { operations, worker } = await setUp();
  await operations.close();
  await operations.close();
  const closed = { code: "CLOSED" };
  await expect(operations.startRuns([startOf("a")])).rejects.toMatchObject(closed);
  await expect(operations.read.runs({}, {})).rejects.toMatchObject(closed);
  await expect(worker.claim()).rejects.toMatchObject(closed);
  await expect(operations.now()).rejects.toMatchObject(closed);
});

test("the backend's clock is the one it was given", async () => {
  const { operations, clock } = await setUp();
  await clock.advance(7);
  expect(await operations.now()).toBe(1_007);
});

test("values and names are only bytes and text, whatever they say", async () => {
  const { operations, worker } = await setUp();
  const hostile = "\u0000\ud800__proto__'; DROP TABLE run; --\u2028";
  await operations.startRuns([
    startOf(hostile, { tags: { ["__proto__"]: hostile }, idempotencyKey: hostile, input: bytes(hostile) }),
  ]);
  const claimed = await worker.claimOne();
  const failure = { code: hostile, message: hostile };
  await worker.finish(claimed, { kind: "fail", failure }, { metrics: [{ name: "__proto__", value: 1 }] });
  const run = await operations.read.run(hostile);
  expect(run).toMatchObject({ id: hostile, status: "failed", failure: { code: hostile, message: hostile } });
  expect(Object.hasOwn(run?.tags ?? {}, "__proto__")).toBe(true);
  expect((await operations.read.runs({ tags: { ["__proto__"]: hostile } }, {})).entries).toHaveLength(1);
});
