import { describe, expect, it } from "vitest";
import { compile } from "./compiler.ts";
import { graphProgram } from "./graph-program.ts";

const GIB = 2 ** 30;

describe("type-checking a large graph", () => {
  it("takes less than 1 GiB with 100 nodes", async () => {
    const { errors, instantiations, memoryBytes } = await compile({ "graph.ts": graphProgram(100) });
    expect(errors).toEqual([]);
    expect(memoryBytes).toBeLessThan(GIB);
    expect(instantiations).toBeLessThan(150_000);
  });

  it("takes less than 350,000 instantiations and 2 GiB with 300 nodes", async () => {
    const { errors, instantiations, memoryBytes } = await compile({ "graph.ts": graphProgram(300) });
    expect(errors).toEqual([]);
    expect(instantiations).toBeLessThan(350_000);
    expect(memoryBytes).toBeLessThan(2 * GIB);
  });

  it("grows in proportion to the graph, and not to its square", async () => {
    const [small, medium, large] = await Promise.all(
      [10, 200, 390].map(async (nodes) => await compile({ "graph.ts": graphProgram(nodes) })),
    );
    const first = (medium?.instantiations ?? 0) - (small?.instantiations ?? 0);
    const second = (large?.instantiations ?? 0) - (medium?.instantiations ?? 0);
    expect(first).toBeGreaterThan(0);
    expect(second / first).toBeLessThan(1.2);
  });

  const mistakes: [string, string, string, RegExp][] = [
    [
      "an edge that does not fit",
      'none15: "leave15"',
      'none15: "low15"',
      /EdgeMismatch<"none15 -> low15", \{ emits: .*; accepts: \{ id: string; n: number; }/,
    ],
    ["a misspelt target", 'none15: "leave15"', 'none15: "leeve15"', /"leeve15".*Did you mean '"leave15"'/],
    ["a missing edge", '    none15: "leave15",\n', "", /Property 'none15' is missing/],
    [
      "a missing route",
      '        low: "low15",\n        "*": "none15",',
      '        low: "low15",',
      /route of \\"route15\\" lacks \\"none\\"/,
    ],
    [
      "a join of an unknown fan-out",
      'of: "fan15"',
      'of: "fun15"',
      /join \\"all15\\" is of \\"fun15\\", which is no node/,
    ],
    ["a guard without a default", '{ to: ["work15"] }]', "]", /not assignable/],
  ];
  it.each(mistakes)(
    "stays in its budget and says what is wrong with %s among 300 nodes",
    async (_what, right, wrong, message) => {
      const program = graphProgram(300);
      expect(program).toContain(right);
      const { errors, instantiations, memoryBytes } = await compile({ "graph.ts": program.replace(right, wrong) });
      expect(errors[0]?.message).toMatch(message);
      // A mistake may make a node unreachable, or cost a guard the types of its two arguments; nothing else follows from it.
      expect(errors.length).toBeLessThanOrEqual(3);
      expect(instantiations).toBeLessThan(350_000);
      expect(memoryBytes).toBeLessThan(2 * GIB);
    },
  );
});
