import { expect, test } from "vitest";
import { abortion, refusal, steps, timed, watched } from "../../test/support/checkpointed-steps.ts";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { readCheckpoint } from "./checkpoint-form.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

test("a caller that gives up leaves a run that can be resumed", async () => {
  const clock = manualClock(1_000);
  const { checkpoints: store } = memory({ clock });
  const signals: AbortSignal[] = [];
  const slow = () =>
    steps(async (name, signal) => {
      if (name !== "two") return;
      signals.push(signal);
      await abortion(signal);
    });
  const controller = new AbortController();
  const cancelled = refusal(runWithCheckpoint(slow(), 1, { store, id: "job", clock, signal: controller.signal }));
  await clock.advance(10);
  controller.abort(new Error("enough"));
  await clock.advance(10);
  expect(await cancelled).toMatchObject({ code: "CANCELLED", cause: new Error("enough") });
  expect((await store.load("job"))?.status).toBe("cancelled");
  const late = refusal(resume(slow(), { store, id: "job", clock, timeout: "2s" }));
  await clock.advance(2_000);
  expect(await late).toMatchObject({ code: "TIMEOUT", runId: (await cancelled).runId });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  const done = resume(steps(), { store, id: "job", clock });
  await clock.advance(10);
  expect((await done).output).toBe(4);
});

test("a caller that has given up before it begins leaves nothing behind", async () => {
  const { checkpoints: store } = memory();
  const options = { store, id: "job", signal: AbortSignal.abort(new Error("no")) };
  await expect(runWithCheckpoint(steps(), 1, options)).rejects.toEqual(failsWith("CANCELLED"));
  await expect(runWithCheckpoint(steps(), 1, { store, id: "job", timeout: -1 })).rejects.toEqual(
    failsWith("INVALID_VALUE"),
  );
  await expect(runWithCheckpoint(steps(), 1, { store, id: "job", concurrency: 0 })).rejects.toEqual(
    failsWith("INVALID_CONFIG"),
  );
  expect(await store.load("job")).toBeUndefined();
});

test("a store that does not answer does not keep a caller from giving up", async () => {
  const clock = manualClock();
  const { checkpoints: store } = memory({ clock });
  const never = watched(store, (save) => (save === 2 ? new Promise(() => undefined) : undefined));
  const late = refusal(runWithCheckpoint(steps(), 1, { store: never, id: "job", clock, timeout: "1s" }));
  await clock.advance(20_000);
  expect((await late).code).toBe("TIMEOUT");
  const done = resume(steps(), { store, id: "job", clock });
  await clock.advance(10);
  expect((await done).output).toBe(4);
});

test("a run that is over its own timeout needs a new one", async () => {
  const clock = manualClock(1_000);
  const { checkpoints: store } = memory({ clock });
  const stuck = timed((_, signal) => abortion(signal));
  const failed = refusal(runWithCheckpoint(stuck, 1, { store, id: "job", clock }));
  await clock.advance(40_000);
  expect((await failed).cause).toMatchObject({ code: "TIMEOUT" });
  await expect(resume(timed(), { store, id: "job", clock })).rejects.toEqual(failsWith("ILLEGAL_TRANSITION"));
  const done = resume(timed(), { store, id: "job", clock, limits: { timeout: "1m" } });
  await clock.advance(10);
  expect((await done).output).toBe(1);
});

test("an open run whose time passed while nobody worked on it can be given more", async () => {
  const clock = manualClock(1_000);
  const { checkpoints: store } = memory({ clock });
  const crash = new Error("the process is gone");
  const crashing = watched(store, (save) => (save === 2 ? Promise.reject(crash) : undefined));
  await expect(runWithCheckpoint(timed(), 1, { store: crashing, id: "job", clock })).rejects.toBe(crash);
  await clock.advance(60_000);
  const saved = await store.load("job");
  const wrong = resume(timed(), { store, id: "job", clock, limits: { timeout: -1 } });
  await expect(wrong).rejects.toEqual(failsWith("INVALID_VALUE"));
  expect(await store.load("job")).toEqual(saved);
  const done = resume(timed(), { store, id: "job", clock, limits: { timeout: "1m" } });
  await clock.advance(10);
  expect((await done).output).toBe(1);
});

test("attempts that have failed are counted over processes", async () => {
  const clock = manualClock(1_000);
  const { checkpoints: store } = memory({ clock });
  const attempts: number[] = [];
  const crash = new Error("the process is gone");
  const flaky = workflow({
    name: "flaky",
    version: "1",
    nodes: {
      only: node({
        input: unchecked<number>(),
        retry: { maxAttempts: 3, initialBackoff: "10s", jitter: "none" },
        run({ input, attempt }) {
          attempts.push(attempt);
          if (attempt < 3) throw new Error("not yet");
          return next(input);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  // Saves: start, first failure, second failure.
  const crashing = watched(store, (save) => (save === 3 ? Promise.reject(crash) : undefined));
  const crashed = runWithCheckpoint(flaky, 7, { store: crashing, id: "job", clock });
  crashed.catch(() => undefined);
  await clock.advance(10_100);
  await expect(crashed).rejects.toBe(crash);
  const done = resume(flaky, { store, id: "job", clock });
  await clock.advance(30_000);
  expect((await done).output).toBe(7);
  expect(attempts).toEqual([1, 2, 2, 3]);
  const { failures } = readCheckpoint((await store.load("job"))?.body ?? new Uint8Array(), "it");
  expect(failures.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, "retried"],
    [2, "retried"],
  ]);
});
