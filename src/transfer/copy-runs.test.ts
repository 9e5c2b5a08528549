import { expect, test } from "vitest";
import { startOf } from "../../test/backend/engine.ts";
import { openScratch } from "../../test/support/sqlite-scratch.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { field } from "../definition/context/field.ts";
import { context, join, memory, next, node, split, unchecked, workflow } from "../index.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import { type Backend, defineBackend } from "../stores/backend.ts";
import { DistributedWorker } from "../worker/distributed-worker.ts";
import { copyRuns } from "./copy-runs.ts";

const Tally = context({ words: field.counter() });
const lines = split(unchecked<string>(), (text) => text.split("\n"));
const count = node({
  context: Tally,
  input: unchecked<string>(),
  run: ({ input, context: tally }) => {
    tally.words.add(input.split(" ").length);
    return next(input.length);
  },
});
const sum = join({
  of: "lines",
  input: unchecked<number>(),
  run: ({ inputs }) => next(inputs.reduce((a, b) => a + b, 0)),
});
const wordCount = workflow({
  name: "word-count",
  version: "1.0.0",
  context: Tally,
  nodes: { lines, count, sum },
  start: "lines",
  edges: { lines: "count", count: "sum", sum: [] },
});

const TEXT = "the quick brown fox\njumps over\nthe lazy dog";

async function stores(): Promise<readonly [from: Backend, to: Backend]> {
  return [memory(), defineBackend(await openScratch({ path: ":memory:" }))];
}

async function start(backend: Backend, id: string): Promise<void> {
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [wordCount] });
  await orchestrator.startRun(wordCount, TEXT, { id, idempotencyKey: `key of ${id}`, tags: { id } });
}

/** Executes items until nothing is ready, or so many requests were made. */
async function work(backend: Backend, steps = Number.POSITIVE_INFINITY): Promise<void> {
  const worker = new DistributedWorker({ backend, workflows: [wordCount], concurrency: 1 });
  for (let at = 0; at < steps && (await worker.runOnce()).kind !== "idle"; at += 1);
  await worker.stop();
}

async function idsOf(backend: Backend): Promise<readonly string[]> {
  const { entries } = await backend.operations.read.runs({}, { limit: 1_000 });
  return entries.map(({ id }) => id).sort();
}

async function statusOf(backend: Backend, id: string): Promise<string | undefined> {
  return (await backend.operations.read.runState(id))?.status;
}

/** The backend with some of its operations replaced. */
function meddled(backend: Backend, change: (honest: BackendOperations) => Partial<BackendOperations>): Backend {
  return defineBackend({ ...backend.operations, ...change(backend.operations) });
}

test("Runs that have ended are copied, and open ones are left alone and counted", async () => {
  const [from, to] = await stores();
  for (const id of ["run-1", "run-2"]) await start(from, id);
  await work(from);
  await start(from, "run-3");
  expect(await copyRuns(from, to)).toMatchObject({ runs: 2, existing: 0, open: 1, removed: 0, skippedCount: 0 });
  expect([await idsOf(to), await idsOf(from)]).toEqual([
    ["run-1", "run-2"],
    ["run-1", "run-2", "run-3"],
  ]);
  const orchestrator = new DistributedOrchestrator({ backend: to, workflows: [wordCount] });
  const handle = orchestrator.handle(wordCount, "run-1");
  expect([await handle.result(), (await handle.context()).words.value]).toEqual([41, 9]);
  expect(await copyRuns(from, to)).toMatchObject({ runs: 0, existing: 2, open: 1 });
});

test("Runs are selected by conditions or by ids, and an open one that is named is told as skipped", async () => {
  const [from, to] = await stores();
  for (const id of ["run-1", "run-2"]) await start(from, id);
  await work(from);
  await start(from, "run-3");
  expect(await copyRuns(from, to, { runs: { tags: { id: "run-2" } } })).toMatchObject({ runs: 1 });
  expect(await idsOf(to)).toEqual(["run-2"]);
  const named = await copyRuns(from, to, { runs: ["run-1", "run-1", "run-3", "run-4"] });
  expect(named).toMatchObject({ runs: 1, open: 0, skippedCount: 2 });
  expect(named.skipped.map(({ runId, code }) => [runId, code])).toEqual([
    ["run-3", "RUN_OPEN"],
    ["run-4", "RUN_NOT_FOUND"],
  ]);
});

