// What the compiler knows of runs in one process: inputs, outputs, contexts and the names of nodes, all of the workflow.

import { expectTypeOf, test } from "vitest";
import { memory } from "../connect.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { run } from "./run.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const Shared = context({ status: field.register<"new" | "paid">("new") });

const orders = workflow({
  name: "orders",
  version: "1",
  context: Shared,
  nodes: {
    check: node({ input: unchecked<{ id: string }>(), run: ({ input }) => next(input.id.length) }),
    pay: node({ input: unchecked<number>(), run: ({ input }) => next(`paid ${input}` as const) }),
  },
  start: "check",
  edges: { check: "pay", pay: [] },
});

const place = { store: memory().checkpoints, id: "job" };

test("a run that is saved takes the workflow's input and gives its output and context", async () => {
  const done = await runWithCheckpoint(orders, { id: "a" }, { ...place, context: { status: "paid" } });
  expectTypeOf(done.output).toEqualTypeOf<`paid ${number}`>();
  expectTypeOf(done.context.status.value).toEqualTypeOf<"new" | "paid">();
  // @ts-expect-error another input
  void runWithCheckpoint(orders, { id: 1 }, place).catch(() => undefined);
  // @ts-expect-error no such initial value
  void runWithCheckpoint(orders, { id: "a" }, { ...place, context: { status: "old" } }).catch(() => undefined);
  // @ts-expect-error nowhere to save it
  void runWithCheckpoint(orders, { id: "a" }, {}).catch(() => undefined);
});

test("a run that is resumed has no input, and the same output and context", () => {
  const resumed = () => resume(orders, { ...place, limits: { timeout: "1h" } });
  expectTypeOf<Awaited<ReturnType<typeof resumed>>["output"]>().toEqualTypeOf<`paid ${number}`>();
  // @ts-expect-error a run that goes on has its own context
  void resume(orders, { ...place, context: { status: "new" } }).catch(() => undefined);
});

test("progress names the nodes of the workflow", async () => {
  await run(
    orders,
    { id: "a" },
    { onProgress: ({ node: name }) => expectTypeOf(name).toEqualTypeOf<"check" | "pay">() },
  );
});
