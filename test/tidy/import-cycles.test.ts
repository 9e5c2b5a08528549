import { expect, test } from "vitest";
import { importCycles } from "./import-cycles.ts";
import { parseSource, readSources } from "./source-file.ts";

function graph(files: Record<string, string>) {
  return Object.entries(files).map(([path, text]) => parseSource(path, text));
}

test("no file in src, examples or test is in an import cycle", () => {
  expect(importCycles(readSources("src", "test", "examples"))).toEqual([]);
});

test("a cycle of type-only, dynamic and re-exporting imports is found", () => {
  const files = graph({
    "src/a.ts": `import type { B } from "./b.ts";`,
    "src/b.ts": `export const load = () => import("./sub/c.ts");`,
    "src/sub/c.ts": `export { a } from "../a.ts";`,
    "src/d.ts": `import "./a.ts";`,
  });
  expect(importCycles(files)).toEqual([["src/a.ts", "src/b.ts", "src/sub/c.ts"]]);
});

test("a file that imports itself is a cycle", () => {
  expect(importCycles(graph({ "src/a.ts": `import type { A } from "./a.ts"; export type A = 1;` }))).toEqual([
    ["src/a.ts"],
  ]);
});

test("two cycles are both found, a diamond is none", () => {
  const files = graph({
    "src/top.ts": `import "./left.ts"; import "./right.ts";`,
    "src/left.ts": `import "./bottom.ts";`,
    "src/right.ts": `import "./bottom.ts"; import "./other.ts";`,
    "src/bottom.ts": `export const x = 1;`,
    "src/other.ts": `import "./right.ts";`,
    "src/p.ts": `import "./q.ts"; import "./left.ts";`,
    "src/q.ts": `import "./p.ts";`,
  });
  expect(importCycles(files).sort()).toEqual([
    ["src/other.ts", "src/right.ts"],
    ["src/p.ts", "src/q.ts"],
  ]);
});
