/**
 * Reads a package's manifest and licence file. Errors that may pass (too many open files, a busy disk) are thrown, so that
 * the engine tries again; a file that is absent or unreadable for good is a finding.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface PackageFiles {
  readonly manifest: Readonly<Record<string, unknown>> | undefined;
  /** Why there is no manifest. */
  readonly problem?: string;
  readonly licenceFile: string | undefined;
  /** The first line of the licence file that says something. */
  readonly title: string | undefined;
}

const TRANSIENT = new Set(["EMFILE", "ENFILE", "EAGAIN", "EBUSY", "EIO", "EINTR", "ETIMEDOUT", "ESTALE"]);

/** Throws only what is worth another attempt. */
export async function readPackage(directory: string): Promise<PackageFiles> {
  const names = await orProblem(readdir(directory));
  if ("problem" in names)
    return { manifest: undefined, problem: names.problem, licenceFile: undefined, title: undefined };
  const licenceFile = names.value.filter((name) => /^(un)?licen[cs]e|^copying/i.test(name)).sort()[0];
  const text = licenceFile === undefined ? undefined : await orProblem(readFile(join(directory, licenceFile), "utf8"));
  const title = text !== undefined && "value" in text ? titleOf(text.value) : undefined;
  const source = await orProblem(readFile(join(directory, "package.json"), "utf8"));
  if ("problem" in source) return { manifest: undefined, problem: source.problem, licenceFile, title };
  return { ...parseManifest(source.value), licenceFile, title };
}

function parseManifest(source: string): Pick<PackageFiles, "manifest" | "problem"> {
  try {
    const manifest: unknown = JSON.parse(source.replace(/^\uFEFF/, ""));
    if (isRecord(manifest)) return { manifest };
    return { manifest: undefined, problem: "package.json is not an object" };
  } catch {
    return { manifest: undefined, problem: "package.json is not JSON" };
  }
}

async function orProblem<T>(reading: Promise<T>): Promise<{ readonly value: T } | { readonly problem: string }> {
  try {
    return { value: await reading };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
    if (TRANSIENT.has(code)) throw error;
    return { problem: `cannot be read (${code})` };
  }
}

function titleOf(text: string): string | undefined {
  const line = text.split("\n").find((candidate) => /[a-z]/i.test(candidate));
  return line
    ?.replace(/[#*=\s]+/g, " ")
    .trim()
    .slice(0, 100);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
