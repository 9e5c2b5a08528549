import { describe, expect, test } from "vitest";
import {
  entryPointProblems,
  exportProblems,
  lengthProblems,
  nameProblems,
  openingProblems,
  wordProblems,
} from "./house-style.ts";
import { allSources, allWritten, entryPointPaths, readText } from "./repository.ts";
import { parseSource } from "./source-file.ts";

describe("this repository", () => {
  test("says nowhere that something is unfinished or silenced", () => {
    expect(allSources().flatMap(wordProblems)).toEqual([]);
  });

  test("names every file for what is inside, in kebab case", () => {
    expect(allWritten().flatMap(nameProblems)).toEqual([]);
  });

  test("opens every file with a paragraph on its responsibility", () => {
    expect(allWritten().flatMap((path) => openingProblems(path, readText(path)))).toEqual([]);
  });

  test("keeps every file short enough to be read in one go", () => {
    expect(allWritten().flatMap((path) => lengthProblems(path, readText(path)))).toEqual([]);
  });

  test("exports everything by its name", () => {
    expect(allSources().flatMap(exportProblems)).toEqual([]);
  });

  test("keeps its entry points to a list of names, behind the check of the Node version", () => {
    const entryPoints = allSources().filter((file) => entryPointPaths().includes(file.path));
    expect(entryPoints.map((file) => file.path)).toEqual(entryPointPaths());
    expect(entryPoints.flatMap(entryPointProblems)).toEqual([]);
  });
});

test.each([
  ["unfinished work", `// TO${"DO"}: later`],
  ["unfinished work in a string", `const text = "FIX${"ME"}";`],
  ["a silenced compiler", `// @ts-${"ignore"}\nconst a = 1;`],
  ["an expected error outside of a type test", `// @ts-${"expect-error"}\nconst a: string = 1;`],
  ["a silenced linter", `// biome-${"ignore"} lint: because`],
  ["a cast through unknown", "const a = 1 as unknown as string;"],
  ["a cast through unknown over two lines", "const a = (1 as\n unknown) as string;"],
])("it is refused to hold %s", (_, text) => {
  expect(wordProblems(parseSource("src/core/a.ts", text))).toHaveLength(1);
});

test("a type test may expect errors", () => {
  const text = `// @ts-${"expect-error"} a string is no number\nconst a: number = "";`;
  expect(wordProblems(parseSource("src/core/a.test-d.ts", text))).toEqual([]);
});

test.each([
  "src/core/utils.ts",
  "src/core/string-helpers.ts",
  "src/common/a.ts",
  "src/core/MyFile.ts",
  "src/core/my_File.ts",
])("%s is no good name", (path) => {
  expect(nameProblems(path)).toHaveLength(1);
});

test.each([
  "src/core/retry.ts",
  "src/core/retry.test.ts",
  "src/backend/sqlite/migrations/0001_runs.sql",
  "bin/millrace.js",
])("%s is a good name", (path) => {
  expect(nameProblems(path)).toEqual([]);
});

const paragraph = "Reads the manifests of installed packages. It never writes, and follows no symbolic links.";

test.each([
  ["src/core/a.ts", `import { b } from "./b.ts";\n`],
  ["src/core/a.ts", "/** Short. */\nexport const a = 1;\n"],
  ["src/backend/sqlite/migrations/0001_runs.sql", "CREATE TABLE runs (id TEXT);\n"],
])("%s needs a paragraph before: %s", (path, text) => {
  expect(openingProblems(path, text)).toHaveLength(1);
});

test.each([
  ["src/core/a.ts", `/** ${paragraph} */\n`],
  ["src/backend/redis/scripts/load.lua", `--[[\nPurpose: ${paragraph}\n]]\n`],
  ["scripts/a.mjs", `#!/usr/bin/env node\n// ${paragraph}\n`],
  ["src/backend/sqlite/migrations/0001_runs.sql", `-- ${paragraph}\nCREATE TABLE runs (id TEXT);\n`],
  ["src/core/a.test.ts", `import { test } from "vitest";\n`],
])("%s opens well", (path, text) => {
  expect(openingProblems(path, text)).toEqual([]);
});

test("a file of 450 lines is still fine, one more line is too long", () => {
  expect(lengthProblems("src/core/a.ts", "x\n".repeat(450))).toEqual([]);
  expect(lengthProblems("src/core/a.ts", "x\n".repeat(451))).toHaveLength(1);
});

test.each([`export * from "./a.ts";`, `export * as all from "./a.ts";`, `export type * from "./a.ts";`])(
  "this does not name what it exports: %s",
  (text) => {
    expect(exportProblems(parseSource("src/core/a.ts", text))).toHaveLength(1);
  },
);

test.each([
  ["code", `import "./node-version.ts";\nexport const answer = 42;`],
  ["no check of the version", `export { a } from "./core/a.ts";`],
  ["the check after another import", `export { a } from "./core/a.ts";\nimport "./node-version.ts";`],
])("an entry point with %s is refused", (_, text) => {
  expect(entryPointProblems(parseSource("src/index.ts", text))).toHaveLength(1);
});
