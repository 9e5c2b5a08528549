import { expect, test } from "vitest";
import { commitOf, output, ProtocolWorker, publishDefinition, startOf } from "../test/backend/engine.ts";
import { type BackendOverRowsOptions, backendOverRows, memoryRows } from "./backend-over-rows.ts";
import { type ErrorCode, isMillraceError } from "./core/errors.ts";
import { manualClock } from "./core/ports.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

function backend(options: Partial<BackendOverRowsOptions> = {}) {
  const capabilities = { durability: "none", shared: false, pushWakeups: true, renewal: "inProcess" } as const;
  const clock = manualClock(1_000);
  return backendOverRows({ kind: "mine", location: "here", capabilities, clock, ...memoryRows(), ...options });
}

test("a store of rows is a backend, under its own names and in the default namespace", async () => {
  await using mine = backend();
  expect([mine.kind, mine.location, mine.namespace]).toEqual(["mine", "here", "default"]);
  await publishDefinition(mine.operations);
  await mine.operations.startRuns([startOf("run")]);
  const worker = await ProtocolWorker.open(mine.operations, "s");
  await worker.finish(await worker.claimOne(), output("1"));
  expect(await mine.operations.read.runState("run")).toMatchObject({ status: "completed", createdAt: 1_000 });
});

test("capabilities that contradict each other, and names that are none, are refused", () => {
  const capabilities = { durability: "process", shared: true, pushWakeups: false, renewal: "inProcess" } as const;
  expect(() => backend({ capabilities })).toThrow(failsWith("INVALID_CONFIG"));
  expect(() => backend({ capabilities: { ...capabilities, renewal: "main" } })).not.toThrow();
  expect(() => backend({ capabilities: JSON.parse('{"renewal":"thread"}') })).toThrow(failsWith("INVALID_CONFIG"));
  expect(() => backend({ namespace: "a/b" })).toThrow(failsWith("INVALID_VALUE"));
});

test("rows get details of failures that are data, and a note where they were none", async () => {
  await using mine = backend();
  await publishDefinition(mine.operations);
  const worker = await ProtocolWorker.open(mine.operations, "s");
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const told: unknown[] = [];
  for (const details of [{ at: [1, new Uint8Array([2])] }, cyclic, { big: 1n }]) {
    const id = `run-${told.length}`;
    await mine.operations.startRuns([startOf(id)]);
    const commit = commitOf(await worker.claimOne(), { kind: "fail", failure: { code: "ODD", message: "odd" } });
    const outcome = { kind: "fail", failure: { code: "ODD", message: "odd", details } } as const;
    await worker.commit({ ...commit, outcome });
    told.push((await mine.operations.read.run(id))?.failure?.details);
  }
  const leftOut = { leftOut: "they could not be stored" };
  expect(told).toEqual([{ at: [1, new Uint8Array([2])] }, leftOut, leftOut]);
  await mine.operations.startRuns([startOf("failed")]);
  const failure = { code: "ODD", message: "odd", details: cyclic };
  await mine.operations.control([{ action: { kind: "fail", runId: "failed", failure } }]);
  expect((await mine.operations.read.run("failed"))?.failure?.details).toEqual(leftOut);
});
