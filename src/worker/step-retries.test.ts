import { expect, test } from "vitest";
import { memory } from "../connect.ts";
import { NonRetryableError } from "../core/errors.ts";
import { type ManualClock, manualClock } from "../core/ports.ts";
import type { StepOptions } from "../definition/attempt.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import { DistributedWorker } from "./distributed-worker.ts";

/** Runs a node of two steps, the second of which fails as often as it is told; gives its calls and how the run ended. */
async function runSteps(failures: readonly unknown[], options: StepOptions, attempts = 1) {
  const clock: ManualClock = manualClock(1_000_000);
  const backend = memory({ clock });
  const calls: string[] = [];
  const left = [...failures];
  const book = node({
    input: unchecked<null>(),
    retry: { maxAttempts: attempts, initialBackoff: 0 },
    async run({ step, attempt }) {
      const flight = await step("flight", () => `flight ${calls.push("flight")}`);
      const hotel = await step(
        "hotel",
        () => {
          calls.push(`hotel of ${attempt} at ${clock.now() - 1_000_000}`);
          if (left.length > 0) throw left.shift();
          return "hotel";
        },
        options,
      );
      return next(`${flight}, ${hotel}`);
    },
  });
  const trips = workflow({ name: "trips", version: "1", nodes: { book }, start: "book", edges: { book: [] } });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [trips], clock });
  const worker = new DistributedWorker({ backend, workflows: [trips], clock });
  const handle = await orchestrator.startRun(trips, null);
  const working = worker.run();
  while (!["completed", "failed"].includes(await handle.status())) {
    await clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const stopping = worker.stop();
  await clock.advance(1_000);
  await Promise.all([stopping, working]);
  const run = await orchestrator.getRun(handle.id);
  return { calls, output: run?.output, failure: run?.failure?.message };
}

test("a step with a policy of its own is called again inside the attempt, and what was done before it is not", async () => {
  const retry = { maxAttempts: 3, initialBackoff: 1_000, strategy: "fixed" } as const;
  const { calls, output } = await runSteps([new Error("full"), new Error("full")], { retry });
  expect(calls.map((call) => call.replace(/ at .*/, ""))).toEqual(["flight", "hotel of 1", "hotel of 1", "hotel of 1"]);
  const at = calls.slice(1).map((call) => Number(call.replace(/.* at /, "")));
  expect(at.slice(1).map((instant, before) => instant - (at[before] ?? 0))).toEqual([1_000, 1_000]);
  expect(output).toBe("flight 1, hotel");
});

test("a step that fails too often fails the attempt, and begins anew with the next", async () => {
  const failures = Array.from({ length: 3 }, () => new Error("full"));
  const { calls, output } = await runSteps(failures, { retry: { maxAttempts: 2, initialBackoff: 10 } }, 2);
  expect(calls.map((call) => call.replace(/ at .*/, ""))).toEqual([
    "flight",
    ...["hotel of 1", "hotel of 1", "hotel of 2", "hotel of 2"],
  ]);
  expect(output).toBe("flight 1, hotel");
});

test.each([
  ["without a policy", {}, new Error("full")],
  ["with none on purpose", { retry: false }, new Error("full")],
  ["that says that it helps nothing", { retry: { maxAttempts: 5 } }, new NonRetryableError("full")],
] as const)("a step %s is called once", async (_, options, error) => {
  const { calls, failure } = await runSteps([error], options);
  expect([calls.length, failure]).toEqual([2, "full"]);
});

test("a policy that is none fails the attempt before anything is done", async () => {
  const { calls, failure } = await runSteps([], { retry: { maxAttempts: 0 } });
  expect(calls).toEqual(["flight"]);
  expect(failure).toContain("maxAttempts");
});
