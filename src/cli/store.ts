/**
 * Which store a command works on, and its opening and closing. The option comes first, then the environment, then the
 * project's configuration (where a command reads one), then the embedded file. Invariant: a command that does not
 * create a store never makes a file, and no secret of a URL is ever shown.
 */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { type Backend, type Config, connect, MillraceError } from "../index.ts";
import type { CommonOptions } from "./command-line.ts";
import { redactText } from "./output/redaction.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where runs are kept when nothing else is said: the same as `connect()`. */
const DEFAULT_URL = "sqlite:./.millrace/millrace.db";

/** The store that a command works on. */
export interface StoreChoice {
  /** As it was given. */
  readonly url: string;
  /** The same with a path that does not depend on the current folder. */
  readonly target: string;
  readonly namespace: string | undefined;
  readonly chosenBy: "option" | "environment" | "configuration" | "default";
}

/** The file of an embedded store; `undefined` for a server and for memory. */
export interface StoreFile {
  readonly path: string;
  readonly exists: boolean;
}

/** Decides which store is meant. */
export function chooseStore(options: CommonOptions, around: Surroundings, config?: Config): StoreChoice {
  const { MILLRACE_URL, MILLRACE_NAMESPACE } = around.environment;
  const namespace = options.namespace ?? (MILLRACE_NAMESPACE || undefined) ?? config?.namespace;
  const chosen = (url: string, chosenBy: StoreChoice["chosenBy"]): StoreChoice => {
    const file = storeFile(url, around.directory);
    return { url, target: file === undefined ? url : `sqlite:${file.path}`, namespace, chosenBy };
  };
  if (options.url !== undefined) return chosen(options.url, "option");
  if (MILLRACE_URL !== undefined && MILLRACE_URL !== "") return chosen(MILLRACE_URL, "environment");
  if (config?.url !== undefined) return chosen(config.url, "configuration");
  return chosen(DEFAULT_URL, "default");
}

/** Runs the work on a store that must be there, and closes it. Throws `STORE_NOT_FOUND` otherwise. */
export async function onExistingStore<T>(
  options: CommonOptions,
  around: Surroundings,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const choice = chooseStore(options, around);
  requireStore(choice, around);
  return onStore(choice, work);
}

/** Runs the work on a store, which is made if it is absent, and closes it. */
export async function onStore<T>(choice: StoreChoice, work: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await connect(choice.target, { namespace: choice.namespace });
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}

/** Throws `STORE_NOT_FOUND` where the store is a file that does not exist, and says what to do. */
export function requireStore(choice: StoreChoice, around: Surroundings): void {
  const file = storeFile(choice.url, around.directory);
  if (file === undefined || file.exists) return;
  const hints = [
    "A store is made by the first worker or start: millrace worker, or millrace start NAME.",
    choice.chosenBy === "default"
      ? "If it is elsewhere, pass --url or set MILLRACE_URL; this command runs no millrace.config to find out."
      : "Check the path; relative ones start at the current folder.",
  ];
  throw new MillraceError("STORE_NOT_FOUND", `there is no store at ${file.path}`, { hints });
}

/** The file that a URL names. An empty file is no store yet. */
export function storeFile(url: string, directory: string): StoreFile | undefined {
  const name = /^sqlite:(.+)$/isu.exec(url)?.[1];
  if (name === undefined || name === ":memory:" || name.includes("\0")) return undefined;
  const path = resolve(directory, name.startsWith("///") ? name.slice(2) : name);
  const found = statSync(path, { throwIfNoEntry: false });
  return { path, exists: found !== undefined && (!found.isFile() || found.size > 0) };
}

/** The URL as it may be shown. */
export function shownUrl(url: string): string {
  return redactText(url);
}
