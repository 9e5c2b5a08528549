import { expect, test } from "vitest";
import { bytes, output, ProtocolWorker, publishDefinition, startOf } from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import type { StartRun } from "../contract/run.ts";
import { memoryOperations } from "../memory/index.ts";

async function setUp() {
  const operations = memoryOperations({ clock: manualClock(1_000) });
  await publishDefinition(operations);
  const start = async (id: string, fields: Partial<StartRun> = {}) => {
    const [outcome] = await operations.startRuns([startOf(id, fields)]);
    if (outcome === undefined) throw new Error("there is no outcome");
    return outcome.kind === "unknownDefinition" ? outcome.kind : `${outcome.kind} ${outcome.run.id}`;
  };
  return { operations, start };
}

const keyed = { idempotencyKey: "order-1" };

test("the same id with the same input is the same run, with another input or workflow a conflict", async () => {
  const { start } = await setUp();
  expect(await start("a")).toBe("started a");
  expect(await start("a")).toBe("existing a");
  expect(await start("a", { inputDigest: "other" })).toBe("conflict a");
  expect(await start("a", { workflow: "other" })).toBe("conflict a");
  expect(await start("a", { onConflict: "fail" })).toBe("conflict a");
});

test("the same idempotency key with the same input is the same run, for as long as it exists", async () => {
  const { operations, start } = await setUp();
  expect(await start("a", keyed)).toBe("started a");
  expect(await start("b", keyed)).toBe("existing a");
  expect(await start("b", { ...keyed, inputDigest: "other" })).toBe("conflict a");
  expect(await start("b", { ...keyed, onConflict: "fail" })).toBe("conflict a");
  expect(await start("c", { ...keyed, workflow: "other" })).toBe("started c");
  await operations.control([{ action: { kind: "cancel", runId: "a" } }]);
  expect(await start("b", keyed)).toBe("existing a");
  await operations.control([{ action: { kind: "delete", runId: "a" } }]);
  expect(await start("b", keyed)).toBe("started b");
});

test("cancelRunning replaces a run that is open, and returns one that has ended", async () => {
  const { operations, start } = await setUp();
  const replacing = { ...keyed, onConflict: "cancelRunning" } as const;
  await start("a", keyed);
  expect(await start("b", replacing)).toBe("started b");
  expect(await operations.read.run("a")).toMatchObject({
    status: "cancelled",
    failure: { message: expect.stringContaining("b") },
  });
  expect(await start("b", replacing)).toBe("existing b");
  expect(await start("c", { ...replacing, inputDigest: "other" })).toBe("conflict b");
  await operations.control([{ action: { kind: "cancel", runId: "b" } }]);
  expect(await start("c", replacing)).toBe("existing b");
  await operations.control([{ action: { kind: "delete", runId: "a" } }]);
  expect(await start("c", keyed)).toBe("existing b");
});

test("starts of one call are made in order and see each other", async () => {
  const { operations } = await setUp();
  const outcomes = await operations.startRuns([
    startOf("a", keyed),
    startOf("b", keyed),
    startOf("c", { definition: "unknown" }),
    startOf("d"),
    startOf("d"),
  ]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(["started", "existing", "unknownDefinition", "started", "existing"]);
});

test("more starts than one step takes are all made", async () => {
  const { operations } = await setUp();
  const outcomes = await operations.startRuns(Array.from({ length: 700 }, (_, at) => startOf(`run-${at}`)));
  expect(outcomes.filter(({ kind }) => kind === "started")).toHaveLength(700);
});

test("the initial context is the run's first delta", async () => {
  const { operations, start } = await setUp();
  await start("a", { delta: { bytes: bytes("[]"), writes: [1] } });
  expect(await operations.read.runState("a")).toMatchObject({ sequence: 1, fieldSequences: [0, 1] });
  expect(await operations.read.contextTail("a", { after: 0 })).toMatchObject({
    sequence: 1,
    deltas: [{ sequence: 1, item: "a", epoch: 0, at: 1_000, delta: bytes("[]") }],
  });
});

test("a fast run that ends before anybody asks is still the run of its start", async () => {
  const { operations, start } = await setUp();
  await start("a", keyed);
  const worker = await ProtocolWorker.open(operations, "s1");
  await worker.finish(await worker.claimOne(), output("1"));
  expect(await start("a", keyed)).toBe("existing a");
});

test("what the caller does with its bytes and tags after the start changes nothing", async () => {
  const { operations } = await setUp();
  const input = bytes("1");
  const tags: Record<string, string> = { customer: "c1" };
  await operations.startRuns([startOf("a", { input, tags, first: { ...startOf("a").first, input } })]);
  input[0] = 0;
  tags.customer = "c2";
  const run = await operations.read.run("a");
  expect(run).toMatchObject({ input: bytes("1"), tags: { customer: "c1" } });
  expect((await operations.read.itemPayload("a", 0))?.input).toEqual(bytes("1"));
});

test.each<[string, Partial<StartRun>]>([
  ["a negative timeout", { timeoutMs: -1 }],
  ["a priority that is no number", { priority: Number.NaN }],
  ["a start that is no instant", { startAt: Number.POSITIVE_INFINITY }],
  ["a field that cannot be", { delta: { bytes: bytes("[]"), writes: [-1] } }],
])("%s is refused", async (_, fields) => {
  const { start } = await setUp();
  await expect(start("a", fields)).rejects.toMatchObject({ code: "INVALID_VALUE" });
});

test("a name and version stand for one definition, unless it may be replaced", async () => {
  const { operations } = await setUp();
  const first = { hash: "h1", name: "w", version: "1", json: "{}" };
  const second = { ...first, hash: "h2" };
  const publish = (replace: boolean, ...definitions: (typeof first)[]) => operations.publish(definitions, { replace });
  expect(await publish(false, first, first, second)).toEqual([
    { kind: "published" },
    { kind: "published" },
    { kind: "conflict", existing: "h1" },
  ]);
  expect(await publish(true, second)).toEqual([{ kind: "published" }]);
  expect(await publish(false, first)).toEqual([{ kind: "conflict", existing: "h2" }]);
  expect((await operations.read.definitions()).map(({ hash }) => hash).sort()).toEqual(
    ["d".repeat(32), "h1", "h2"].sort(),
  );
  expect(await operations.read.definition("h1")).toMatchObject({ publishedAt: 1_000 });
});