test.each([0, 1, 2, 3, 4])("A run is moved after %i steps, and goes on to the same end elsewhere", async (steps) => {
  const [from, to] = await stores();
  await start(from, "run-1");
  await work(from, steps);
  const moved = await copyRuns(from, to, { move: true, actor: "me" });
  expect(moved).toMatchObject({ runs: 1, removed: 1, resumed: 0 });
  expect([await idsOf(from), await statusOf(to, "run-1")]).toEqual([[], "paused"]);
  await work(to);
  expect(await statusOf(to, "run-1")).toBe("paused");
  await new DistributedOrchestrator({ backend: to }).resume("run-1");
  await work(to);
  const handle = new DistributedOrchestrator({ backend: to, workflows: [wordCount] }).handle(wordCount, "run-1");
  expect([await handle.result(), (await handle.context()).words.value]).toEqual([41, 9]);
});

test("A move resumes the runs that it paused, if asked to, and no others", async () => {
  const [from, to] = await stores();
  for (const id of ["run-1", "run-2"]) await start(from, id);
  await new DistributedOrchestrator({ backend: from }).pause("run-2", { actor: "a person" });
  expect(await copyRuns(from, to, { move: true, resume: true })).toMatchObject({ runs: 2, removed: 2, resumed: 1 });
  expect([await statusOf(to, "run-1"), await statusOf(to, "run-2")]).toEqual(["running", "paused"]);
});

test("A run that executes still is left where it was, and goes on there", async () => {
  const [from, to] = await stores();
  await start(from, "run-1");
  const item = await from.queue.dequeue();
  expect(item?.node).toBe("lines");
  const result = await copyRuns(from, to, { move: true, wait: 0 });
  expect(result.skipped).toMatchObject([{ runId: "run-1", code: "RUN_OPEN" }]);
  expect([await statusOf(from, "run-1"), await idsOf(to)]).toEqual(["running", []]);
});

test("A run that somebody resumes while it is moved stays where it was, and is nowhere else", async () => {
  const [from, to] = await stores();
  await start(from, "run-1");
  const orchestrator = new DistributedOrchestrator({ backend: from });
  const resumed = meddled(from, ({ transfer }) => ({
    transfer: {
      ...transfer,
      async remove(request) {
        await orchestrator.resume(request.runId);
        return await transfer.remove(request);
      },
    },
  }));
  const result = await copyRuns(resumed, to, { move: true });
  expect(result.skipped).toMatchObject([{ runId: "run-1", code: "RUN_OPEN" }]);
  expect([await statusOf(from, "run-1"), await idsOf(to)]).toEqual(["running", []]);
});

test("A run that cannot arrive is not removed, and goes on where it was", async () => {
  const [from, to] = await stores();
  await start(from, "run-1");
  await start(from, "run-2");
  await start(to, "run-1");
  await start(to, "run-3");
  const other = meddled(from, ({ transfer }) => ({ transfer }));
  await to.operations.control([{ action: { kind: "cancel", runId: "run-3" } }]);
  const result = await copyRuns(other, to, { move: true });
  expect(result).toMatchObject({ runs: 1, removed: 1 });
  expect(result.skipped).toMatchObject([{ runId: "run-1", code: "RUN_EXISTS" }]);
  expect([await idsOf(from), await statusOf(from, "run-1")]).toEqual([["run-1"], "running"]);
});

test("Runs are never moved to where they are", async () => {
  const from = memory();
  await start(from, "run-1");
  const same = defineBackend(from.operations);
  await expect(copyRuns(from, same, { move: true })).rejects.toThrow(
    expect.objectContaining({ code: "INVALID_VALUE" }),
  );
  expect(await statusOf(from, "run-1")).toBe("running");
  expect((await from.checkpoints.list()).entries).toEqual([]);
});

