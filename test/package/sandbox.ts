/**
 * Temporary folders in which the package is packed, installed and used the way a stranger would: real npm, the real
 * tarball, real Node versions. Children see none of the variables npm sets for its own scripts, so that nothing of this
 * repository leaks into what they do; the registry and cache settings of the machine stay.
 */

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const root = fileURLToPath(new URL("../../", import.meta.url));

const kept = ["npm_config_registry", "npm_config_cache", "npm_config_userconfig", "npm_config_cafile"];
const notCopied = ["node_modules", "dist", ".git", ".millrace"];

export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-package-"));

  /** Creates an empty folder below the sandbox. */
  empty(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  write(folder: string, name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** A copy of this repository as a fresh clone has it: no packages, no build. */
  copyOfRepository(name: string): string {
    const copy = join(this.folder, name);
    const filter = (path: string): boolean =>
      !notCopied.includes(basename(path)) && !basename(path).startsWith(".build-");
    cpSync(root, copy, { recursive: true, filter });
    return copy;
  }

  /** What `npm ci` does to a copy, without its cost. */
  lendPackages(copy: string): void {
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");
  }

  /** Packs a folder and gives the path of the tarball. */
  async pack(folder: string): Promise<string> {
    const target = this.empty("tarball");
    const packed = await npm(folder, "pack", "--json", "--loglevel=error", "--pack-destination", target);
    if (packed.code !== 0) throw new Error(`npm pack failed:\n${packed.stdout}${packed.stderr}`);
    const [first] = Object.values<{ filename: string }>(JSON.parse(packed.stdout));
    if (first === undefined) throw new Error(`npm pack named no file:\n${packed.stdout}`);
    return join(target, first.filename);
  }

  /** Installs a Node of that version through npm and gives the path of its program. */
  async node(version: string): Promise<string> {
    const folder = this.empty(`node-${version}`);
    await this.install(folder, `node@${version}`);
    return join(folder, "node_modules", "node", "bin", "node");
  }

  async install(folder: string, ...what: readonly string[]): Promise<void> {
    this.write(folder, "package.json", `{ "private": true, "allowScripts": { "node": true } }\n`);
    const done = await npm(folder, "install", "--no-audit", "--no-fund", "--loglevel=error", ...what);
    if (done.code !== 0) throw new Error(`npm install ${what.join(" ")} failed:\n${done.stdout}${done.stderr}`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function npm(folder: string, ...args: readonly string[]): Promise<Outcome> {
  return execute("npm", args, folder);
}

/** Runs a program to its end, never through a shell. `first` is a folder whose programs hide others of their name. */
export function execute(program: string, args: readonly string[], folder: string, first?: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: cleanEnvironment(first),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function cleanEnvironment(first: string | undefined): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => {
    const plain = name.toLowerCase();
    if (plain.startsWith("npm_")) return kept.includes(plain);
    return (
      !["node_options", "node_env", "vitest", "force_color", "init_cwd"].includes(plain) && !plain.startsWith("vitest_")
    );
  });
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const all = first === undefined ? path : [first, ...path];
  return { ...Object.fromEntries(entries), PATH: all.join(delimiter), NO_COLOR: "1" };
}
