import { expect, test } from "vitest";
import { memory } from "../connect.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedWorker } from "../worker/distributed-worker.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";

const talk = workflow({
  name: "talk",
  version: "1",
  nodes: {
    one: node({
      input: unchecked<number>(),
      run({ input, logger }) {
        logger.info("first", { input, bytes: new Uint8Array([1]) });
        logger.warn("second");
        return next(input);
      },
    }),
    two: node({
      input: unchecked<number>(),
      run({ input, logger }) {
        logger.error("third");
        return next(input);
      },
    }),
  },
  start: "one",
  edges: { one: "two", two: [] },
});

test("what nodes logged is read by page, of a run or of one item", async () => {
  await using backend = memory();
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [talk] });
  const { id } = await orchestrator.startRun(talk, 7);
  await using worker = new DistributedWorker({ backend, workflows: [talk] });
  await worker.runOnce();
  await worker.runOnce();

  const { entries, cursor } = await orchestrator.logs(id);
  expect(cursor).toBeUndefined();
  expect(entries).toMatchObject([
    { runId: id, itemId: `${id}.0`, attempt: 1, level: "info", message: "first", data: { input: 7 } },
    { itemId: `${id}.0`, level: "warn", message: "second", data: undefined },
    { itemId: `${id}.1`, level: "error", message: "third" },
  ]);
  expect(entries[0]?.data).toEqual({ input: 7, bytes: new Uint8Array([1]) });
  const first = await orchestrator.logs(id, { limit: 2 });
  expect(first.entries).toHaveLength(2);
  expect((await orchestrator.logs(id, { limit: 2, cursor: first.cursor })).entries).toMatchObject([
    { message: "third" },
  ]);
  expect((await orchestrator.logs(id, { itemId: `${id}.1` })).entries).toMatchObject([{ message: "third" }]);
});

test("lines of an unknown run, or of an item of another run, are refused", async () => {
  await using backend = memory();
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [talk] });
  const { id } = await orchestrator.startRun(talk, 7);
  await expect(orchestrator.logs("nowhere")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  await expect(orchestrator.logs(id, { itemId: "other.0" })).rejects.toMatchObject({ code: "INVALID_VALUE" });
  await expect(orchestrator.logs(id, { itemId: "no id" })).rejects.toMatchObject({ code: "INVALID_VALUE" });
});