test("A move that is broken off at any step, before or after it had its effect, is finished by another", async () => {
  const outcomes: number[] = [];
  for (let failing = 1; ; failing += 1) {
    const [from, to] = await stores();
    for (const id of ["run-1", "run-2", "run-3"]) await start(from, id);
    await work(from, 7);
    let calls = 0;
    const failSometimes = <T>(work: () => Promise<T>): Promise<T> => {
      calls += 1;
      if (calls < failing) return work();
      const gone = new MillraceError("BACKEND_UNAVAILABLE", "the connection is gone");
      return calls > failing || failing % 2 === 0 ? Promise.reject(gone) : work().then(() => Promise.reject(gone));
    };
    const flaky = (backend: Backend): Backend =>
      meddled(backend, ({ transfer, control }) => ({
        control: (requests) => failSometimes(() => control(requests)),
        transfer: {
          export: (...given) => failSometimes(() => transfer.export(...given)),
          import: (request) => failSometimes(() => transfer.import(request)),
          remove: (request) => failSometimes(() => transfer.remove(request)),
        },
      }));
    const broken = await copyRuns(flaky(from), flaky(to), { move: true, resume: true }).catch(
      (error: unknown) => error,
    );
    await copyRuns(from, to, { move: true, resume: true });
    await work(to);
    expect([await idsOf(from), await idsOf(to)], `broken off at call ${failing}`).toEqual([
      [],
      ["run-1", "run-2", "run-3"],
    ]);
    const results = [];
    const orchestrator = new DistributedOrchestrator({ backend: to, workflows: [wordCount] });
    for (const id of await idsOf(to)) results.push(await orchestrator.handle(wordCount, id).result());
    expect(results).toEqual([41, 41, 41]);
    outcomes.push(broken instanceof MillraceError ? 0 : 1);
    if (!(broken instanceof MillraceError)) break;
  }
  expect(outcomes.length).toBeGreaterThan(10);
});

test("A copy can be stopped, and tells how far it came", async () => {
  const [from, to] = await stores();
  for (let at = 0; at < 40; at += 1) await start(from, `run-${at}`);
  await work(from);
  const stop = new AbortController();
  const seen: number[] = [];
  const onProgress = ({ runs }: { readonly runs: number }): void => {
    seen.push(runs);
    if (runs === 5) stop.abort();
    throw new Error("an observer's own");
  };
  const copied = copyRuns(from, to, { signal: stop.signal, onProgress });
  await expect(copied).rejects.toThrow(expect.objectContaining({ code: "CANCELLED" }));
  expect(seen.length).toBeLessThan(30);
  expect(await copyRuns(from, to)).toMatchObject({ runs: 40 - seen.length, existing: seen.length });
});

test("Checkpoints are copied once their runs have ended, and moved in any case", async () => {
  const [from, to] = await stores();
  const body = new Uint8Array([1, 2, 3]);
  await from.checkpoints.save("ended", { status: "completed", body });
  await from.checkpoints.save("open", { status: "running", body });
  expect(await copyRuns(from, to)).toMatchObject({ checkpoints: 0, open: 0 });
  expect(await copyRuns(from, to, { checkpoints: true })).toMatchObject({ checkpoints: 1, open: 1 });
  expect(await copyRuns(from, to, { checkpoints: true, move: true })).toMatchObject({
    checkpoints: 2,
    skippedCount: 0,
  });
  expect([(await from.checkpoints.list()).entries, (await to.checkpoints.load("open"))?.body]).toEqual([[], body]);
  await from.checkpoints.save("open", { status: "running", body: new Uint8Array([4]) });
  const conflict = await copyRuns(from, to, { checkpoints: true, move: true });
  expect(conflict.skipped).toMatchObject([{ runId: "open", code: "CHECKPOINT_CONFLICT" }]);
  expect((await from.checkpoints.load("open"))?.body).toEqual(new Uint8Array([4]));
});

test("A run that somebody starts where another one of its key arrives is told, and neither is touched", async () => {
  const [from, to] = await stores();
  await from.operations.publish([{ hash: startOf("x").definition, name: "orders", version: "1.0.0", json: "{}" }], {
    replace: false,
  });
  await to.operations.publish([{ hash: startOf("x").definition, name: "orders", version: "1.0.0", json: "{}" }], {
    replace: false,
  });
  await from.operations.startRuns([startOf("run-1", { idempotencyKey: "k" })]);
  await to.operations.startRuns([startOf("run-2", { idempotencyKey: "k" })]);
  const result = await copyRuns(from, to, { move: true });
  expect(result.skipped).toMatchObject([{ runId: "run-1", code: "IDEMPOTENCY_CONFLICT" }]);
  expect([await statusOf(from, "run-1"), await idsOf(to)]).toEqual(["running", ["run-2"]]);
});
