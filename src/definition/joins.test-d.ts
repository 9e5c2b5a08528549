/** What the compiler knows of joins and their fan-outs. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import { z } from "zod";
import { context, field } from "./context/field.ts";
import { type ByName, type JoinArgs, join, joinByName } from "./join.ts";
import { type Node, node } from "./node.ts";
import { split } from "./ready-made.ts";
import { unchecked } from "./schema.ts";
import { hold, next, nextAll } from "./transition.ts";
import { variant } from "./variant.ts";
import { workflow } from "./workflow.ts";
import type { OutputOf } from "./workflow-types.ts";

const w = { name: "w", version: "1" } as const;
const Totals = context({ pages: field.counter() });
const fan = split(z.object({ tags: z.array(z.string()) }), ({ tags }) => tags);
const measure = node({ input: z.string(), run: ({ input }) => next(input.length) });

// A join receives what arrives as a list, parsed; edges deliver single values.
const total = join({
  of: "fan",
  input: z.coerce.number<number>(),
  context: Totals,
  run({ inputs, context, attempt }) {
    expectTypeOf(inputs).toEqualTypeOf<readonly number[]>();
    expectTypeOf(attempt).toEqualTypeOf<number>();
    context.pages.add(inputs.length);
    return next({ count: inputs.length });
  },
});
expectTypeOf(total).toEqualTypeOf<Node<number, { readonly count: number }, typeof Totals.fields, "fan">>();
const counting = workflow({
  ...w,
  context: Totals,
  nodes: { fan, measure, total },
  start: "fan",
  edges: { fan: "measure", measure: "total", total: [] },
});
expectTypeOf<OutputOf<typeof counting>>().toEqualTypeOf<{ readonly count: number }>();

// A join of an unknown fan-out is an error where the join becomes a node of the workflow.
workflow({
  ...w,
  context: Totals,
  nodes: {
    split: fan,
    measure,
    // @ts-expect-error there is no node named "fan" here
    total,
  },
  start: "split",
  edges: { split: "measure", measure: "total", total: [] },
});
// @ts-expect-error a join names its fan-out
join({ input: z.number(), run: () => next(1) });
// @ts-expect-error by a name
join({ of: fan, input: z.number(), run: () => next(1) });
join({
  of: "fan",
  input: z.number(),
  // @ts-expect-error a join has inputs, not an input
  run: ({ input }) => next(input),
});
join({
  of: "fan",
  input: z.number(),
  // @ts-expect-error hold() is only for nodes with serializable: true
  run: () => hold(),
});
expectTypeOf(join({ of: "fan", input: z.number(), serializable: true, run: () => hold() })).toEqualTypeOf<
  Node<number, never, { readonly [K in never]: never }, "fan">
>();
join({
  of: "fan",
  input: z.number(),
  output: z.string(),
  // @ts-expect-error the declared output is a text
  run: ({ inputs }) => next(inputs.length),
});

// What arrives is checked like at any node.
workflow({
  ...w,
  context: Totals,
  nodes: { fan, total },
  start: "fan",
  edges: {
    // @ts-expect-error texts are not what total takes
    fan: "total",
    total: [],
  },
});

// Joins may route, fan out and fail over themselves.
const routed = join({
  of: "fan",
  input: z.number(),
  run: ({ inputs }) => (inputs.length > 3 ? nextAll(inputs) : next(variant("few", inputs.length))),
});
workflow({
  ...w,
  nodes: {
    fan,
    measure,
    routed,
    each: node({ input: z.number(), run: ({ input }) => next(input) }),
    mend: node({ input: z.array(z.number()), run: ({ input }) => next(input.length) }),
  },
  start: "fan",
  edges: {
    fan: "measure",
    measure: "routed",
    routed: { to: "each", route: { few: [] }, onFailure: "mend" },
    each: [],
    mend: [],
  },
});

// A join by name has one typed, optional input for each predecessor.
const begin = node({ input: z.string(), run: ({ input }) => next(input) });
const credit = node({ input: z.string(), run: ({ input }) => next({ score: input.length }) });
const identity = node({ input: z.string(), run: ({ input }) => next({ known: input !== "" }) });
const decide = joinByName({
  of: "begin",
  inputs: { credit: z.object({ score: z.number() }), identity: z.object({ known: z.boolean() }) },
  run({ inputs }) {
    expectTypeOf(inputs.credit).toEqualTypeOf<{ score: number } | undefined>();
    expectTypeOf(inputs.identity).toEqualTypeOf<{ known: boolean } | undefined>();
    // @ts-expect-error no such predecessor
    inputs.kyc;
    return next(inputs.identity?.known === true && (inputs.credit?.score ?? 0) > 3);
  },
});
expectTypeOf(decide).toEqualTypeOf<
  Node<
    ByName<{ credit: { score: number }; identity: { known: boolean } }>,
    boolean,
    { readonly [K in never]: never },
    "begin"
  >
>();
workflow({
  ...w,
  nodes: { begin, credit, identity, decide },
  start: "begin",
  edges: { begin: ["credit", "identity"], credit: "decide", identity: "decide", decide: [] },
});
workflow({
  ...w,
  nodes: { begin, credit, kyc: identity, decide },
  start: "begin",
  edges: {
    begin: ["credit", "kyc"],
    credit: "decide",
    // @ts-expect-error decide has no input named kyc
    kyc: "decide",
    decide: [],
  },
});
workflow({
  ...w,
  nodes: { begin, credit: identity, identity, decide },
  start: "begin",
  edges: {
    begin: ["credit", "identity"],
    // @ts-expect-error the input credit takes a score
    credit: "decide",
    identity: "decide",
    decide: [],
  },
});
// A branch that failed may arrive too, with the input of the node that failed.
const fails = joinByName({
  of: "begin",
  inputs: { check: unchecked<string | number>() },
  run: ({ inputs }) => next(inputs.check),
});
workflow({
  ...w,
  nodes: { begin, check: node({ input: z.string(), run: ({ input }) => next(input.length) }), fails },
  start: "begin",
  edges: { begin: "check", check: { to: "fails", onFailure: "fails" }, fails: [] },
});

// A class may be a join.
class Sum {
  readonly of = "fan";
  readonly input = z.number();
  run({ inputs }: JoinArgs<z.ZodNumber>) {
    return next(inputs.reduce((sum, n) => sum + n, 0));
  }
}
expectTypeOf(join(new Sum())).toEqualTypeOf<Node<number, number, { readonly [K in never]: never }, "fan">>();

// The failure edge of a join delivers all that arrived, as its body would have seen it but for the parsing.
const strict = join({ of: "fan", input: z.number(), run: ({ inputs }) => next(inputs.length) });
const many = node({ input: z.array(z.number()), run: ({ input }) => next(input.length) });
const one = node({ input: z.number(), run: ({ input }) => next(input) });
workflow({
  ...w,
  nodes: { fan, measure, strict, many },
  start: "fan",
  edges: { fan: "measure", measure: "strict", strict: { to: [], onFailure: "many" }, many: [] },
});
workflow({
  ...w,
  nodes: { fan, measure, strict, one },
  start: "fan",
  // @ts-expect-error one number is not a list of them
  edges: { fan: "measure", measure: "strict", strict: { to: [], onFailure: "one" }, one: [] },
});
const both = joinByName({ of: "fan", inputs: { measure: z.number() }, run: ({ inputs }) => next(inputs.measure ?? 0) });
const slots = node({
  input: z.object({ measure: z.number().optional() }),
  run: ({ input }) => next(input.measure ?? 0),
});
workflow({
  ...w,
  nodes: { fan, measure, both, slots },
  start: "fan",
  edges: { fan: "measure", measure: "both", both: { to: [], onFailure: "slots" }, slots: [] },
});
workflow({
  ...w,
  nodes: { fan, measure, both, one },
  start: "fan",
  // @ts-expect-error slots are not a number
  edges: { fan: "measure", measure: "both", both: { to: [], onFailure: "one" }, one: [] },
});
