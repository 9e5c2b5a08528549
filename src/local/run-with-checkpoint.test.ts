import { expect, test } from "vitest";
import { Marks, refusal, steps, watched } from "../../test/support/checkpointed-steps.ts";
import { gate } from "../../test/support/gate.ts";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { readCheckpoint } from "./checkpoint-form.ts";
import type { RunProgress } from "./local-options.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

test("a run is saved at its start and after every step, and resolves when its end is saved", async () => {
  const { checkpoints: store } = memory();
  const seen: string[] = [];
  const told: string[] = [];
  const workflowOfSteps = steps((name) => seen.push(name));
  const { output, context: marks } = await runWithCheckpoint(workflowOfSteps, 1, {
    store: watched(store, async (save) => {
      const before = await store.load("job");
      told.push(`save ${save} over ${before?.version ?? 0}, after ${seen.join("+") || "nothing"}`);
    }),
    id: "job",
    context: { sum: 10 },
  });
  expect([output, marks.sum.value, [...marks.marks.events]]).toEqual([4, 13, ["one", "two", "three"]]);
  expect(told).toEqual([
    "save 1 over 0, after nothing",
    "save 2 over 1, after one",
    "save 3 over 2, after one+two",
    "save 4 over 3, after one+two+three",
  ]);
  expect(await store.load("job")).toMatchObject({ version: 4, status: "completed" });
});

test("nothing that follows from a step begins before the step is saved", async () => {
  const { checkpoints: store } = memory();
  const seen: string[] = [];
  const saving = gate();
  const slow = watched(store, async (save) => {
    if (save !== 2) return;
    saving.begin();
    await saving.opened;
  });
  const running = runWithCheckpoint(
    steps((name) => seen.push(name)),
    1,
    { store: slow, id: "job" },
  );
  await saving.begun;
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(["one"]);
  saving.open();
  expect((await running).output).toBe(4);
});

test("what has finished does not run again, and what was under way runs with the same key", async () => {
  const { checkpoints: store } = memory();
  const keys: string[] = [];
  const crashing = steps((name, _, key) => {
    keys.push(`${name} ${key}`);
    if (name === "two") throw new Error("test error");
  });
  const failed = await refusal(runWithCheckpoint(crashing, 1, { store, id: "job" }));
  expect(failed).toMatchObject({ code: "RUN_FAILED", node: "two" });
  expect((await store.load("job"))?.status).toBe("failed");
  const again: string[] = [];
  const result = await resume(
    steps((name, _, key) => again.push(`${name} ${key}`)),
    { store, id: "job" },
  );
  expect([result.output, result.runId]).toEqual([4, failed.runId]);
  expect([...result.context.marks.events]).toEqual(["one", "two", "three"]);
  expect(again.map((line) => line.split(" ")[0])).toEqual(["two", "three"]);
  expect(again[0]).toBe(keys[1]);
});

test("a run that has completed is not run again, and gives its output", async () => {
  const { checkpoints: store } = memory();
  const { runId } = await runWithCheckpoint(steps(), 1, { store, id: "job" });
  const seen: string[] = [];
  const same = steps((name) => seen.push(name));
  expect(await refusal(resume(same, { store, id: "job" }))).toMatchObject({
    code: "ALREADY_COMPLETED",
    runId,
    details: { output: 4 },
  });
  const again = await runWithCheckpoint(same, 1, { store, id: "job" });
  expect([again.output, again.runId, again.context.sum.value, seen]).toEqual([4, runId, 3, []]);
  expect((await store.load("job"))?.version).toBe(4);
});

test("there has to be something to resume, and it has to be of this workflow, definition and input", async () => {
  const { checkpoints: store } = memory();
  await expect(resume(steps(), { store, id: "job" })).rejects.toEqual(failsWith("NOT_STARTED"));
  await expect(resume(steps(), { store, id: "no name" })).rejects.toEqual(failsWith("INVALID_VALUE"));
  const failing = steps(() => Promise.reject(new Error("no")));
  await refusal(runWithCheckpoint(failing, 1, { store, id: "job" }));
  const before = await store.load("job");
  await expect(resume(steps(undefined, "2"), { store, id: "job" })).rejects.toMatchObject({
    code: "VERSION_CONFLICT",
    details: { saved: failing.hash },
  });
  await expect(runWithCheckpoint(steps(undefined, "2"), 1, { store, id: "job" })).rejects.toEqual(
    failsWith("VERSION_CONFLICT"),
  );
  await expect(runWithCheckpoint(steps(), 2, { store, id: "job" })).rejects.toEqual(failsWith("IDEMPOTENCY_CONFLICT"));
  const other = workflow({
    name: "other",
    version: "1",
    nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
    start: "only",
    edges: { only: [] },
  });
  await expect(runWithCheckpoint(other, 1, { store, id: "job" })).rejects.toEqual(failsWith("IDEMPOTENCY_CONFLICT"));
  expect(await store.load("job")).toEqual(before);
  await store.save("job", { status: "running", body: new Uint8Array(3) });
  await expect(resume(steps(), { store, id: "job" })).rejects.toEqual(failsWith("BACKEND_CORRUPT"));
});

test("newer code goes on with the run of an older definition that it is compatible with", async () => {
  const { checkpoints: store } = memory();
  const older = steps(() => Promise.reject(new Error("no")));
  await refusal(runWithCheckpoint(older, 1, { store, id: "job" }));
  const step = () => node({ context: Marks, input: unchecked<number>(), run: ({ input }) => next(input + 100) });
  const newer = workflow({
    name: "steps",
    version: "2",
    context: Marks,
    nodes: { one: step(), two: step(), between: step(), three: step() },
    start: "one",
    edges: { one: "two", two: "between", between: "three", three: [] },
    compatible: [older],
  });
  expect((await resume(newer, { store, id: "job" })).output).toBe(301);
});

test("results of durable steps are saved when they are given", async () => {
  const { checkpoints: store } = memory();
  const made: string[] = [];
  const crash = { now: true };
  const careful = workflow({
    name: "careful",
    version: "1",
    nodes: {
      only: node({
        input: unchecked<number>(),
        async run({ input, step }) {
          const first = await step("first", () => {
            made.push("first");
            return input + 1;
          });
          const second = await step("second", () => {
            if (crash.now) throw new Error("no");
            made.push("second");
            return first + 1;
          });
          return next(second);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const versions: number[] = [];
  const counting = watched(store, async () => versions.push((await store.load("job"))?.version ?? 0));
  await refusal(runWithCheckpoint(careful, 1, { store: counting, id: "job" }));
  expect([made, versions]).toEqual([["first"], [0, 1, 2]]);
  const memos = readCheckpoint((await store.load("job"))?.body ?? new Uint8Array(), "it").memos;
  expect(memos.map(({ name }) => name)).toEqual(["0:first"]);
  crash.now = false;
  expect((await resume(careful, { store, id: "job" })).output).toBe(3);
  expect(made).toEqual(["first", "second"]);
});

test("progress is told after each attempt, once it is saved", async () => {
  const { checkpoints: store } = memory();
  const told: [string, string, number, number][] = [];
  const onProgress = async (progress: RunProgress<"one" | "two" | "three">) => {
    const { node: at, outcome, completed, open } = progress;
    told.push([at, outcome, completed, open]);
    throw new Error("nobody minds");
  };
  await runWithCheckpoint(steps(), 1, { store, id: "job", onProgress });
  expect(told).toEqual([
    ["one", "completed", 1, 1],
    ["two", "completed", 2, 1],
    ["three", "completed", 3, 0],
  ]);
});
