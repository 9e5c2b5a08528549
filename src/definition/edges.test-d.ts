/** What the compiler says about edges, each mistake at its place. Checked by `tsc`; nothing here runs. */

import { z } from "zod";
import { context, field } from "./context/field.ts";
import { node } from "./node.ts";
import { unchecked } from "./schema.ts";
import { abort, hold, next } from "./transition.ts";
import { workflow } from "./workflow.ts";

const w = { name: "w", version: "1" } as const;
const num = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const str = node({ input: unchecked<string>(), run: ({ input }) => next(input) });
const Shop = context({ limit: field.counter(), log: field.eventLog<string>() });

// Direct edges: one node, several, none; to itself and back.
workflow({ ...w, nodes: { num }, start: "num", edges: { num: [] } });
workflow({ ...w, nodes: { num, other: num }, start: "num", edges: { num: ["num", "other"], other: { to: "num" } } });
workflow({
  ...w,
  nodes: { num, str },
  start: "num",
  edges: {
    // @ts-expect-error a number is not accepted by str
    num: "str",
    str: [],
  },
});
workflow({
  ...w,
  nodes: { num, str },
  start: "num",
  edges: {
    num: [
      "num",
      // @ts-expect-error also as one of several
      "str",
    ],
    str: [],
  },
});
workflow({
  ...w,
  nodes: { num, other: num },
  start: "num",
  edges: {
    num: ["other", "num"],
    // @ts-expect-error there is no such node
    other: "nmu",
  },
});
workflow({
  ...w,
  nodes: { num },
  start: "num",
  edges: {
    num: [],
    // @ts-expect-error an edge of a node that does not exist
    ghost: [],
  },
});
workflow({
  ...w,
  nodes: { num, other: num },
  start: "num",
  // @ts-expect-error the edge of other is missing
  edges: { num: "other" },
});
workflow({
  ...w,
  nodes: { num, other: num },
  start: "num",
  edges: {
    num: [],
    // @ts-expect-error no edge leads to other
    other: [],
  },
});
workflow({
  ...w,
  nodes: { num },
  // @ts-expect-error no such start
  start: "mun",
  edges: { num: [] },
});
workflow({
  ...w,
  nodes: { num },
  start: "num",
  edges: {
    num: {
      to: [],
      // @ts-expect-error a misspelt option of an edge
      onFailur: "num",
    },
  },
});
workflow({
  ...w,
  nodes: {
    // @ts-expect-error not made by node()
    num: { input: unchecked<number>(), run: () => next(1) },
  },
  start: "num",
  edges: { num: [] },
});
// @ts-expect-error a misspelt option of a workflow
workflow({ ...w, completon: "all", nodes: { num }, start: "num", edges: { num: [] } });
// @ts-expect-error a way to complete that is none
workflow({ ...w, completion: "last", nodes: { num }, start: "num", edges: { num: [] } });

// Exits receive the failed node's input, and are never empty.
const parse = node({ input: unchecked<string>(), run: ({ input }) => next(Number(input)) });
workflow({
  ...w,
  nodes: { parse, num, str },
  start: "parse",
  edges: { parse: { to: "num", onFailure: "str", onTimeout: ["str", "parse"] }, num: [], str: [] },
});
workflow({
  ...w,
  nodes: { parse, num },
  start: "parse",
  edges: {
    parse: {
      to: "num",
      // @ts-expect-error num does not accept the input of parse
      onFailure: "num",
    },
    num: [],
  },
});
workflow({
  ...w,
  nodes: { parse, num },
  start: "parse",
  edges: {
    // @ts-expect-error an empty exit would swallow the error
    parse: { to: "num", onFailure: [] },
    num: [],
  },
});

// The context: nodes need the workflow's fields or fewer.
const uses = node({ context: Shop, input: unchecked<number>(), run: ({ input }) => next(input) });
const Larger = context({ ...Shop.fields, more: field.register(1) });
workflow({ ...w, context: Larger, nodes: { uses, num }, start: "uses", edges: { uses: "num", num: [] } });
workflow({
  ...w,
  nodes: {
    // @ts-expect-error the workflow has no context
    uses,
  },
  start: "uses",
  edges: { uses: [] },
});
workflow({
  ...w,
  context: context({ limit: Shop.fields.limit }),
  nodes: {
    num,
    // @ts-expect-error the workflow has no log
    uses,
  },
  start: "num",
  edges: { num: "uses", uses: [] },
});
workflow({
  ...w,
  context: context({ limit: field.counter(), log: field.eventLog<number>() }),
  nodes: {
    num,
    // @ts-expect-error the log holds other events
    uses,
  },
  start: "num",
  edges: { num: "uses", uses: [] },
});
workflow({
  ...w,
  context: context({ limit: field.maximum(), log: field.eventLog<string>() }),
  nodes: {
    // @ts-expect-error the limit is of another kind
    uses,
  },
  start: "uses",
  edges: { uses: [] },
});

