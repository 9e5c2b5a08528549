/** What a workflow carries in its type, for those who start, read and compose runs. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import { z } from "zod";
import { context, field } from "./context/field.ts";
import type { Definition } from "./definition.ts";
import { type NoFields, node } from "./node.ts";
import { unchecked } from "./schema.ts";
import { next, nextAll } from "./transition.ts";
import { variant } from "./variant.ts";
import { dynamicWorkflow, workflow } from "./workflow.ts";
import type { Workflow } from "./workflow-building.ts";
import type { InputOf, NameOf, OutputOf, TypesOf, WorkflowTypes } from "./workflow-types.ts";

const Shop = context({ total: field.counter() });
const sort = node({
  input: z.object({ n: z.coerce.number<string>() }),
  context: Shop,
  run: ({ input }) => (input.n > 9 ? next(variant("large", input.n)) : next(variant("small", `${input.n}` as string))),
});
const big = node({ input: z.number(), run: ({ input }) => next({ big: input }) });
const nodes = { sort, big };

// Name, input, output, fields and nodes, literally.
const single = workflow({
  name: "orders",
  version: "1.0.0",
  context: Shop,
  nodes,
  start: "sort",
  edges: { sort: { route: { large: "big", small: [] } }, big: [] },
});
expectTypeOf<NameOf<typeof single>>().toEqualTypeOf<"orders">();
expectTypeOf<InputOf<typeof single>>().toEqualTypeOf<{ n: string }>();
expectTypeOf<OutputOf<typeof single>>().toEqualTypeOf<string | { readonly big: number }>();
expectTypeOf<TypesOf<typeof single>["fields"]>().toEqualTypeOf<typeof Shop.fields>();
expectTypeOf<TypesOf<typeof single>["nodes"]>().toEqualTypeOf<{
  sort: {
    in: { n: string };
    out: ReturnType<typeof variant<"large", number>> | ReturnType<typeof variant<"small", string>>;
  };
  big: { in: number; out: { readonly big: number } };
}>();
expectTypeOf(single.name).toEqualTypeOf<"orders">();
expectTypeOf(single.definition).toEqualTypeOf<Definition>();
expectTypeOf(single.compatible).toEqualTypeOf<readonly string[]>();
expectTypeOf(single.toDot()).toEqualTypeOf<string>();
// @ts-expect-error a workflow does not change
single.version = "2";

// How it completes shows in the output.
const first = workflow({
  name: "f",
  version: "1",
  context: Shop,
  completion: "first",
  nodes,
  start: "sort",
  edges: { sort: { route: { "*": [], large: "big" } }, big: [] },
});
expectTypeOf<OutputOf<typeof first>>().toEqualTypeOf<string | { readonly big: number }>();
const all = workflow({
  name: "a",
  version: "1",
  context: Shop,
  completion: "all",
  nodes,
  start: "sort",
  edges: { sort: { route: { large: "big", small: [] } }, big: [] },
});
expectTypeOf<OutputOf<typeof all>>().toEqualTypeOf<(string | { readonly big: number })[]>();

// Guarded ends and wildcard ends are ends.
const many = node({
  input: z.number(),
  run: () => nextAll([variant("a", 1 as number), variant("b", "x" as string), variant("c", true as boolean)]),
});
const wild = workflow({
  name: "w",
  version: "1",
  nodes: { many, num: node({ input: z.number(), run: ({ input }) => next({ last: input }) }) },
  start: "many",
  edges: { many: { route: { a: [{ when: (n) => n > 1, to: "num" }, { to: [] }], "*": [] } }, num: [] },
});
expectTypeOf<OutputOf<typeof wild>>().toEqualTypeOf<number | string | boolean | { readonly last: number }>();

// A loop has the output of its end alone; a graph without an end has none.
const down = node({
  input: z.number(),
  run: ({ input }) => (input > 0 ? next(variant("again", input - 1)) : next(variant("done", "ok"))),
});
const loop = workflow({
  name: "l",
  version: "1",
  nodes: { down },
  start: "down",
  edges: { down: { route: { again: "down", done: [] } } },
});
expectTypeOf<OutputOf<typeof loop>>().toEqualTypeOf<"ok">();
const endless = workflow({
  name: "l",
  version: "1",
  nodes: { n: node({ input: z.number(), run: ({ input }) => next(input) }) },
  start: "n",
  edges: { n: "n" },
});
expectTypeOf<OutputOf<typeof endless>>().toEqualTypeOf<never>();

// Workflows of any type can be handled together, and their types got back; without types all is unknown, never any.
const every: readonly Workflow[] = [single, first, all, loop];
expectTypeOf(every).toEqualTypeOf<readonly Workflow[]>();
declare function start<T extends WorkflowTypes>(workflow: Workflow<T>, input: NoInfer<T["input"]>): T["output"];
expectTypeOf(start(loop, 3)).toEqualTypeOf<"ok">();
// @ts-expect-error the input is a number
start(loop, "3");
expectTypeOf<InputOf<Workflow>>().toEqualTypeOf<unknown>();
expectTypeOf<OutputOf<Workflow>>().toEqualTypeOf<unknown>();
const of = <W extends Workflow>(w: W, input: InputOf<W>): OutputOf<W> => start(w, input) as OutputOf<W>;
expectTypeOf(of(loop, 2)).toEqualTypeOf<"ok">();

// Options.
workflow({
  name: "o",
  version: "1",
  nodes: { down },
  start: "down",
  edges: { down: { route: { again: "down", done: [] } } },
  timeout: "2h",
  retry: false,
  maxItems: 10,
  compatible: [loop, "0123456789abcdef0123456789abcdef"],
  completion: undefined,
  context: undefined,
});

// A graph checked at run time alone carries the types its author gives it.
const dynamic = dynamicWorkflow<{ n: number }, string, typeof Shop.fields>({
  name: "d",
  version: "1",
  context: Shop,
  nodes: Object.fromEntries([["sort", sort] as const]),
  start: "sort",
  edges: {
    sort: {
      route: { "*": [{ name: "any", when: (n: number) => n > 1, to: "sort" }, { to: [] }] },
      onFailure: ["sort"],
    },
  },
});
expectTypeOf<InputOf<typeof dynamic>>().toEqualTypeOf<{ n: number }>();
expectTypeOf<OutputOf<typeof dynamic>>().toEqualTypeOf<string>();
expectTypeOf(dynamic.name).toEqualTypeOf<string>();
const untyped = dynamicWorkflow({ name: "d", version: "1", nodes: { big }, start: "big", edges: { big: [] } });
expectTypeOf<OutputOf<typeof untyped>>().toEqualTypeOf<unknown>();
expectTypeOf<TypesOf<typeof untyped>["fields"]>().toEqualTypeOf<NoFields>();
// @ts-expect-error a node that needs more context than the workflow has
dynamicWorkflow({ name: "d", version: "1", nodes: { sort }, start: "sort", edges: { sort: [] } });
const approve = <T>(inner: ReturnType<typeof passes<T>>) =>
  dynamicWorkflow<T, T>({ name: "approve", version: "1", nodes: { inner }, start: "inner", edges: { inner: [] } });
const passes = <T>() => node({ input: unchecked<T>(), run: ({ input }) => next(input) });
expectTypeOf<InputOf<ReturnType<typeof approve<boolean>>>>().toEqualTypeOf<boolean>();
