import { beforeAll, describe, expect, it } from "vitest";
import { type Compilation, compile } from "./compiler.ts";

const OPENING = `
import { z } from "zod";
import { context, field } from "@/definition/context/field";
import { join, joinByName } from "@/definition/join";
import { node } from "@/definition/node";
import { split } from "@/definition/ready-made";
import { hold, next } from "@/definition/transition";
import { variant } from "@/definition/variant";
import { workflow } from "@/definition/workflow";

const w = { name: "w", version: "1" } as const;
const Shop = context({ total: field.counter() });
const num = node({ input: z.number(), run: ({ input }) => next(input) });
const str = node({ input: z.string(), run: ({ input }) => next(input) });
const sort = node({ input: z.number(), run: ({ input }) => (input > 9 ? next(variant("above", input)) : next(variant("below", "x" as string))) });
const uses = node({ input: z.number(), context: Shop, run: ({ input }) => next(input) });
const fan = split(z.number(), (n) => [n]);
const sum = join({ of: "fna", input: z.number(), run: ({ inputs }) => next(inputs.length) });
const named = joinByName({ of: "fan", inputs: { num: z.number() }, run: ({ inputs }) => next(inputs.num) });
`;

/** A mistake, the line that the compiler must point at (marked), and what its message must say at its beginning. */
interface Mistake {
  readonly title: string;
  readonly program: string;
  readonly says: string;
}

