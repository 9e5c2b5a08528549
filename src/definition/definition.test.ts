import { describe, expect, it } from "vitest";
import { z } from "zod";
import { context, field } from "./context/field.ts";
import { allTargetsOf, edgeOf, emissionTargetsOf, frozen, hashOf, nodeOf } from "./definition.ts";
import { join } from "./join.ts";
import { node } from "./node.ts";
import { next } from "./transition.ts";
import { dynamicWorkflow, type LooseEdge } from "./workflow.ts";
import type { WorkflowOptions } from "./workflow-building.ts";

const number = node({ input: z.number(), run: ({ input }) => next(input) });
const Counted = context({ b: field.counter(), a: field.eventLog() });

interface Variation extends WorkflowOptions {
  readonly name?: string;
  readonly version?: string;
  readonly start?: string;
  readonly completion?: "single" | "first" | "all";
  readonly context?: typeof Counted;
  readonly nodes?: Parameters<typeof dynamicWorkflow>[0]["nodes"];
  readonly edges?: Readonly<Record<string, LooseEdge>>;
}

const base = {
  name: "w",
  version: "1",
  start: "a",
  nodes: { a: number, b: number, c: number },
  edges: { a: { to: [{ name: "large", when: () => true, to: ["b", "c"] }, { to: "c" }] }, b: "c", c: [] },
} satisfies Variation;
const built = (variation: Variation = {}) => dynamicWorkflow({ ...base, ...variation });
const withA = (a: (typeof base.nodes)["a"]) => built({ nodes: { ...base.nodes, a } });

describe("a definition", () => {
  it("does not depend on the order in which the workflow was written", () => {
    const { edges, nodes } = base;
    const shuffled = dynamicWorkflow({
      edges: { c: edges.c, b: edges.b, a: edges.a },
      nodes: { c: nodes.c, b: nodes.b, a: nodes.a },
      start: "a",
      version: "1",
      name: "w",
    });
    expect(JSON.stringify(shuffled.definition)).toBe(JSON.stringify(built().definition));
    expect(shuffled.hash).toBe(built().hash);
    const routes = (kinds: readonly string[]) =>
      built({ edges: { ...base.edges, b: { route: Object.fromEntries(kinds.map((kind) => [kind, "c"])) } } });
    expect(JSON.stringify(routes(["x", "*", "y"]).definition)).toBe(JSON.stringify(routes(["y", "x", "*"]).definition));
    const labelled = (labels: readonly string[]) =>
      withA(node({ input: z.number(), labels, run: ({ input }) => next(input) }));
    expect(labelled(["gpu", "eu"]).hash).toBe(labelled(["eu", "gpu"]).hash);
  });

  it("does not depend on how an edge is spelled", () => {
    const spelled = built({ edges: { ...base.edges, b: { to: ["c"] }, c: { to: [] } } });
    expect(spelled.hash).toBe(built().hash);
  });

  it("keeps the order of targets, which is the order of branches", () => {
    const swapped = built({
      edges: { ...base.edges, a: { to: [{ name: "large", when: () => true, to: ["c", "b"] }, { to: "c" }] } },
    });
    expect(swapped.definition.edges.a?.to?.[0]?.to).toEqual(["c", "b"]);
    expect(swapped.hash).not.toBe(built().hash);
  });

  it("survives being stored as JSON", () => {
    const { definition, hash } = built({ context: Counted, timeout: "1h" });
    const stored: typeof definition = JSON.parse(JSON.stringify(definition));
    expect(stored).toEqual(definition);
    expect(hashOf(stored)).toBe(hash);
  });
});

