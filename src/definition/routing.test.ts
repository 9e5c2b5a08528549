import { describe, expect, it } from "vitest";
import type { DefinitionEdge } from "./definition.ts";
import { type AskGuard, emissionTargets, failureTargets } from "./routing.ts";
import { variant } from "./variant.ts";

const noGuards: AskGuard = () => {
  throw new Error("there is no guard to ask");
};

describe("where an emitted value goes", () => {
  it("is every node of a plain edge, in order, or the output at its end", () => {
    expect(emissionTargets({ to: [{ to: ["b", "a"] }] }, 5, noGuards)).toEqual({
      routed: true,
      targets: ["b", "a"],
      value: 5,
    });
    expect(emissionTargets({ to: [{ to: [] }] }, 5, noGuards)).toEqual({ routed: true, targets: [], value: 5 });
  });

  it("is the way of a variant's kind, which delivers the variant's value", () => {
    const edge: DefinitionEdge = { route: { above: [{ to: ["big"] }], "*": [{ to: ["other"] }] } };
    expect(emissionTargets(edge, variant("above", 84), noGuards)).toEqual({
      routed: true,
      targets: ["big"],
      value: 84,
    });
    expect(emissionTargets(edge, variant("below", 1), noGuards)).toEqual({
      routed: true,
      targets: ["other"],
      value: 1,
    });
    expect(emissionTargets(edge, variant("*", 1), noGuards)).toMatchObject({ targets: ["other"] });
  });

  it("does not mistake built-in properties for kinds", () => {
    const edge: DefinitionEdge = { route: { above: [{ to: ["big"] }] } };
    expect(emissionTargets(edge, variant("constructor", 1), noGuards)).toMatchObject({ routed: false });
    expect(emissionTargets(edge, variant("__proto__", 1), noGuards)).toMatchObject({ routed: false });
  });

  it("keeps plain values and variants of one node apart", () => {
    const edge: DefinitionEdge = { to: [{ to: ["plain"] }], route: { big: [{ to: ["big"] }] } };
    expect(emissionTargets(edge, 1, noGuards)).toMatchObject({ targets: ["plain"], value: 1 });
    expect(emissionTargets(edge, variant("big", 1), noGuards)).toMatchObject({ targets: ["big"], value: 1 });
  });

  it("is nowhere, with a reason, for a kind without a way and a value without an edge", () => {
    const routes: DefinitionEdge = { route: { a: [{ to: [] }] } };
    expect(emissionTargets(routes, variant("b"), noGuards)).toEqual({
      routed: false,
      problem: 'emitted the variant "b", which its edge does not route',
    });
    expect(emissionTargets(routes, { kind: "a" }, noGuards)).toMatchObject({
      problem: expect.stringContaining("plain value"),
    });
    expect(emissionTargets({ to: [{ to: [] }] }, variant("a"), noGuards)).toMatchObject({
      problem: expect.stringContaining("no route"),
    });
  });
});

describe("guards", () => {
  const edge: DefinitionEdge = {
    to: [{ when: "large", to: ["a"] }, { when: "medium", to: ["b", "c"] }, { to: [] }],
    route: { k: [{ when: "large", to: ["d"] }, { to: ["e"] }] },
  };

  it("are asked in order until one agrees, each by its slot, name and place", () => {
    const asked: unknown[] = [];
    const ask: AskGuard = (guard, value) => {
      asked.push([guard, value]);
      return guard.name === "medium";
    };
    expect(emissionTargets(edge, 7, ask)).toEqual({ routed: true, targets: ["b", "c"], value: 7 });
    expect(asked).toEqual([
      [{ slot: "to", name: "large", index: 0 }, 7],
      [{ slot: "to", name: "medium", index: 1 }, 7],
    ]);
    expect(emissionTargets(edge, variant("k", 8), ({ slot }) => slot === "route:k")).toMatchObject({
      targets: ["d"],
      value: 8,
    });
  });

  it("leave the value to the default where none agrees", () => {
    expect(emissionTargets(edge, 7, () => false)).toMatchObject({ routed: true, targets: [] });
  });

  it("must answer with a boolean: a promise or a truthy value is a mistake, not a yes", () => {
    for (const answer of [Promise.resolve(true), 1, null, "yes"]) {
      expect(emissionTargets(edge, 7, () => answer)).toMatchObject({
        routed: false,
        problem: expect.stringContaining('"large"'),
      });
    }
    expect(emissionTargets(edge, 7, () => undefined)).toMatchObject({
      routed: false,
      problem: 'has no guard "large" that answers true or false',
    });
  });

  it("pass on what they throw", () => {
    expect(() => emissionTargets(edge, 7, noGuards)).toThrow("there is no guard to ask");
  });
});

describe("where a failed item goes", () => {
  it("is the failure exit, or the timeout exit after a timeout or a deadline", () => {
    const edge: DefinitionEdge = { to: [{ to: [] }], onFailure: ["f"], onTimeout: ["t"] };
    expect(failureTargets(edge, "ERROR")).toEqual(["f"]);
    expect(failureTargets(edge, "TIMEOUT")).toEqual(["t"]);
    expect(failureTargets(edge, "DEADLINE")).toEqual(["t"]);
    expect(failureTargets({ onFailure: ["f"] }, "TIMEOUT")).toEqual(["f"]);
    expect(failureTargets({ onTimeout: ["t"] }, "ERROR")).toEqual([]);
    expect(failureTargets({}, "ERROR")).toEqual([]);
  });
});
