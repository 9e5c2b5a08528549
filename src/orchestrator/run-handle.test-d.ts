/** What the compiler knows of handles, with and without the types of their workflow. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { TypesOf } from "../definition/workflow-types.ts";
import type { RunHandle } from "./run-handle.ts";
import type { RunItemEvent } from "./watch.ts";

const Totals = context({ total: field.counter() });
const step = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const steps = workflow({
  name: "steps",
  version: "1",
  context: Totals,
  nodes: { one: step, two: step },
  start: "one",
  edges: { one: "two", two: [] },
});

declare const typed: RunHandle<TypesOf<typeof steps>>;
declare const untyped: RunHandle;

async function watched(handle: RunHandle): Promise<RunItemEvent | undefined> {
  for await (const event of handle.watch()) if (event.type === "item") return event;
  return undefined;
}

// A function that takes any handle takes a typed one, and node names are names where the workflow is not known.
export const any: readonly Promise<unknown>[] = [watched(typed), watched(untyped)];
for await (const event of untyped.watch()) {
  if (event.type === "item") expectTypeOf(event.node).toEqualTypeOf<string>();
}
for await (const event of typed.watch()) {
  if (event.type === "item") expectTypeOf(event.node).toEqualTypeOf<"one" | "two">();
}
expectTypeOf((await typed.context()).total.value).toEqualTypeOf<number>();
expectTypeOf(await untyped.result()).toEqualTypeOf<unknown>();
