/**
 * Who may import whom: the layers of the architecture as a table, and what breaks it. Type-only and dynamic imports
 * count like any other. Tests may reach anywhere (the memory backend is their fake), but nothing may import a test.
 */

import { isTest, type SourceFile } from "./source-file.ts";

const contract = "backend/contract";
const backendParts = [contract, "backend/rules", "backend/sql", "backend/synchronous", "core"];
const serverParts = [...backendParts, "backend/remote"];

/** Each layer and the other layers it may import. `entry` is a file directly in `src`. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  definition: ["core"],
  [contract]: ["core"],
  "backend/rules": [contract, "core"],
  "backend/sql": [contract, "core"],
  "backend/synchronous": ["backend/rules", contract, "core"],
  "backend/remote": ["backend/synchronous", "backend/rules", contract, "core"],
  "backend/memory": backendParts,
  "backend/sqlite": backendParts,
  "backend/postgres": serverParts,
  "backend/redis": serverParts,
  execution: ["definition", contract, "core"],
  checkpoints: [contract, "core"],
  local: [
    ...["orchestrator", "stores", "worker", "execution", "checkpoints"],
    ...["backend/memory", "definition", contract, "core"],
  ],
  worker: ["schedules", "stores", "execution", "logging", "definition", contract, "core"],
  stores: ["execution", "checkpoints", "definition", contract, "core"],
  schedules: ["stores", "logging", "definition", contract, "core"],
  orchestrator: ["schedules", "stores", "logging", "definition", contract, "core"],
  steps: ["definition", "core"],
  transfer: ["orchestrator", "stores", contract, "core"],
  logging: ["core"],
  telemetry: ["core"],
  server: ["orchestrator", "definition", contract, "core"],
  testing: ["entry", contract, "core"],
  cli: ["entry", "logging"],
};

/** What only its own entry point loads: `src/sqlite.ts` and nothing else statically imports `backend/sqlite`. */
const ownEntryPoint: Readonly<Record<string, string>> = {
  "backend/sqlite": "src/sqlite.ts",
  "backend/postgres": "src/postgres.ts",
  "backend/redis": "src/redis.ts",
  steps: "src/steps.ts",
  server: "src/server.ts",
  testing: "src/testing.ts",
};

const drivers = ["node:sqlite", "better-sqlite3", "pg", "redis"];
const pure = ["definition", "execution", contract, "backend/rules", "steps"];
const pureBuiltins = ["node:buffer", "node:util", "node:async_hooks"];
const coreBuiltins = [...pureBuiltins, "node:crypto", "node:timers", "node:timers/promises", "node:os"];

/** What in these files of `src` breaks the table; `packages` are the runtime dependencies and peers of the manifest. */
export function layerProblems(files: readonly SourceFile[], packages: readonly string[]): string[] {
  return files.filter((file) => !isTest(file.path)).flatMap((file) => problemsOf(file, packages));
}

export function layerOf(path: string): string | undefined {
  const [folder, second, third] = path.replace(/^src\//, "").split("/");
  if (second === undefined) return "entry";
  const layer = folder === "backend" && third !== undefined ? `backend/${second}` : folder;
  return layer !== undefined && layer in allowed ? layer : undefined;
}

function problemsOf(file: SourceFile, packages: readonly string[]): string[] {
  const from = layerOf(file.path);
  if (from === undefined) return [`${file.path}: belongs to no layer of the table`];
  return file.imports.flatMap((entry) => {
    const why =
      entry.target === undefined
        ? packageProblem(file.path, from, entry.specifier, entry.kind, packages)
        : fileProblem(file.path, from, entry.target, entry.kind);
    return why === undefined ? [] : [`${file.path}:${entry.line} ${why}`];
  });
}

function fileProblem(path: string, from: string, target: string, kind: string): string | undefined {
  if (isTest(target)) return `imports the test ${target}`;
  if (!target.startsWith("src/")) return `imports ${target}, which is outside src`;
  const to = layerOf(target);
  if (to === undefined) return `imports ${target}, which belongs to no layer of the table`;
  if (from === to) return undefined;
  if (from === "entry") {
    const owner = ownEntryPoint[to];
    if (to === "cli") return "imports the CLI from an entry point";
    return owner !== undefined && owner !== path && kind === "value" ? `loads ${to}, which is for ${owner}` : undefined;
  }
  if (from === "testing" && to === "entry" && target !== "src/index.ts")
    return `may only use the public API, not ${target}`;
  if (allowed[from]?.includes(to) === true) return undefined;
  return `${from} may not import ${to} (${target})`;
}

function packageProblem(
  path: string,
  from: string,
  specifier: string,
  kind: string,
  packages: readonly string[],
): string | undefined {
  const name = packageName(specifier);
  if (specifier === "node:sqlite" && kind === "value")
    return "imports node:sqlite statically, which an older Node cannot load";
  if (drivers.includes(name) && !(path.startsWith("src/backend/") && path.endsWith("/connection.ts"))) {
    return `uses the driver ${name} outside of a backend's connection.ts`;
  }
  if (specifier.startsWith("node:")) {
    if (kind === "type") return undefined;
    const builtins = from === "core" ? coreBuiltins : pure.includes(from) ? pureBuiltins : undefined;
    return builtins?.includes(specifier) === false ? `${from} does no I/O, but imports ${specifier}` : undefined;
  }
  if (name === "commander" && from !== "cli") return "uses commander outside of the CLI";
  return packages.includes(name) ? undefined : `imports ${name}, which is no runtime dependency of the package`;
}

function packageName(specifier: string): string {
  const [first = specifier, second = ""] = specifier.split("/");
  return specifier.startsWith("@") ? `${first}/${second}` : first;
}
