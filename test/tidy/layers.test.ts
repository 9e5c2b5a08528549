import { expect, test } from "vitest";
import { layerOf, layerProblems } from "./layers.ts";
import { runtimePackages } from "./repository.ts";
import { parseSource, readSources } from "./source-file.ts";

function problems(path: string, text: string): string[] {
  return layerProblems([parseSource(path, text)], ["commander", "@standard-schema/spec", "better-sqlite3", "pg"]);
}

test("every import in src follows the layers", () => {
  expect(layerProblems(readSources("src"), runtimePackages())).toEqual([]);
});

test("a file knows its layer by its folder", () => {
  expect(layerOf("src/index.ts")).toBe("entry");
  expect(layerOf("src/core/limits.ts")).toBe("core");
  expect(layerOf("src/definition/context/field.ts")).toBe("definition");
  expect(layerOf("src/backend/sqlite/migrations/all.ts")).toBe("backend/sqlite");
  expect(layerOf("src/backend/loose.ts")).toBeUndefined();
  expect(layerOf("src/elsewhere/a.ts")).toBeUndefined();
});

test.each([
  ["core imports a layer above", "src/core/a.ts", `import { node } from "../definition/node.ts";`],
  ["core does so for a type only", "src/core/a.ts", `import type { Node } from "../definition/node.ts";`],
  ["core does so within a type", "src/core/a.ts", `export type A = import("../worker/worker.ts").Worker;`],
  ["core does so when it runs", "src/core/a.ts", `export const load = () => import("../worker/worker.ts");`],
  ["core passes on what is above", "src/core/a.ts", `export { node } from "../definition/node.ts";`],
  ["core reads files", "src/core/a.ts", `import { readFileSync } from "node:fs";`],
  ["the protocol's rules open a socket", "src/backend/rules/a.ts", `import { connect } from "node:net";`],
  ["execution knows a backend", "src/execution/a.ts", `import { memory } from "../backend/memory/index.ts";`],
  ["a backend knows another", "src/backend/sqlite/a.ts", `import { memory } from "../memory/index.ts";`],
  [
    "a backend knows the definition",
    "src/backend/memory/a.ts",
    `import type { Node } from "../../definition/node.ts";`,
  ],
  ["the rules know a backend", "src/backend/rules/a.ts", `import { row } from "../memory/row.ts";`],
  ["the orchestrator runs items", "src/orchestrator/a.ts", `import { attempt } from "../execution/attempt.ts";`],
  ["the worker controls runs", "src/worker/a.ts", `import { watch } from "../orchestrator/watch.ts";`],
  ["the CLI goes past the public API", "src/cli/a.ts", `import { LIMITS } from "../core/limits.ts";`],
  ["the testing code goes past the public API", "src/testing/a.ts", `import { Worker } from "../worker/worker.ts";`],
  ["the testing code uses another entry point", "src/testing/a.ts", `import { sqlite } from "../sqlite.ts";`],
  ["the main entry point loads a database", "src/index.ts", `export { sqlite } from "./backend/sqlite/index.ts";`],
  ["an entry point loads the CLI", "src/index.ts", `export { main } from "./cli/main.ts";`],
  ["a driver is used outside of its connection", "src/backend/postgres/queue.ts", `import type { Client } from "pg";`],
  ["a driver is used by the worker", "src/worker/a.ts", `import Database from "better-sqlite3";`],
  ["an old Node could not load it", "src/backend/sqlite/connection.ts", `import { DatabaseSync } from "node:sqlite";`],
  ["the engine parses arguments", "src/worker/a.ts", `import { Command } from "commander";`],
  ["a development tool is shipped", "src/definition/a.ts", `import { z } from "zod";`],
  ["a test is imported", "src/core/a.ts", `import { sample } from "./b.test.ts";`],
  ["a file outside of src is imported", "src/core/a.ts", `import { x } from "../../test/x.ts";`],
  ["the folder is no layer", "src/elsewhere/a.ts", `import { x } from "./b.ts";`],
])("it is refused when %s", (_, path, text) => {
  expect(problems(path, text)).toHaveLength(1);
});

test.each([
  ["src/core/a.ts", `import { createHash } from "node:crypto"; import { LIMITS } from "./limits.ts";`],
  ["src/definition/a.ts", `import type { StandardSchemaV1 } from "@standard-schema/spec";`],
  ["src/execution/a.ts", `import type { Commit } from "../backend/contract/commit.ts";`],
  ["src/backend/sqlite/connection.ts", `import type { DatabaseSync } from "node:sqlite";`],
  ["src/backend/sqlite/connection.ts", `export const load = () => import("better-sqlite3");`],
  ["src/backend/sqlite/commit.ts", `import { decide } from "../rules/commit.ts";`],
  ["src/local/run.ts", `import { memory } from "../backend/memory/index.ts";`],
  ["src/testing/suite.ts", `import { node } from "../index.ts";`],
  ["src/cli/main.ts", `import { Command } from "commander"; import { connect } from "../index.ts";`],
  ["src/sqlite.ts", `export { sqlite } from "./backend/sqlite/index.ts";`],
  ["src/connect.ts", `export const open = () => import("./backend/sqlite/index.ts");`],
  ["src/worker/worker.test.ts", `import { memory } from "../backend/memory/index.ts"; import { test } from "vitest";`],
])("%s may say: %s", (path, text) => {
  expect(problems(path, text)).toEqual([]);
});
