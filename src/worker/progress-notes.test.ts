import { expect, test } from "vitest";
import { memory } from "../connect.ts";
import { manualClock } from "../core/ports.ts";
import { decodeValue } from "../core/values.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import { DistributedWorker } from "./distributed-worker.ts";
import { ProgressNotes } from "./progress-notes.ts";

function setUp(put: (details: unknown) => Promise<unknown> = async () => true) {
  const clock = manualClock(1_000);
  const written: unknown[] = [];
  const dropped: unknown[] = [];
  const notes = new ProgressNotes({
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    async put(bytes) {
      const details = decodeValue(bytes, { what: "progress" });
      written.push([clock.now(), details]);
      await put(details);
    },
    dropped: (error) => dropped.push(error),
  });
  return { clock, written, dropped, notes };
}

test("the first word is written at once, then the latest of each second", async () => {
  const { clock, written, notes } = setUp();
  for (let percent = 0; percent <= 100; percent += 1) {
    notes.note({ percent });
    await clock.advance(25);
  }
  await clock.advance(10_000);
  expect(written).toEqual([
    [1_000, { percent: 0 }],
    [2_000, { percent: 39 }],
    [3_000, { percent: 79 }],
    [4_000, { percent: 100 }],
  ]);
  expect(clock.untilNext()).toBeUndefined();
});

test("nothing is written after the end, and no timer stays behind", async () => {
  const { clock, written, dropped, notes } = setUp();
  notes.note(1);
  notes.note(2);
  await clock.advance(0);
  notes.end();
  notes.note(3);
  await clock.advance(5_000);
  expect(written).toEqual([[1_000, 1]]);
  expect(dropped).toEqual([]);
  expect(clock.untilNext()).toBeUndefined();
});

test("what cannot be kept is dropped, and later words are not", async () => {
  const { clock, written, dropped, notes } = setUp(async (details) => {
    if (details === "lost") throw new Error("the store is away");
  });
  notes.note("x".repeat(10_000));
  notes.note(() => undefined);
  notes.note(undefined);
  notes.note("lost");
  await clock.advance(0);
  notes.note("kept");
  await clock.advance(1_000);
  expect(written).toEqual([
    [1_000, "lost"],
    [2_000, "kept"],
  ]);
  expect(dropped).toHaveLength(3);
});

test("other processes see what a running attempt said last", async () => {
  await using backend = memory();
  const said = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const long = workflow({
    name: "long",
    version: "1",
    nodes: {
      only: node({
        input: unchecked<number>(),
        async run({ input, heartbeat }) {
          heartbeat({ rows: 10 });
          said.resolve();
          await release.promise;
          return next(input);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [long] });
  const { id } = await orchestrator.startRun(long, 1);
  await using worker = new DistributedWorker({ backend, workflows: [long] });
  const working = worker.runOnce();
  await said.promise;
  const { entries } = await orchestrator.listWorkItems(id);
  expect(entries[0]).toMatchObject({
    status: "in_progress",
    progress: { at: expect.any(Number), details: { rows: 10 } },
  });
  expect((await orchestrator.explainItem(`${id}.0`)).sentence).toContain('it said {"rows":10} at ');
  expect((await orchestrator.explain(id)).items[0]?.sentence).toContain('it said {"rows":10} at ');
  release.resolve();
  await working;
  expect((await orchestrator.getWorkItem(`${id}.0`)).progress?.details).toEqual({ rows: 10 });
});
