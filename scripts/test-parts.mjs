// The parts of `npm test`, in the order they run, each as a function that gives its counts. A tool that has no tests of
// its own (compiler, linter) counts as one check. Nothing is skipped silently: a part that could not run, a test file
// that failed to load, a skipped test and a project without tests all count as failed.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, node, root, toolEnvironment } from "./installation.mjs";
import { countReport } from "./test-report.mjs";
import { findServers } from "./test-servers.mjs";

/** @typedef {import("./test-report.mjs").Counts} Counts */

const minute = 60_000;

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {boolean} [needsBuild]
 * @property {boolean} [needsServers] PostgreSQL and Redis
 * @property {() => Counts | Promise<Counts>} run
 */

/** @type {readonly Part[]} */
export const parts = [
  { name: "types", run: checkTypes },
  { name: "lint", run: () => check("lint", ["@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]) },
  { name: "tidy", run: () => runProject("tidy", 5) },
  { name: "knip", run: () => check("knip", ["knip/bin/knip.js", "--no-progress"]) },
  { name: "unit", run: () => runProject("unit", 10) },
  { name: "servers", needsServers: true, run: () => runProject("servers", 10) },
  { name: "conformance", needsServers: true, run: () => runProject("conformance", 15) },
  { name: "scenarios", needsBuild: true, needsServers: true, run: () => runProject("scenarios", 20) },
  { name: "docs", needsBuild: true, needsServers: true, run: () => runProject("docs", 10) },
  { name: "package", needsBuild: true, run: () => runProject("package", 15) },
];

/** Installs what is missing. It counts only when it fails: then nothing else can run. @returns {Counts} */
export function install() {
  ensureInstalled();
  return { passed: 0, failed: 0 };
}

/** @returns {Counts} */
export function build() {
  ensureBuilt();
  return { passed: 1, failed: 0 };
}

/**
 * Finds or starts what parts with `needsServers` need, and tells their processes by the environment.
 * @returns {Promise<() => Promise<void>>} what ends it
 */
export async function provideServers() {
  const { variables, notes, end } = await findServers();
  for (const note of notes) console.log(note);
  Object.assign(process.env, variables);
  return end;
}

/** The whole tree in one compiler run: each `x.test-d.ts` is a test, everything else together is one more. */
async function checkTypes() {
  const { code, output } = await runTool(["typescript/bin/tsc", "--noEmit", "--pretty", "false"], 5, "pipe");
  const typeTests = filesBelow(join(root, "src")).filter((path) => path.endsWith(".test-d.ts"));
  const wrong = new Set([...output.matchAll(/^(.+?)\(\d+,\d+\): error/gm)].map((match) => match[1]));
  const failedTests = typeTests.filter((path) => wrong.has(path)).length;
  const restFailed = wrong.size > failedTests || (code !== 0 && wrong.size === 0);
  if (code !== 0) console.log(output.trim());
  const failed = failedTests + (restFailed ? 1 : 0);
  return { passed: typeTests.length + 1 - failed, failed };
}

/** @param {string} name @param {string[]} args @returns {Promise<Counts>} */
async function check(name, args) {
  const { code, output } = await runTool(args, 5, "pipe");
  if (code === 0) return { passed: 1, failed: 0 };
  console.log(`${name}:\n${output.trim()}`);
  return { passed: 0, failed: 1 };
}

/** @param {string} project @param {number} minutes @returns {Promise<Counts>} */
async function runProject(project, minutes) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-test-"));
  const report = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { code } = await runTool(
      ["vitest/vitest.mjs", "run", "--project", project, ...reporters],
      minutes,
      "inherit",
    );
    if (!existsSync(report)) throw new Error(`vitest gave no report (exit code ${code}).`);
    const { notes, ...counts } = countReport(JSON.parse(readFileSync(report, "utf8")), code);
    for (const note of notes) console.log(note);
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string[]} args @param {number} minutes @param {"pipe" | "inherit"} output
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function runTool([script = "", ...args], minutes, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [join(root, "node_modules", script), ...args], {
      cwd: root,
      env: toolEnvironment(),
      stdio: ["ignore", output, output],
      timeout: minutes * minute,
      killSignal: "SIGKILL",
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal === null) resolve({ code, output: text });
      else reject(new Error(`${script} was ended by ${signal}; it may run for ${minutes} minutes.\n${text}`));
    });
  });
}

/** @param {string} folder @returns {string[]} paths relative to the root, with forward slashes */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/"));
}
