// What the compiler knows of runs: inputs, outputs, contexts and nodes of the workflow that a run was started of, with
// its code or with its types alone.

import { expectTypeOf, test } from "vitest";
import { memory } from "../connect.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next, nextAll } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { run } from "../local/run.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";
import type { RunHandle } from "./run-handle.ts";

const Shared = context({ status: field.register<"new" | "paid">("new"), log: field.eventLog<{ kind: string }>() });

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

const all = workflow({
  name: "all",
  version: "1",
  completion: "all",
  nodes: { fan: node({ input: unchecked<string[]>(), run: ({ input }) => nextAll(input) }) },
  start: "fan",
  edges: { fan: [] },
});

const orchestrator = new DistributedOrchestrator({ backend: memory(), workflows: [orders, all] });

test("a run is typed by its workflow", async () => {
  const handle = await orchestrator.startRun(orders, { id: "a" }, { context: { status: "paid" } });
  expectTypeOf(handle.result()).resolves.toEqualTypeOf<`paid ${number}`>();
  const view = await handle.context();
  expectTypeOf(view.status.value).toEqualTypeOf<"new" | "paid">();
  expectTypeOf(view.log.events).toEqualTypeOf<readonly { kind: string }[]>();
  for await (const event of handle.watch()) {
    if (event.type === "item") expectTypeOf(event.node).toEqualTypeOf<"check" | "pay">();
  }
  const list = await orchestrator.startRun(all, ["a"]);
  expectTypeOf(list.result()).resolves.toEqualTypeOf<string[]>();
});

test("the same by name, with the types alone", async () => {
  const handle = await orchestrator.startRun<typeof orders>("orders", { id: "a" });
  expectTypeOf(handle.result()).resolves.toEqualTypeOf<`paid ${number}`>();
  const existing = orchestrator.handle<typeof orders>("orders", "id");
  expectTypeOf(existing).toEqualTypeOf<typeof handle>();
  expectTypeOf((await orchestrator.context<typeof orders>("id")).status.value).toEqualTypeOf<"new" | "paid">();
});

test("without types everything is unknown, never any", async () => {
  const handle = await orchestrator.startRun("orders", { whatever: 1 });
  expectTypeOf(handle).toEqualTypeOf<RunHandle>();
  expectTypeOf(handle.result()).resolves.toBeUnknown();
  const info = await orchestrator.getRun("id");
  expectTypeOf(info?.output).toBeUnknown();
  expectTypeOf(info?.input).toBeUnknown();
});

test("what does not fit is an error at its place", async () => {
  // @ts-expect-error the input lacks its id
  await orchestrator.startRun(orders, {});
  // @ts-expect-error a number is no id
  await orchestrator.startRun<typeof orders>("orders", { id: 1 });
  // @ts-expect-error the workflow has another name
  await orchestrator.startRun<typeof orders>("order", { id: "a" });
  // @ts-expect-error the field takes other values
  await orchestrator.startRun(orders, { id: "a" }, { context: { status: "lost" } });
  // @ts-expect-error there is no such field
  await orchestrator.startRun(orders, { id: "a" }, { context: { state: "new" } });
  // @ts-expect-error the second start has no input
  await orchestrator.startRuns(orders, [{ input: { id: "a" } }, {}]);
  // @ts-expect-error a reader cannot change a context
  (await orchestrator.context<typeof orders>("id")).status.set("paid");
});

test("a run in this process is typed alike", async () => {
  const result = await run(orders, { id: "a" }, { context: { status: "paid" } });
  expectTypeOf(result.output).toEqualTypeOf<`paid ${number}`>();
  expectTypeOf(result.context.status.value).toEqualTypeOf<"new" | "paid">();
  // @ts-expect-error the input lacks its id
  await run(orders, {});
});

test("contexts of stores are typed by the context that is named", async () => {
  const { contexts } = memory();
  expectTypeOf((await contexts.get("id", Shared))?.status.value).toEqualTypeOf<"new" | "paid" | undefined>();
  await contexts.merge("id", Shared, ({ log }) => log.append({ kind: "a" }));
  // @ts-expect-error the event is of another type
  await contexts.merge("id", Shared, ({ log }) => log.append(1));
  // @ts-expect-error the field takes other values
  await contexts.set("id", Shared, { status: "lost" });
});
