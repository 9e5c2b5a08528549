/**
 * The files of this repository that the tidy rules are about, read once each. The rules themselves never touch the disk.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LockFile, Manifest } from "./manifest.ts";
import { filesBelow, readSources, root, type SourceFile } from "./source-file.ts";

const folders = ["bin", "scripts", "src", "test", "examples"];

export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

export function manifest(): Manifest {
  return JSON.parse(readText("package.json"));
}

export function lockFile(): LockFile {
  return JSON.parse(readText("package-lock.json"));
}

/** What shipped code may import: dependencies and peers, never development tools. */
export function runtimePackages(): string[] {
  const { dependencies, peerDependencies, optionalDependencies } = manifest();
  return [dependencies, peerDependencies, optionalDependencies].flatMap((group) => Object.keys(group ?? {}));
}

/** The source of each entry point that the manifest exports, sorted. */
export function entryPointPaths(): string[] {
  const targets = Object.values(manifest().exports ?? {}).map((entry) =>
    typeof entry === "string" ? entry : entry.default,
  );
  const built = targets.map((target) => /^\.\/dist\/(.+)\.js$/.exec(target)?.[1]);
  return built.flatMap((name) => (name === undefined ? [] : [`src/${name}.ts`])).sort();
}

/** Every script of the repository, parsed. */
export function allSources(): SourceFile[] {
  return readSources(...folders);
}

/** Every hand-written file that has an opening paragraph and a length: scripts and SQL. */
export function allWritten(): string[] {
  return folders.flatMap(filesBelow).filter((path) => /\.(ts|mjs|js|sql|lua)$/.test(path));
}