const mistakes: readonly Mistake[] = [
  {
    title: "an edge to a node that takes something else",
    program: `workflow({ ...w, nodes: { num, str }, start: "num", edges: {
      num: "str", // here
      str: [] } });`,
    says: `Type '"str"' is not assignable to type 'EdgeMismatch<"num -> str", { emits: number; accepts: string; }>`,
  },
  {
    title: "a failure exit to a node that takes something else",
    program: `workflow({ ...w, nodes: { num, str }, start: "num", edges: { num: { to: [],
      onFailure: "str" }, // here
      str: [] } });`,
    says: `Type '"str"' is not assignable to type 'EdgeMismatch<"num.onFailure -> str", { emits: number; accepts: string; }>`,
  },
  {
    title: "a way of a route to a node that takes something else",
    program: `workflow({ ...w, nodes: { sort, num }, start: "sort", edges: { sort: { route: { above: "num",
      below: "num" } }, // here
      num: [] } });`,
    says: `Type '"num"' is not assignable to type 'EdgeMismatch<"sort[below] -> num", { emits: string; accepts: number; }>`,
  },
  {
    title: "an edge to a node that does not exist",
    program: `workflow({ ...w, nodes: { num, other: num }, start: "num", edges: { num: "other",
      other: "nmu" } }); // here`,
    says: `Type '"nmu"' is not assignable to type 'InvalidWorkflow<"there is no node named \\"nmu\\"">`,
  },
  {
    title: "an edge of a node that does not exist",
    program: `workflow({ ...w, nodes: { num }, start: "num", edges: { num: [],
      ghost: [] } }); // here`,
    says: `Property 'problem' is missing in type 'never[]' but required in type 'InvalidWorkflow<"there is no node named \\"ghost\\"">'`,
  },
  {
    title: "a kind without a way",
    program: `workflow({ ...w, nodes: { sort, num }, start: "sort", edges: { sort: {
      route: { above: "num" } }, // here
      num: [] } });`,
    says: `Property 'below' is missing in type '{ above: "num"; }' but required in type '{ readonly below: InvalidWorkflow<"route of \\"sort\\" lacks \\"below\\"">; }'`,
  },
  {
    title: "a kind that is never emitted",
    program: `workflow({ ...w, nodes: { sort }, start: "sort", edges: { sort: { route: { "*": [],
      beneath: [] } } } }); // here`,
    says: `Property 'problem' is missing in type 'never[]' but required in type 'InvalidWorkflow<"\\"sort\\" never emits \\"beneath\\"">'`,
  },
  {
    title: "a node without an edge",
    program: `workflow({ ...w, nodes: { num, other: num }, start: "num",
      edges: { num: "other" } }); // here`,
    says: `Property 'other' is missing in type '{ num: "other"; }'`,
  },
  {
    title: "a node that no edge leads to",
    program: `workflow({ ...w, nodes: { num, other: num }, start: "num", edges: { num: [],
      other: [] } }); // here`,
    says: `Type 'never[]' is not assignable to type 'InvalidWorkflow<"no edge leads to \\"other\\"">`,
  },
  {
    title: "a misspelt option of an edge",
    program: `workflow({ ...w, nodes: { num }, start: "num", edges: { num: { to: [],
      onFailur: "num" } } }); // here`,
    says: `Type 'string' is not assignable to type 'InvalidWorkflow<"an edge has no option \\"onFailur\\"">'`,
  },
  {
    title: "a join of an unknown fan-out",
    program: `workflow({ ...w, nodes: { fan, num,
      sum }, // here
      start: "fan", edges: { fan: "num", num: "sum", sum: [] } });`,
    says: `required in type 'InvalidWorkflow<"join \\"sum\\" is of \\"fna\\", which is no node of this workflow">'`,
  },
  {
    title: "a predecessor that a join by name does not know",
    program: `workflow({ ...w, nodes: { fan, other: num, named }, start: "fan", edges: { fan: "other",
      other: "named", // here
      named: [] } });`,
    says: `Type '"named"' is not assignable to type 'InvalidWorkflow<"join \\"named\\" has no input named \\"other\\"">`,
  },
  {
    title: "a node whose context the workflow lacks",
    program: `workflow({ ...w, nodes: {
      uses }, // here
      start: "uses", edges: { uses: [] } });`,
    says: `ContextMismatch<"uses", { needs: { total: CounterField; }; given: NoFields; }>`,
  },
  {
    title: "hold() in a node that is not serializable",
    program: `node({ input: z.number(),
      run: () => hold() }); // here`,
    says: `Property '"hold() is only for nodes with serializable: true"' is missing in type 'Hold' but required in type 'HoldNeedsSerializable'`,
  },
  {
    title: "hold() as one way among others",
    program: `node({ input: z.number(),
      run: ({ input }) => (input > 1 ? hold() : next(input)) }); // here`,
    says: `Property '"hold() is only for nodes with serializable: true"' is missing in type 'Hold' but required in type 'HoldNeedsSerializable'`,
  },
  {
    title: "a misspelt option of a node",
    program: `node({ input: z.number(),
      timeuot: "3s", // here
      run: () => next(1) });`,
    says: "'timeuot' does not exist in type",
  },
  {
    title: "a start that does not exist",
    program: `workflow({ ...w, nodes: { num },
      start: "mun", // here
      edges: { num: [] } });`,
    says: `Type '"mun"' is not assignable to type '"num"'`,
  },
];

describe("the compiler's message", () => {
  let compilation: Compilation;
  const programs = new Map(mistakes.map(({ program }, index) => [`mistake-${index}.ts`, `${OPENING}${program}\n`]));
  beforeAll(async () => {
    compilation = await compile({ ...Object.fromEntries(programs), "right.ts": OPENING });
  });

  it("is none for what is right", () => {
    expect(compilation.errors.filter(({ file }) => !programs.has(file))).toEqual([]);
  });

  it.each(mistakes.map(({ title, says }, index) => ({ title, says, file: `mistake-${index}.ts` })))(
    "names $title, at its place, and nothing else is said",
    ({ says, file }) => {
      const errors = compilation.errors.filter((error) => error.file === file);
      expect(errors).toHaveLength(1);
      expect(errors[0]?.message).toContain(says);
      const marked = programs
        .get(file)
        ?.split("\n")
        .findIndex((line) => line.includes("// here"));
      expect(errors[0]?.line).toBe((marked ?? -1) + 1);
    },
  );
});
