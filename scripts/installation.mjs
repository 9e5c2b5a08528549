// What must be in place before anything of this repository can run: the packages of the lock file (a Node 24 among
// them) and the build in `dist`. Runs on the machine's own Node, which may be old, so it uses nothing newer than
// Node 20 and no package. It refuses to guess: what does not match the lock file is installed anew.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

const modules = join(root, "node_modules");

/** The Node of the dev dependency `node`, which runs everything that is not this set-up. */
export const node = join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");

/** The environment of a child: the caller's, with the installed tools and their Node first on the path. */
export function toolEnvironment() {
  const pathName = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  return { ...process.env, [pathName]: [join(modules, ".bin"), process.env[pathName] ?? ""].join(delimiter) };
}

/**
 * Installs what the lock file names unless it is all there already.
 * @returns {boolean} whether it had to; throws an `Error` that holds npm's own output.
 */
export function ensureInstalled() {
  if (isInstalled()) return false;
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith(".js") ? [process.execPath, [npm]] : ["npm", []];
  const options = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(command, [...args, ...options], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  if (result.status !== 0) throw new Error(`\`npm ci\` failed.\n${outputOf(result)}`);
  if (!existsSync(node))
    throw new Error(`\`npm ci\` did not install Node: ${node} is missing. Are install scripts off?`);
  return true;
}

/**
 * Builds `dist` unless it was built from exactly these sources.
 * @returns {boolean} whether it had to; throws an `Error` that holds the compiler's output.
 */
export function ensureBuilt() {
  const stamp = join(modules, ".cache", "millrace", "build");
  const wanted = sourceDigest();
  if (existsSync(join(root, "dist", "index.js")) && readIfThere(stamp) === wanted) return false;
  const result = spawnSync(node, [join(root, "scripts", "build.mjs")], {
    cwd: root,
    encoding: "utf8",
    env: toolEnvironment(),
    maxBuffer: 1 << 26,
  });
  if (result.status !== 0) throw new Error(`The build failed.\n${outputOf(result)}`);
  mkdirSync(join(modules, ".cache", "millrace"), { recursive: true });
  writeFileSync(stamp, wanted);
  return true;
}

function isInstalled() {
  const wanted = readIfThere(join(root, "package-lock.json"));
  const found = readIfThere(join(modules, ".package-lock.json"));
  if (wanted === undefined || found === undefined || !existsSync(node)) return false;
  const installed = JSON.parse(found).packages;
  return Object.entries(JSON.parse(wanted).packages).every(
    ([path, entry]) => path === "" || entry.optional === true || installed[path]?.version === entry.version,
  );
}

function sourceDigest() {
  const hash = createHash("sha256");
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"]) {
    hash.update(name).update(readFileSync(join(root, name)));
  }
  /** @param {string} folder */
  const walk = (folder) => {
    const entries = readdirSync(folder, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (!/\.test(-d)?\.ts$/.test(entry.name)) hash.update(path.slice(root.length)).update(readFileSync(path));
    }
  };
  walk(join(root, "src"));
  return hash.digest("hex");
}

/** @param {string} path */
function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** @param {import("node:child_process").SpawnSyncReturns<string>} result */
function outputOf(result) {
  return [result.error?.message, result.stdout, result.stderr].filter(Boolean).join("\n").trim();
}
