import { expect, test } from "vitest";
import { watched } from "../../test/support/checkpointed-steps.ts";
import type { CheckpointStore, StoredCheckpoint } from "../checkpoints/checkpoint-store.ts";
import { memory } from "../connect.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { variant } from "../definition/variant.ts";
import { workflow } from "../definition/workflow.ts";
import { CheckpointWriter, readCheckpoint } from "./checkpoint-form.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const countdown = workflow({
  name: "countdown",
  version: "1",
  nodes: {
    step: node({
      input: unchecked<number>(),
      run: ({ input }) => next(input === 0 ? variant("done", "x".repeat(2_000)) : variant("more", input - 1)),
    }),
    tell: node({ input: unchecked<string>(), run: ({ input }) => next(input.length) }),
  },
  start: "step",
  edges: { step: { route: { more: "step", done: "tell" } }, tell: [] },
});

/** The store, and how many bytes it was given in how many saves and additions. */
function counting(store: CheckpointStore) {
  const given = { saves: 0, additions: 0, bytes: 0 };
  const { append } = store;
  if (append === undefined) throw new Error("the store cannot add to what it has");
  const counted: CheckpointStore = {
    ...store,
    async save(id, checkpoint, options) {
      given.saves += 1;
      given.bytes += checkpoint.body.byteLength;
      return await store.save(id, checkpoint, options);
    },
    async append(id, addition, options) {
      given.additions += 1;
      given.bytes += addition.body.byteLength;
      return await append(id, addition, options);
    },
  };
  return { given, counted };
}

test("a step costs what is new of the run, however long it is", async () => {
  const { checkpoints: store } = memory();
  const { given, counted } = counting(store);
  const steps = 1_500;
  expect((await runWithCheckpoint(countdown, steps, { store: counted, id: "job" })).output).toBe(2_000);
  expect(given.saves + given.additions).toBe(steps + 3);
  // All anew only now and then: a few times while it grows, never once per step.
  expect(given.saves).toBeLessThan(10);
  const { body } = (await store.load("job")) ?? { body: new Uint8Array() };
  const needed = new CheckpointWriter().whole(readCheckpoint(body, "it")).byteLength;
  expect(body.byteLength).toBeLessThan(2.5 * needed + 300_000);
  expect(given.bytes).toBeLessThan(6 * needed + 300_000);
});

test("who resumes saves all anew first, and adds after that", async () => {
  const { checkpoints: store } = memory();
  const crash = new Error("the process is gone");
  const crashing = watched(store, (save) => (save === 3 ? Promise.reject(crash) : undefined));
  await expect(runWithCheckpoint(countdown, 3, { store: crashing, id: "job" })).rejects.toBe(crash);
  const { given, counted } = counting(store);
  await resume(countdown, { store: counted, id: "job" });
  expect(given).toMatchObject({ saves: 1, additions: 4 });
});

test("a store that cannot add is given whole bodies", async () => {
  const { append: _, ...store } = memory().checkpoints;
  const crash = new Error("the process is gone");
  const crashing = { ...watched(store, (save) => (save === 3 ? Promise.reject(crash) : undefined)), append: undefined };
  await expect(runWithCheckpoint(countdown, 3, { store: crashing, id: "job" })).rejects.toBe(crash);
  expect((await resume(countdown, { store, id: "job" })).output).toBe(2_000);
  expect((await store.load("job"))?.version).toBe(7);
});

test("a store that lost a part of what was added is found out", async () => {
  const { checkpoints: store } = memory();
  await runWithCheckpoint(countdown, 3, { store, id: "job" });
  const found = await stored(store);
  const { body } = found;
  const losing = { ...store, load: async () => ({ ...found, body: body.subarray(0, body.lastIndexOf(0x0a, -2) + 1) }) };
  await expect(resume(countdown, { store: losing, id: "job" })).rejects.toMatchObject({ code: "BACKEND_CORRUPT" });
});

async function stored(store: CheckpointStore): Promise<StoredCheckpoint> {
  const found = await store.load("job");
  if (found === undefined) throw new Error("nothing was saved");
  return found;
}
