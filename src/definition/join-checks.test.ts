import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Definition,
  type DefinitionEdge,
  type DefinitionNode,
  edgeOf,
  emissionTargetsOf,
  nodeOf,
} from "./definition.ts";
import { joinProblems } from "./join-checks.ts";

/** A definition with just what the checks look at. `joins` names the fan-out of each join. */
function graph(edges: Record<string, DefinitionEdge>, joins: Record<string, string> = {}, start?: string): Definition {
  const nodes = Object.keys(edges).map((name) => {
    const of = joins[name];
    const common = { queue: "default", labels: [], priority: 0, timeoutMs: 1, serializable: false };
    const node: DefinitionNode = of === undefined ? { kind: "node", ...common } : { kind: "join", of, ...common };
    return [name, node] as const;
  });
  return {
    format: 1,
    name: "g",
    version: "1",
    start: start ?? Object.keys(edges)[0] ?? "",
    completion: "single",
    maxItems: 1,
    context: { fields: [], hash: "" },
    nodes: Object.fromEntries(nodes),
    edges,
  };
}

const to = (...targets: string[]): DefinitionEdge => ({ to: [{ to: targets }] });
const noSlots = new Map<string, readonly string[]>();
const check = (definition: Definition) => joinProblems(definition, noSlots);

describe("a join of a fan-out", () => {
  it("is accepted where every path to it leaves the fan-out", () => {
    expect(check(graph({ s: to("a", "b"), a: to("j"), b: to("a"), j: to() }, { j: "s" }))).toEqual([]);
  });

  it("is accepted inside another fan-out, and ends inner groups that have no join of their own", () => {
    const nested = { s: to("t"), t: to("a"), a: to("i"), i: to("o"), o: to() };
    expect(check(graph(nested, { i: "t", o: "s" }))).toEqual([]);
    const early = { s: to("t"), t: to("a"), a: { ...to("i"), onFailure: ["o"] }, i: to("o"), o: to() };
    expect(check(graph(early, { i: "t", o: "s" }))).toEqual([]);
  });

  it("is accepted in a loop, whether the loop passes the join or the fan-out alone", () => {
    expect(
      check(graph({ s: to("a"), a: to("j"), j: { to: [{ when: "again", to: ["s"] }, { to: [] }] } }, { j: "s" })),
    ).toEqual([]);
    const recursive = {
      s: to("a"),
      a: { to: [{ when: "deeper", to: ["s"] }, { to: ["j"] }] },
      j: to("end"),
      end: to(),
    };
    expect(check(graph(recursive, { j: "s" }))).toEqual([]);
  });

  it("is refused where its fan-out is no node, with the name that was probably meant", () => {
    expect(check(graph({ split: to("j"), j: to() }, { j: "spilt" }))).toEqual([
      'join "j" is of "spilt", but there is no node of that name (did you mean "split"?)',
    ]);
  });

  it("is refused where nothing that the fan-out emits gets there", () => {
    expect(check(graph({ a: to("s", "b"), s: to(), b: to(), j: to() }, { j: "s" }))).toEqual([
      'join "j" is of "s", but nothing that "s" emits gets there',
    ]);
  });

  it("is refused where a path goes around the fan-out, and the path is shown", () => {
    expect(check(graph({ a: to("s", "b"), s: to("b"), b: to("j"), j: to() }, { j: "s" }))).toEqual([
      'join "j" is reached where no group of its fan-out "s" is open: a -> b -> j; every path to it must leave "s" first, and pass no other join of it',
    ]);
  });

  it("is refused as the start", () => {
    expect(check(graph({ j: to("s"), s: to("j") }, { j: "s" }))[0]).toContain("is open: j;");
  });

  it("is refused behind another join that has ended the group", () => {
    const [problem] = check(graph({ s: to("a"), a: to("j"), j: to("k"), k: to() }, { j: "s", k: "s" }));
    expect(problem).toContain('join "k" is reached where no group of its fan-out "s" is open: s -> a -> j -> k;');
  });

  it("is refused on the failure edge of the fan-out, which opens no group", () => {
    const [problem] = check(graph({ s: { ...to("a"), onFailure: ["a"] }, a: to("j"), j: to() }, { j: "s" }));
    expect(problem).toContain("is open: s -(onFailure)-> a -> j;");
  });

  it("is refused behind a join of an outer fan-out, with the way through both groups", () => {
    const edges = { s: to("t"), t: to("a"), a: to("o"), o: to("i"), i: to() };
    const [problem] = check(graph(edges, { o: "s", i: "t" }));
    expect(problem).toContain('join "i" is reached where no group of its fan-out "t" is open: s -> t -> a -> o -> i;');
  });

  it("is refused when a loop comes back to it once too often", () => {
    const edges = { s: to("a"), a: to("j"), j: to("a") };
    expect(check(graph(edges, { j: "s" }))[0]).toContain("is open: s -> a -> j -> a -> j;");
  });

  it("never has its own branches", () => {
    expect(check(graph({ a: to("j"), j: to("j") }, { j: "j" }))).toHaveLength(1);
  });

  it("is checked in time on a long chain of loops and fan-outs", () => {
    const edges: Record<string, DefinitionEdge> = {};
    const joins: Record<string, string> = {};
    const depth = 600;
    for (let level = 0; level < depth; level += 1) {
      edges[`s${level}`] = to(level + 1 < depth ? `s${level + 1}` : `j${level}`, `s${Math.max(0, level - 1)}`);
      edges[`j${level}`] = level === 0 ? to() : to(`j${level - 1}`);
      joins[`j${level}`] = `s${level}`;
    }
    expect(check(graph(edges, joins))).toEqual([]);
  });
});

