import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute, type Outcome, readJson, root, Sandbox } from "./sandbox.ts";

const sandbox = new Sandbox();
const nodes = { oldest: "", current: process.execPath, tooOld: "" };
const installs = { plain: "", "without scripts": "" };
let copy = "";
let tarball = "";

const nodeNames = ["oldest", "current"] as const;
const installNames = ["plain", "without scripts"] as const;
const combinations = nodeNames.flatMap((node) => installNames.map((install) => [node, install] as const));
const entryPoints = ["millrace", "millrace/sqlite", "millrace/backend", "millrace/testing"];
const refusal = /millrace needs Node\.js 22\.18 or newer; this is Node\.js 20\.\d+\.\d+\.\]?$/m;

beforeAll(async () => {
  copy = sandbox.copyOfRepository("repository");
  sandbox.lendPackages(copy);
  tarball = await sandbox.pack(copy);
  installs.plain = sandbox.empty("plain");
  installs["without scripts"] = sandbox.empty("without-scripts");
  await sandbox.install(installs.plain, tarball);
  await sandbox.install(installs["without scripts"], "--ignore-scripts", tarball);
  nodes.oldest = await sandbox.node("22.18.0");
  nodes.tooOld = await sandbox.node("20");
});

afterAll(() => sandbox.remove());

function inPackage(path: string): string {
  return join(installs.plain, "node_modules", "millrace", path);
}

function runScript(node: string, folder: string, name: string, text: string): Promise<Outcome> {
  return execute(node, [sandbox.write(folder, name, text)], folder);
}

function runBin(node: string, folder: string, ...args: readonly string[]): Promise<Outcome> {
  return execute(node, [join(folder, "node_modules", "millrace", "bin", "millrace.js"), ...args], folder);
}

describe("the tarball", () => {
  test("is built by npm pack itself", () => {
    expect(existsSync(join(copy, "dist", "index.js"))).toBe(true);
  });

  test("holds what the manifest exports, with types, and the licence", () => {
    const { exports, bin } = readJson(inPackage("package.json")) as {
      exports: Record<string, string | Record<string, string>>;
      bin: Record<string, string>;
    };
    const named = Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    for (const path of [...named, ...Object.values(bin), "LICENSE", "README.md", "dist/cli/main.js"]) {
      expect(existsSync(inPackage(path)), path).toBe(true);
    }
  });

  test("holds no tests, no sources, and no path of the machine that built it", () => {
    const files = readdirSync(inPackage("."), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      expect(file.name).not.toMatch(/\.test(-d)?\.|(?<!\.d)\.ts$/);
      const text = readFileSync(join(file.parentPath, file.name), "utf8");
      expect(text.includes(root) || text.includes(copy), `${file.name} names a folder of this machine`).toBe(false);
    }
  });

  test("carries every file that is not code, such as SQL", () => {
    const assets = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) =>
      /\.(sql|lua)$/.test(path),
    );
    for (const path of assets) expect(existsSync(inPackage(join("dist", path))), path).toBe(true);
  });

  test("pleases publint", async () => {
    const outcome = await execute(
      nodes.current,
      [join(root, "node_modules/publint/src/cli.js"), tarball, "--strict"],
      root,
    );
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
  });

  test("has types that are not wrong", async () => {
    const script = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const outcome = await execute(nodes.current, [script, tarball, "--profile", "esm-only", "--no-emoji"], root);
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
  });
});

