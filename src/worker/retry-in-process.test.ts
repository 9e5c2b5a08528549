/** `retryInProcess`: a body is called again inside one attempt, and what failed calls did is gone. */

import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { retryInProcess } from "../definition/ready-made.ts";
import { abort, next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";

const Tally = context({ calls: field.counter() });

/** A node that fails so many times, or gives up, before it succeeds. */
function flaky(failures: number, log: string[], fail: () => ReturnType<typeof abort> = raise) {
  let calls = 0;
  return node({
    context: Tally,
    input: z.string(),
    retry: { maxAttempts: 2, initialBackoff: "1m" },
    async run({ input, context, attempt, idempotencyKey, step }) {
      calls += 1;
      context.calls.add();
      const first = await step("first", () => calls);
      log.push(`call ${calls} of attempt ${attempt}, step ${first}, key ${idempotencyKey.split(".").at(-1)}`);
      return calls <= failures ? fail() : next(input);
    },
  });
}

function raise(): never {
  throw new Error("not yet");
}

function around(inner: ReturnType<typeof flaky>) {
  return workflow({ name: "w", version: "1", context: Tally, nodes: { inner }, start: "inner", edges: { inner: [] } });
}

test("a body that fails for a moment is called again in the same attempt, with its steps, key and a fresh context", async () => {
  const bench = new WorkerBench();
  const log: string[] = [];
  const flow = around(retryInProcess(flaky(2, log), { maxAttempts: 3, initialBackoff: "100ms", strategy: "fixed" }));
  const worker = bench.worker(flow);
  const id = await bench.start(flow, "x");
  const begun = bench.clock.now();
  const [run] = await bench.finish(worker, id);
  expect(run).toMatchObject({ status: "completed", value: "x", retried: 0 });
  expect(log).toEqual([
    "call 1 of attempt 1, step 1, key 0",
    "call 2 of attempt 1, step 1, key 0",
    "call 3 of attempt 1, step 1, key 0",
  ]);
  expect(bench.clock.now() - begun).toBeGreaterThanOrEqual(200);
  expect((await bench.operations.read.contextTail(id, { after: 0 }))?.deltas).toHaveLength(1);
  expect((await bench.operations.read.failures({ runId: id }, {})).entries).toEqual([]);
});

test("what still fails then is one failed attempt, and the node's own policy goes on", async () => {
  const bench = new WorkerBench();
  const log: string[] = [];
  const flow = around(retryInProcess(flaky(3, log), { maxAttempts: 2, initialBackoff: "1ms" }));
  const worker = bench.worker(flow);
  const id = await bench.start(flow, "x");
  const [run] = await bench.finish(worker, id);
  expect(run).toMatchObject({ status: "completed", retried: 1 });
  expect(log.map((line) => line.split(",")[0])).toEqual([
    "call 1 of attempt 1",
    "call 2 of attempt 1",
    "call 3 of attempt 2",
    "call 4 of attempt 2",
  ]);
});

test("abort is not tried again inside the attempt, unless the policy names its code", async () => {
  const bench = new WorkerBench();
  const log: string[] = [];
  const giveUp = () => abort("no", { code: "EMPTY" });
  const flow = around(retryInProcess(flaky(1, log, giveUp), { maxAttempts: 3, initialBackoff: "1ms" }));
  const worker = bench.worker(flow);
  const [run] = await bench.finish(worker, await bench.start(flow, "x"));
  expect(run).toMatchObject({ status: "failed" });
  expect(log).toHaveLength(1);

  const named = { maxAttempts: 3, initialBackoff: "1ms", retryOn: ["EMPTY"] } as const;
  const other = new WorkerBench();
  const again = around(retryInProcess(flaky(1, log, giveUp), named));
  const [second] = await other.finish(other.worker(again), await other.start(again, "x"));
  expect(second).toMatchObject({ status: "completed" });
});

test("a policy that makes no sense is a problem of the workflow", () => {
  const inner = retryInProcess(flaky(0, []), { maxAttempts: 0 });
  expect(() => around(inner)).toThrow(/maxAttempts/);
});
