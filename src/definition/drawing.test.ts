import { describe, expect, it } from "vitest";
import { z } from "zod";
import { toDot } from "./dot.ts";
import { join } from "./join.ts";
import { toMermaid } from "./mermaid.ts";
import { node } from "./node.ts";
import { split } from "./ready-made.ts";
import { next } from "./transition.ts";
import { variant } from "./variant.ts";
import { dynamicWorkflow, workflow } from "./workflow.ts";

const number = node({ input: z.number(), run: ({ input }) => next(input) });
const pages = workflow({
  name: "pages",
  version: "1.2.0",
  nodes: {
    sort: node({
      input: z.number(),
      description: "By size",
      run: ({ input }) => (input > 9 ? next(variant("large", input)) : next(variant("small", input))),
    }),
    fan: split(z.number(), (n) => [n]),
    measure: number,
    total: join({ of: "fan", input: z.number(), run: ({ inputs }) => next(inputs.length) }),
    repair: number,
  },
  start: "sort",
  edges: {
    sort: {
      route: { large: [{ name: "over 99", when: (n) => n > 99, to: ["fan", "repair"] }, { to: "fan" }], "*": [] },
      onFailure: "repair",
      onTimeout: "repair",
    },
    fan: "measure",
    measure: "total",
    total: [],
    repair: "sort",
  },
});

describe("a drawing", () => {
  it("is DOT that Graphviz reads", () => {
    expect(pages.toDot()).toBe(`digraph "pages 1.2.0" {
  rankdir=LR;
  node [shape=box, style=rounded, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  start [shape=circle, style=filled, fillcolor=black, label="", width=0.15];
  end [shape=doublecircle, style=filled, fillcolor=black, label="", width=0.1];
  n0 [label="fan", shape=trapezium];
  n1 [label="measure"];
  n2 [label="repair"];
  n3 [label="sort\\nBy size"];
  n4 [label="total\\njoin of fan", shape=invtrapezium];
  start -> n3;
  n0 -> n1;
  n1 -> n4;
  n2 -> n3;
  n3 -> n0 [label="large [over 99]"];
  n3 -> n2 [label="large [over 99]"];
  n3 -> n0 [label="large [else]"];
  n3 -> end [label="*"];
  n3 -> n2 [label="failure", style=dashed, color=red];
  n3 -> n2 [label="timeout", style=dashed, color=orange];
  n4 -> end;
}
`);
  });

  it("is a Mermaid flowchart", () => {
    expect(pages.toMermaid()).toBe(`flowchart LR
  start(( ))
  done((( )))
  n0[/"fan"\\]
  n1["measure"]
  n2["repair"]
  n3["sort<br/>By size"]
  n4[\\"total<br/>join of fan"/]
  start --> n3
  n0 --> n1
  n1 --> n4
  n2 --> n3
  n3 -->|"large [over 99]"| n0
  n3 -->|"large [over 99]"| n2
  n3 -->|"large [else]"| n0
  n3 -->|"*"| done
  n3 -.->|"failure"| n2
  n3 -.->|"timeout"| n2
  n4 --> done
`);
  });

  it("has no end where the graph has none", () => {
    const endless = workflow({ name: "e", version: "1", nodes: { end: number }, start: "end", edges: { end: "end" } });
    expect(endless.toDot()).not.toContain("-> end");
    expect(endless.toMermaid()).not.toContain("done");
  });

  it("does not depend on the order in which the workflow was written", () => {
    const draw = (names: readonly string[]) =>
      dynamicWorkflow({
        name: "w",
        version: "1",
        nodes: Object.fromEntries(names.map((name) => [name, number])),
        start: "a",
        edges: Object.fromEntries(names.map((name) => [name, { to: "a", route: { y: "b", "*": [], x: "c" } }])),
      });
    expect(draw(["c", "a", "b"]).toDot()).toBe(draw(["a", "b", "c"]).toDot());
    expect(draw(["c", "a", "b"]).toMermaid()).toBe(draw(["a", "b", "c"]).toMermaid());
  });
});

describe("text that means something to the language of a drawing", () => {
  const hostile = 'x"]; n0 -> n0; <script>alert(1)</script> `md` #quot; &lt; \\N %% {a} | ; \u001b[2J\u202e end\nnext';
  const named = dynamicWorkflow({
    name: "w",
    version: "1",
    nodes: { a: node({ input: z.number(), description: hostile, run: () => next(variant(hostile, 1)) }) },
    start: "a",
    edges: { a: { route: { [hostile]: [{ name: '" y', when: () => true, to: "a" }, { to: [] }] } } },
  }).definition;

  it("stays text in DOT: quotes and backslashes are escaped, entities are not expanded", () => {
    const dot = toDot(named);
    const outsideQuotes = dot.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
    expect(outsideQuotes).not.toMatch(/script|md|quot/);
    expect(outsideQuotes.match(/->/g)).toHaveLength(3);
    expect(dot).toContain("&amp;lt; \\\\N");
    expect(dot).not.toMatch(/[\u001b\u202e]/);
  });

  it("stays text in Mermaid: whatever is no plain letter is a character code", () => {
    const mermaid = toMermaid(named);
    expect(mermaid).not.toContain("<script>");
    expect(mermaid).not.toMatch(/[`&%{}\\;](?<!#\d+;)/);
    expect(mermaid.replaceAll(/"[^"]*"/g, "").match(/n0/g)).toHaveLength(5);
    expect(mermaid.split("\n")).toHaveLength(8);
    expect(mermaid).toContain("#60;script#62;alert(1)#60;/script#62;");
  });

  it("is no list in Mermaid, which would refuse it", () => {
    const list = dynamicWorkflow({
      name: "w",
      version: "1",
      nodes: { a: node({ input: z.number(), description: "1. Read\n- write", run: () => next(1) }) },
      start: "a",
      edges: { a: [] },
    });
    expect(list.toMermaid()).toContain('n0["a<br/>1#46; Read<br/>#45; write"]');
  });

  it("keeps letters of every script as they are", () => {
    const umlaut = dynamicWorkflow({
      name: "w",
      version: "1",
      nodes: { a: node({ input: z.number(), description: "Prüfen 検査", run: () => next(1) }) },
      start: "a",
      edges: { a: [] },
    });
    expect(umlaut.toMermaid()).toContain("Prüfen 検査");
    expect(umlaut.toDot()).toContain("Prüfen 検査");
  });
});