describe.each(combinations)("on the %s Node, installed %s", (node, install) => {
  const imports = entryPoints.map((name) => `import "${name}";`).join("\n");

  test("every entry point can be imported, without a word on stderr", async () => {
    const script = `${imports}\nimport { VERSION } from "millrace";\nconsole.log(VERSION);\n`;
    const outcome = await runScript(nodes[node], installs[install], "imports.mjs", script);
    expect(outcome).toEqual({ code: 0, stdout: `${readVersion()}\n`, stderr: "" });
  });

  test("every entry point can be required", async () => {
    const script = `${entryPoints.map((name) => `require("${name}");`).join("\n")}\nconsole.log(require("millrace").VERSION);\n`;
    const outcome = await runScript(nodes[node], installs[install], "requires.cjs", script);
    expect(outcome).toEqual({ code: 0, stdout: `${readVersion()}\n`, stderr: "" });
  });

  test("a workflow runs in the process and on SQLite, and other people's warnings still show", async () => {
    const outcome = await runScript(nodes[node], installs[install], "workflow.mjs", workflowScript);
    expect(outcome.stderr.replace(/^\(node:\d+\) /, "").split("\n")[0]).toBe("ExperimentalWarning: mine");
    expect(outcome.stderr).not.toMatch(/sqlite/i);
    expect(outcome).toMatchObject({ code: 0, stdout: "local 42\nsqlite 42\n" });
  });

  test("the command runs", async () => {
    const version = await runBin(nodes[node], installs[install], "--version");
    expect(version).toEqual({ code: 0, stdout: `${readVersion()}\n`, stderr: "" });
    const help = await runBin(nodes[node], installs[install], "--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("worker");
  });
});

describe("on Node 20", () => {
  test.each([
    ["import", "old.mjs", `import { VERSION } from "millrace";\nconsole.log(VERSION);\n`],
    ["import of a backend", "old-sqlite.mjs", `import "millrace/sqlite";\nconsole.log("ran");\n`],
    ["import of the test suite", "old-testing.mjs", `import "millrace/testing";\nconsole.log("ran");\n`],
    ["require", "old.cjs", `console.log(require("millrace").VERSION);\n`],
  ])("%s says which Node is needed", async (_, name, text) => {
    const outcome = await runScript(nodes.tooOld, installs.plain, name, text);
    expect(outcome.stderr).toMatch(refusal);
    expect(outcome.stderr).not.toMatch(/^\s+at /m);
    expect(outcome.stdout).toBe("");
    expect(outcome.code).not.toBe(0);
  });

  test("the command says it in one line", async () => {
    const outcome = await runBin(nodes.tooOld, installs.plain, "--help");
    expect(outcome.stderr).toMatch(refusal);
    expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
    expect(outcome.stdout).toBe("");
    expect(outcome.code).not.toBe(0);
  });
});

describe("a fresh clone, on a machine whose Node is too old", () => {
  test("runs the main job after setting itself up, with one line about it", async () => {
    const clone = sandbox.copyOfRepository("clone");
    const packages = sandbox.empty("audited/node_modules/sample");
    sandbox.write(packages, "package.json", `{ "name": "sample", "version": "1.0.0", "license": "MIT" }\n`);
    const args = ["start", "--", "--dir", join(sandbox.folder, "audited"), "--workers", "1"];
    const outcome = await execute("npm", args, clone, dirname(nodes.tooOld));
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    expect(outcome.stdout).toContain("MIT");
    expect(outcome.stdout.match(/^Setting up/gm)).toHaveLength(1);
    expect(outcome.stderr).not.toMatch(/Warning|EBADENGINE/);
  });
});

describe.each(["nodenext", "bundler"])("a strict TypeScript project with %s resolution", (resolution) => {
  test("compiles against the package and gets types from end to end", async () => {
    const folder = installs.plain;
    sandbox.write(folder, "consumer.mts", consumerSource);
    const options = {
      module: resolution === "bundler" ? "esnext" : resolution,
      moduleResolution: resolution,
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const project = `tsconfig.${resolution}.json`;
    sandbox.write(folder, project, JSON.stringify({ compilerOptions: options, files: ["consumer.mts"] }));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const outcome = await execute(nodes.current, [compiler, "-p", project, "--pretty", "false"], folder);
    expect(outcome).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

function readVersion(): string {
  return (readJson(join(root, "package.json")) as { version: string }).version;
}

const workflowScript = `
import { connect, DistributedOrchestrator, next, node, run, unchecked, WorkerPool, workflow } from "millrace";

const double = node({ input: unchecked(), run: ({ input }) => next(input * 2) });
const doubling = workflow({ name: "doubling", version: "1.0.0", nodes: { double }, start: "double", edges: { double: [] } });

console.log("local", (await run(doubling, 21)).output);

const backend = await connect("sqlite:" + process.pid + ".db");
const orchestrator = new DistributedOrchestrator({ backend, workflows: [doubling] });
const pool = new WorkerPool({ backend, workflows: [doubling], workers: 1 });
await pool.start();
const handle = await orchestrator.startRun(doubling, 21);
console.log("sqlite", await handle.result());
await pool.stop();
await backend.close();
process.emitWarning("mine", "ExperimentalWarning");
`;

const consumerSource = `
import { connect, DistributedOrchestrator, next, node, run, unchecked, VERSION, workflow } from "millrace";
import "millrace/sqlite";
import { backendOverRows, memoryRows } from "millrace/backend";
import "millrace/testing";

const capabilities = { durability: "none", shared: false, pushWakeups: true, renewal: "inProcess" } as const;
export const mine = backendOverRows({ kind: "mine", location: "here", capabilities, ...memoryRows() });

const double = node({ input: unchecked<number>(), run: ({ input }) => next(input * 2) });
const doubling = workflow({ name: "doubling", version: "1.0.0", nodes: { double }, start: "double", edges: { double: [] } });

export async function main(): Promise<number> {
  const version: string = VERSION;
  const { output } = await run(doubling, version.length);
  const backend = await connect("memory:");
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [doubling] });
  const handle = await orchestrator.startRun(doubling, 21);
  const result: number = await handle.result();
  return output + result;
}
`;
