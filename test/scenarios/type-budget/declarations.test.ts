import { describe, expect, it } from "vitest";
import { declarationsOf } from "./compiler.ts";

const LIBRARY = `
import { abort, context, field, hold, join, joinByName, next, nextAll, node, split, unchecked, variant, variantBy, workflow } from "millrace";
import type { InferInput, InferOutput, StandardSchema } from "millrace";
import { z } from "zod";

export const Shop = context({
  total: field.counter(),
  log: field.eventLog<{ at: string }>(),
  status: field.register<"open" | "closed">("open"),
  list: field.merged<string[]>({ empty: [], merge: (a, b) => [...a, ...b] }),
  largest: field.maximum(),
  seen: field.set<string>(),
  byId: field.map<{ n: number }>(),
  shop: field.fixed("here"),
});
export const sort = node({ input: z.object({ id: z.string() }), context: Shop, run: ({ input }) => (input.id ? next(variant("x", 1)) : abort("no id")) });
export const holds = node({ input: z.number(), serializable: true, run: () => hold() });
export const fan = split(z.number(), (n) => [n]);
export const num = node({ input: z.number(), output: z.number(), run: ({ input }) => nextAll([input]) });
export const sum = join({ of: "fan", input: z.number(), run: ({ inputs }) => next(inputs.length) });
export const named = joinByName({ of: "fan", inputs: { num: z.number() }, run: ({ inputs }) => next(inputs.num ?? 0) });
export const tap = <S extends StandardSchema>(input: S, see: (value: InferOutput<S>) => void) =>
  node({ input, run(args) { see(args.input); return next(args.input); } });
export const fetched = <S extends StandardSchema>(response: S, get: () => Promise<InferInput<S>>) =>
  node({ input: unchecked<string>(), output: response, async run() { return next(await get()); } });
export const values = { next: next(1), variant: variant("a", { b: 1 }), tagged: variantBy("kind", { kind: "b" as const }) };
export const graph = workflow({
  name: "graph", version: "1", context: Shop, nodes: { fan, num, named }, start: "fan",
  edges: { fan: "num", num: "named", named: [] },
});
`;

describe("a library of nodes and workflows", () => {
  it("can be published with declarations: every type in them has a public name", async () => {
    const { errors, declarations } = await declarationsOf(LIBRARY);
    expect(errors).toEqual([]);
    expect(declarations).toContain('import("millrace").Node<number, number, import("millrace").NoFields, "fan">');
  });
});
