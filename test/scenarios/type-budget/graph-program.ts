/**
 * Writes programs with workflows of any size, as a user would write them: schemas of zod, a context, blocks of ten nodes
 * with a router with guards and a wildcard, a fan-out with its join, failure and timeout exits, and declared and
 * inferred outputs. The same size gives the same program.
 */

const NODES_PER_BLOCK = 10;

/** A program whose one workflow has this many nodes (a multiple of ten). */
export function graphProgram(nodes: number): string {
  const blocks = Array.from({ length: nodes / NODES_PER_BLOCK }, (_, block) => blockOf(block, nodes / NODES_PER_BLOCK));
  return [
    OPENING,
    ...blocks.flatMap(({ schema, nodes }) => [schema, ...nodes.map(({ name, body }) => `const ${name} = ${body};`)]),
    "export const graph = workflow({",
    '  name: "graph",',
    '  version: "1.0.0",',
    "  context: Audit,",
    '  start: "enter0",',
    `  nodes: { ${blocks.flatMap(({ nodes }) => nodes.map(({ name }) => name)).join(", ")} },`,
    "  edges: {",
    ...blocks.flatMap(({ nodes }) => nodes.map(({ name, edge }) => `    ${name}: ${edge},`)),
    "  },",
    "});",
    "",
  ].join("\n");
}

const OPENING = `import { z } from "zod";
import { context, field } from "@/definition/context/field";
import { join } from "@/definition/join";
import { node } from "@/definition/node";
import { next, nextAll } from "@/definition/transition";
import { variant } from "@/definition/variant";
import { workflow } from "@/definition/workflow";

const Audit = context({
  total: field.counter(),
  log: field.eventLog<{ at: string; what: string }>(),
  status: field.register<"open" | "closed">("open"),
});
const Case = z.object({ id: z.string(), count: z.number().int(), tags: z.array(z.string()), note: z.string().optional() });
`;

interface WrittenNode {
  readonly name: string;
  readonly body: string;
  readonly edge: string;
}

function blockOf(block: number, blocks: number): { readonly schema: string; readonly nodes: readonly WrittenNode[] } {
  const nodes: readonly WrittenNode[] = [...routed(block), ...fannedOut(block), ...worked(block, blocks)];
  return { schema: `const Step${block} = Case.extend({ step${block}: z.number(), kind: z.enum(["x", "y"]) });`, nodes };
}

function routed(b: number): readonly WrittenNode[] {
  return [
    {
      name: `enter${b}`,
      body: `node({ input: Case, run: ({ input }) => next({ ...input, step${b}: ${b}, kind: "x" }) })`,
      edge: `"route${b}"`,
    },
    {
      name: `route${b}`,
      body: `node({
  input: Step${b},
  context: Audit,
  run({ input, context }) {
    context.total.add(1);
    if (input.count > 3) return next(variant("high", input));
    return input.count > 1 ? next(variant("low", { id: input.id, n: input.count })) : next(variant("none", input.id));
  },
})`,
      edge: `{
      route: {
        high: [{ name: "many", when: (value, { context }) => value.count > context.total.value, to: "fan${b}" }, { to: ["work${b}"] }],
        low: "low${b}",
        "*": "none${b}",
      },
      onFailure: "failed${b}",
    }`,
    },
    {
      name: `low${b}`,
      body: `node({ input: z.object({ id: z.string(), n: z.number() }), run: ({ input }) => next({ id: input.id, count: input.n, tags: ["low"] }) })`,
      edge: `"leave${b}"`,
    },
    {
      name: `none${b}`,
      body: "node({ input: z.string(), run: ({ input }) => next({ id: input, count: 0, tags: [] }) })",
      edge: `"leave${b}"`,
    },
  ];
}

function fannedOut(b: number): readonly WrittenNode[] {
  return [
    {
      name: `fan${b}`,
      body: `node({ input: Step${b}, run: ({ input }) => nextAll(input.tags.map((tag) => ({ tag, of: input.id }))) })`,
      edge: `"leaf${b}"`,
    },
    {
      name: `leaf${b}`,
      body: `node({
  input: z.object({ tag: z.string(), of: z.string() }),
  retry: { maxAttempts: 3, initialBackoff: "50ms" },
  timeout: "10s",
  async run({ input }) {
    return next({ id: input.of, length: input.tag.length });
  },
})`,
      edge: `"all${b}"`,
    },
    {
      name: `all${b}`,
      body: `join({
  of: "fan${b}",
  input: z.object({ id: z.string(), length: z.number() }),
  context: Audit,
  run({ inputs, context }) {
    context.log.append({ at: "all${b}", what: "joined" });
    return next({ id: inputs[0]?.id ?? "", count: inputs.length, tags: [] });
  },
})`,
      edge: `"leave${b}"`,
    },
  ];
}

function worked(b: number, blocks: number): readonly WrittenNode[] {
  return [
    {
      name: `work${b}`,
      body: `node({
  input: Step${b},
  output: Case,
  async run({ input, step }) {
    return next(await step("work", () => input));
  },
})`,
      edge: `{ to: "leave${b}", onFailure: "failed${b}", onTimeout: "failed${b}" }`,
    },
    {
      name: `failed${b}`,
      body: `node({ input: Step${b}, run: ({ input, error }) => next({ ...input, note: error?.code ?? "?" }) })`,
      edge: `"leave${b}"`,
    },
    {
      name: `leave${b}`,
      body: `node({ input: Case, run: ({ input }) => next({ ...input, note: "left ${b}" }) })`,
      edge: b + 1 < blocks ? `"enter${b + 1}"` : "[]",
    },
  ];
}
