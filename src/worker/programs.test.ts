import { expect, test } from "vitest";
import type { DefinitionRecord } from "../backend/contract/records.ts";
import { canonicalJson } from "../core/digest.ts";
import { NO_RETRY } from "../core/retry.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { dynamicWorkflow } from "../definition/workflow.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { Programs } from "./programs.ts";

function made(version: string, names: readonly string[], queue: string, compatible: readonly string[] = []): Workflow {
  const step = node({ input: unchecked<number>(), queue, run: ({ input }) => next(input) });
  return dynamicWorkflow<number, number>({
    name: "steps",
    version,
    compatible,
    nodes: Object.fromEntries(names.map((name) => [name, step])),
    start: names[0] ?? "",
    edges: Object.fromEntries(names.map((name, at) => [name, names[at + 1] ?? []])),
  });
}

function storeOf(...workflows: readonly Workflow[]) {
  const reads: string[] = [];
  const read = async (hash: string): Promise<DefinitionRecord | undefined> => {
    reads.push(hash);
    const found = workflows.find((one) => one.hash === hash);
    return (
      found && { hash, name: found.name, version: found.version, json: canonicalJson(found.definition), publishedAt: 1 }
    );
  };
  return { read, reads };
}

test("the queues of older definitions that are taken over are served, once the store has them", async () => {
  const old = made("1", ["a", "b"], "slow");
  const programs = new Programs([made("2", ["a", "b"], "fast", [old.hash])], NO_RETRY);
  expect(programs.queues).toEqual(["fast"]);
  await programs.loadOlder(storeOf().read);
  expect(programs.queues).toEqual(["fast"]);
  const { read, reads } = storeOf(old);
  await programs.loadOlder(read);
  await programs.loadOlder(read);
  expect(programs.queues).toEqual(["fast", "slow"]);
  expect(reads).toEqual([old.hash]);
  expect(programs.known(old.hash)?.definition.version).toBe("1");
});

test("an older definition given by its hash is checked like one given as a workflow", async () => {
  const old = made("1", ["a", "gone"], "slow");
  const programs = new Programs([made("2", ["a", "b"], "fast", [old.hash])], NO_RETRY);
  const refused = {
    code: "INVALID_WORKFLOW",
    message: expect.stringMatching(/^steps@2 is not compatible with steps@1:\n- its node "gone" is gone$/),
    details: { problems: ['its node "gone" is gone'] },
  };
  const { read } = storeOf(old);
  await expect(programs.loadOlder(read)).rejects.toMatchObject(refused);
  await expect(programs.load(old.hash, read)).rejects.toMatchObject(refused);
  await expect(programs.load("0".repeat(32), read)).rejects.toMatchObject({ code: "UNKNOWN_WORKFLOW" });
});
