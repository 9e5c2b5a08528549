import { describe, expect, it } from "vitest";
import { z } from "zod";
import { strandedBy } from "./compatibility.ts";
import { context, field } from "./context/field.ts";
import { join, joinByName } from "./join.ts";
import { node } from "./node.ts";
import { next } from "./transition.ts";
import { dynamicWorkflow } from "./workflow.ts";

type Description = Parameters<typeof dynamicWorkflow>[0];

const number = node({ input: z.number(), run: ({ input }) => next(input) });
const large = [{ name: "large", when: () => true, to: "b" }, { to: [] }];
const base: Description = {
  name: "w",
  version: "1",
  start: "a",
  nodes: { a: number, b: number },
  edges: { a: large, b: [] },
};
const definition = (variation: Partial<Description> = {}) => dynamicWorkflow({ ...base, ...variation }).definition;

describe("runs of an older definition", () => {
  it("go on with code that has all their nodes, guards and fields, whatever its edges", () => {
    const newer = definition({
      version: "2",
      start: "c",
      nodes: { ...base.nodes, c: number },
      edges: {
        a: [{ name: "huge", when: () => true, to: "a" }, { name: "large", when: () => true, to: "c" }, { to: "b" }],
        b: "a",
        c: ["a", "b"],
      },
    });
    expect(strandedBy(newer, definition())).toEqual([]);
  });

  it.each<[string, Partial<Description>, string]>([
    ["another workflow", { name: "v" }, 'it is the workflow "w", not "v"'],
    ["other context fields", { context: context({ n: field.counter() }) }, "its context has other fields"],
    [
      "a node less",
      { nodes: { a: number }, edges: { a: [{ name: "large", when: () => true, to: "a" }, { to: [] }] } },
      'its node "b" is gone',
    ],
    [
      "a node of another kind",
      { nodes: { ...base.nodes, b: join({ of: "a", input: z.number(), run: () => next(1) }) } },
      'its node "b" was a node and is a join',
    ],
    [
      "a node that may hold now",
      { nodes: { ...base.nodes, b: node({ input: z.number(), serializable: true, run: () => next(1) }) } },
      'its node "b" was not serializable',
    ],
    ["a guard less", { edges: { a: "b", b: [] } }, 'the guard "large" in to of its node "a" is gone'],
    [
      "a guard in another place",
      { edges: { a: { to: "b", route: { k: large } }, b: [] } },
      'the guard "large" in to of its node "a" is gone',
    ],
  ])("are stranded by code with %s", (_what, variation, problem) => {
    const newer = definition(variation);
    expect(strandedBy(newer, definition())).toContain(problem);
  });

  it("are stranded by a join by name that lost an input", () => {
    const named = (...inputs: string[]) =>
      definition({
        nodes: {
          a: number,
          b: number,
          c: number,
          j: joinByName({
            of: "a",
            inputs: Object.fromEntries(inputs.map((one) => [one, z.number()])),
            run: () => next(1),
          }),
        },
        edges: { a: ["b", "c"], b: inputs.includes("b") ? "j" : [], c: inputs.includes("c") ? "j" : [], j: [] },
      });
    expect(strandedBy(named("b", "c"), named("b"))).toEqual([]);
    expect(strandedBy(named("b"), named("b", "c"))).toEqual(['its join "j" has no input "c" any more']);
  });
});
