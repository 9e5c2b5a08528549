/**
 * Finds installed npm packages in a directory tree. A package is a directory directly under a `node_modules`, or under a
 * scope in it, with a `package.json`; nested ones count, symbolic links don't.
 */

import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";

/** Paths of all packages below `root`, relative to it, with forward slashes, sorted by code unit. */
export async function findPackages(root: string, signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    signal?.throwIfAborted();
    const entries = await readdir(directory, { withFileTypes: true });
    if (isPackagePlace(directory) && hasManifest(entries)) found.push(relative(root, directory).split(sep).join("/"));
    for (const entry of entries) if (entry.isDirectory()) pending.push(join(directory, entry.name));
  }
  // The root itself is where one looks, not what one finds.
  return found.filter((path) => path !== "").sort((a, b) => (a < b ? -1 : 1));
}

function isPackagePlace(directory: string): boolean {
  const parent = dirname(directory);
  if (basename(parent) === "node_modules") return true;
  return basename(parent).startsWith("@") && basename(dirname(parent)) === "node_modules";
}

function hasManifest(entries: readonly Dirent[]): boolean {
  return entries.some((entry) => entry.name === "package.json" && entry.isFile());
}