// Payloads travel as JSON: readonly means nothing on the way, and undefined is as good as absent.
const lists = node({ input: unchecked<null>(), run: () => next({ ids: ["a"] as readonly string[] }) });
const takesLists = node({ input: unchecked<{ ids: string[] }>(), run: ({ input }) => next(input.ids.length) });
workflow({ ...w, nodes: { lists, takesLists }, start: "lists", edges: { lists: "takesLists", takesLists: [] } });
const maybe = node({ input: z.object({ note: z.string().optional() }), run: ({ input }) => next(input) });
const takesMaybe = node({ input: unchecked<{ note?: string }>(), run: ({ input }) => next(input) });
workflow({ ...w, nodes: { maybe, takesMaybe }, start: "maybe", edges: { maybe: "takesMaybe", takesMaybe: "maybe" } });

// An edge delivers the input type of a schema: coercions and defaults are the receiver's business.
const dates = node({
  input: z.object({ when: z.coerce.date<string>(), n: z.number().default(3) }),
  run: ({ input }) => next(input.n),
});
const makesText = node({ input: unchecked<string>(), run: ({ input }) => next({ when: input }) });
workflow({ ...w, nodes: { makesText, dates }, start: "makesText", edges: { makesText: "dates", dates: [] } });

// Recursive types, brands, tuples, records, unknown, and any (which is a plain value).
interface Tree {
  readonly v: number;
  readonly kids: readonly Tree[];
}
interface MutableTree {
  v: number;
  kids: MutableTree[];
}
type Json = null | string | number | boolean | Json[] | { [key: string]: Json };
const tree = node({ input: unchecked<null>(), run: () => next<Tree>({ v: 1, kids: [] }) });
const takesTree = node({ input: unchecked<MutableTree>(), run: ({ input }) => next(input.v) });
const takesOther = node({ input: unchecked<{ v: string; kids: MutableTree[] }>(), run: ({ input }) => next(input.v) });
workflow({ ...w, nodes: { tree, takesTree }, start: "tree", edges: { tree: "takesTree", takesTree: [] } });
workflow({
  ...w,
  nodes: { tree, takesOther },
  start: "tree",
  edges: {
    // @ts-expect-error v is a number
    tree: "takesOther",
    takesOther: [],
  },
});
const json = node({ input: unchecked<Json>(), run: ({ input }) => next({ a: input }) });
const zodJson = node({ input: z.json(), run: ({ input }) => next(input) });
workflow({ ...w, nodes: { json, zodJson }, start: "json", edges: { json: "zodJson", zodJson: "json" } });
const Id = z.string().brand<"Id">();
const odd = node({
  input: z.object({ id: Id, at: z.tuple([z.number(), z.string()]), by: z.record(z.string(), z.number()) }),
  run: ({ input }) => next(input),
});
workflow({ ...w, nodes: { odd, again: odd }, start: "odd", edges: { odd: "again", again: [] } });
const unknowing = node({ input: unchecked<unknown>(), run: ({ input }) => next(input) });
workflow({ ...w, nodes: { num, unknowing }, start: "num", edges: { num: "unknowing", unknowing: [] } });
workflow({
  ...w,
  nodes: { num, unknowing },
  start: "unknowing",
  edges: {
    // @ts-expect-error unknown is not a number
    unknowing: "num",
    num: [],
  },
});
workflow({
  ...w,
  nodes: { unknowing, takesMaybe },
  start: "unknowing",
  edges: {
    // @ts-expect-error unknown does not pass for an object of optional properties either
    unknowing: "takesMaybe",
    takesMaybe: [],
  },
});
const anything = node({ input: unchecked<string>(), run: ({ input }) => next(JSON.parse(input)) });
workflow({ ...w, nodes: { anything, num }, start: "anything", edges: { anything: "num", num: [] } });

// A node that never emits still says where it would end.
const dead = node({ input: unchecked<number>(), run: () => abort("no") });
workflow({ ...w, nodes: { dead, num }, start: "dead", edges: { dead: { to: [], onFailure: "num" }, num: [] } });
const holds = node({ input: unchecked<number>(), serializable: true, run: () => hold() });
workflow({ ...w, nodes: { num, holds }, start: "num", edges: { num: "holds", holds: [] } });

// Nodes may be written in place; they are inferred as if they stood alone.
workflow({
  ...w,
  context: Shop,
  nodes: {
    first: node({ input: z.string(), run: ({ input }) => next(input.length) }),
    second: node({
      input: z.number(),
      context: Shop,
      run({ input, context }) {
        context.limit.add(input);
        return next("done");
      },
    }),
  },
  start: "first",
  edges: { first: "second", second: [] },
});
