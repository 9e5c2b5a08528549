import { beforeAll, expect, test } from "vitest";
import type { BackendOperations, Reads } from "../../../src/backend/contract/operations.ts";
import { DistributedOrchestrator, DistributedWorker, memory } from "../../../src/index.ts";
import { passing } from "../workflows/fast.ts";
import { assertRunInvariants } from "./run-invariants.ts";

let operations: BackendOperations;
let runId: string;

beforeAll(async () => {
  const backend = memory();
  const worker = new DistributedWorker({ backend, workflows: [passing] });
  const working = worker.run();
  const handle = await new DistributedOrchestrator({ backend, workflows: [passing] }).startRun(passing, 1);
  await handle.result();
  await worker.stop();
  await working;
  operations = backend.operations;
  runId = handle.id;
});

/** A store that tells something else. */
function telling(lies: Partial<Reads>): BackendOperations {
  return { ...operations, read: { ...operations.read, ...lies } };
}

test("a run that went well keeps all invariants", async () => {
  expect(await assertRunInvariants(operations, [runId])).toEqual({
    items: 2,
    deltas: 2,
    reclaimed: 0,
    takeovers: 0,
    conflicts: 0,
  });
});

const lies: readonly { readonly what: string; readonly invariant: string; readonly lie: () => Partial<Reads> }[] = [
  {
    what: "a counter that is not its recount",
    invariant: "I8",
    lie: () => ({
      async runState(id) {
        const state = await operations.read.runState(id);
        return state && { ...state, completed: state.completed + 1 };
      },
    }),
  },
  {
    what: "a lost delta",
    invariant: "I3",
    lie: () => ({
      async deltas(id, page) {
        const { entries } = await operations.read.deltas(id, page);
        return { entries: entries.slice(1) };
      },
    }),
  },
  {
    what: "two deltas of one attempt",
    invariant: "I2",
    lie: () => ({
      async deltas(id, page) {
        const { entries } = await operations.read.deltas(id, page);
        return { entries: entries.map((entry) => ({ ...entry, item: `${id}.0` })) };
      },
    }),
  },
  {
    what: "a delta of an attempt that lost its lease",
    invariant: "I5",
    lie: () => ({
      async deltas(id, page) {
        const { entries } = await operations.read.deltas(id, page);
        return { entries: entries.map((entry) => ({ ...entry, epoch: entry.epoch - 1 })) };
      },
    }),
  },
  {
    what: "two items that ended with one commit",
    invariant: "I2",
    lie: () => ({
      async items(filter, page) {
        const { entries } = await operations.read.items(filter, page);
        return { entries: entries.map((item) => ({ ...item, commit: 1 })) };
      },
    }),
  },
  {
    what: "an item that is there twice",
    invariant: "I8",
    lie: () => ({
      async items(filter, page) {
        const { entries } = await operations.read.items(filter, page);
        return { entries: [...entries, ...entries.slice(-1)] };
      },
    }),
  },
];

test.each(lies)("$what is found", async ({ invariant, lie }) => {
  await expect(assertRunInvariants(telling(lie()), [runId])).rejects.toThrow(invariant);
});