describe("the hash of a definition", () => {
  it("is the same for the same graph in every process and version of this package", () => {
    // Runs refer to definitions by hash: when this value changes, live runs are stranded by an upgrade of the package.
    expect(built().hash).toBe("66643a6fc613614c709ae9d4b938be7f");
  });

  const changed: [string, Variation][] = [
    ["its name", { name: "v" }],
    ["its version", { version: "2" }],
    ["its start", { start: "b", edges: { a: [], b: ["a", "c"], c: [] } }],
    ["how it completes", { completion: "all" }],
    ["its context", { context: Counted }],
    ["its nodes", { nodes: { ...base.nodes, d: number }, edges: { ...base.edges, c: "d", d: [] } }],
    ["a target", { edges: { ...base.edges, c: "a" } }],
    ["an exit", { edges: { ...base.edges, b: { to: "c", onFailure: "c" } } }],
    ["which exit it is", { edges: { ...base.edges, b: { to: "c", onTimeout: "c" } } }],
    ["a kind", { edges: { ...base.edges, b: { route: { x: "c" } } } }],
    [
      "a guard's name",
      { edges: { ...base.edges, a: [{ name: "huge", when: () => true, to: ["b", "c"] }, { to: "c" }] } },
    ],
    ["a queue", { nodes: { ...base.nodes, a: node({ input: z.number(), queue: "q", run: () => next(1) }) } }],
    ["labels", { nodes: { ...base.nodes, a: node({ input: z.number(), labels: ["q"], run: () => next(1) }) } }],
    [
      "whether a node is serializable",
      { nodes: { ...base.nodes, a: node({ input: z.number(), serializable: true, run: () => next(1) }) } },
    ],
    [
      "whether a node is a join",
      { nodes: { ...base.nodes, c: join({ of: "a", input: z.number(), run: () => next(1) }) } },
    ],
  ];
  it.each(changed)("changes with %s", (_what, variation) => {
    expect(built(variation).hash).not.toBe(built().hash);
  });

  it("changes with the fan-out of a join", () => {
    const of = (fanOut: string) =>
      built({
        nodes: { ...base.nodes, c: join({ of: fanOut, input: z.number(), run: () => next(1) }) },
        edges: { a: "b", b: "c", c: [] },
      });
    expect(of("a").hash).not.toBe(of("b").hash);
  });

  const unchanged: [string, Variation][] = [
    ["its timeout", { timeout: "1h" }],
    ["its limit of items", { maxItems: 5 }],
    ["its retry policy", { retry: { maxAttempts: 9 } }],
    ["the definitions it takes over", { compatible: ["0123456789abcdef0123456789abcdef"] }],
    ["a node's timeout", { nodes: { ...base.nodes, a: node({ input: z.number(), timeout: 5, run: () => next(1) }) } }],
    [
      "a node's deadline",
      { nodes: { ...base.nodes, a: node({ input: z.number(), deadline: "1d", run: () => next(1) }) } },
    ],
    [
      "a node's priority",
      { nodes: { ...base.nodes, a: node({ input: z.number(), priority: 5, run: () => next(1) }) } },
    ],
    [
      "a node's retry policy",
      { nodes: { ...base.nodes, a: node({ input: z.number(), retry: false, run: () => next(1) }) } },
    ],
    [
      "a node's description",
      { nodes: { ...base.nodes, a: node({ input: z.number(), description: "d", run: () => next(1) }) } },
    ],
    [
      "a node's body and schemas",
      { nodes: { ...base.nodes, a: node({ input: z.string(), output: z.number(), run: () => next(1) }) } },
    ],
  ];
  it.each(unchanged)("does not change with %s, which may be tuned under live runs", (_what, variation) => {
    expect(built(variation).hash).toBe(built().hash);
  });
});

describe("looking something up in a definition", () => {
  const { definition } = built();

  it("finds nodes and edges by name, and nothing that the language puts on every object", () => {
    expect(nodeOf(definition, "a")).toMatchObject({ kind: "node" });
    expect(edgeOf(definition, "b")).toEqual({ to: [{ to: ["c"] }] });
    for (const name of ["d", "constructor", "__proto__", "toString"]) {
      expect(nodeOf(definition, name)).toBeUndefined();
      expect(edgeOf(definition, name)).toBeUndefined();
    }
  });

  it("lists each target of an edge once", () => {
    const edge = {
      to: [{ when: "g", to: ["b", "c"] }, { to: ["c"] }],
      route: { k: [{ to: ["d", "b"] }] },
      onFailure: ["c", "e"],
      onTimeout: ["f"],
    };
    expect(emissionTargetsOf(edge)).toEqual(["b", "c", "d"]);
    expect(allTargetsOf(edge)).toEqual(["b", "c", "d", "e", "f"]);
  });
});

describe("frozen", () => {
  it("freezes all levels", () => {
    const tree = frozen({ list: [{ deep: {} }] });
    expect([tree, tree.list, tree.list[0], tree.list[0]?.deep].every(Object.isFrozen)).toBe(true);
  });
});