describe("a join by name", () => {
  const slots = (declared: readonly string[]) => new Map([["j", declared]]);
  const definition = graph({ s: to("a", "b"), a: to("j"), b: to("j"), j: to() }, { j: "s" });

  it("is accepted with exactly its predecessors as inputs", () => {
    expect(joinProblems(definition, slots(["a", "b"]))).toEqual([]);
  });

  it("is refused with an input that nothing leads from, and without one for a predecessor", () => {
    expect(joinProblems(definition, slots(["a", "c"]))).toEqual([
      'join "j" has an input "c", but no edge leads from such a node to it',
      'join "j" has no input named "b", although an edge leads from it to the join',
    ]);
  });
});

describe("the search for bypasses", () => {
  const names = ["n0", "n1", "n2", "n3", "n4"] as const;
  const targets = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 });
  const edge = fc.record({ emits: targets, fails: fc.option(fc.constantFrom(...names), { nil: undefined, freq: 4 }) });
  const anyGraph = fc
    .record({
      edges: fc.tuple(edge, edge, edge, edge, edge),
      joins: fc.tuple(...names.map(() => fc.option(fc.constantFrom(...names), { nil: undefined, freq: 1 }))),
    })
    .map(({ edges, joins }) => {
      const asEdge = ({ emits, fails }: { emits: string[]; fails: string | undefined }): DefinitionEdge => ({
        ...to(...emits),
        ...(fails === undefined ? {} : { onFailure: [fails] }),
      });
      const named = joins.flatMap((of, index) => (of === undefined ? [] : [[`n${index}`, of] as const]));
      return graph(
        Object.fromEntries(edges.map((one, index) => [`n${index}`, asEdge(one)])),
        Object.fromEntries(named),
      );
    });

  it("agrees with trying every path, stack by stack", () => {
    fc.assert(
      fc.property(anyGraph, (definition) => {
        const reported = check(definition)
          .filter((problem) => problem.includes("is reached where no group"))
          .map((problem) => /^join "(n\d)"/.exec(problem)?.[1]);
        expect(new Set(reported)).toEqual(bypassedByTrying(definition));
      }),
      { numRuns: 3_000 },
    );
  });
});

/** Walks states (node, stack of open fan-outs) as the engine would; deep stacks are cut off, since small graphs need none. */
function bypassedByTrying(definition: Definition): Set<string> {
  const bypassed = new Set<string>();
  const fanOuts = new Set(Object.values(definition.nodes).flatMap(({ of }) => (of === undefined ? [] : [of])));
  const seen = new Set<string>();
  const queue: [node: string, stack: readonly string[]][] = [[definition.start, []]];
  for (const [node, stack] of queue) {
    let open = stack;
    const of = nodeOf(definition, node)?.of;
    if (of !== undefined) {
      const nearest = stack.lastIndexOf(of);
      if (nearest < 0) {
        bypassed.add(node);
        continue;
      }
      open = stack.slice(0, nearest);
    }
    const state = `${node} ${open.join()}`;
    if (seen.has(state) || open.length > 7) continue;
    seen.add(state);
    const edge = edgeOf(definition, node) ?? {};
    const inside = fanOuts.has(node) ? [...open, node] : open;
    for (const target of emissionTargetsOf(edge)) queue.push([target, inside]);
    for (const target of edge.onFailure ?? []) queue.push([target, open]);
  }
  return bypassed;
}
