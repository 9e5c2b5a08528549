/**
 * Finds and loads the workflow code of a project, for the commands that need it. Code runs only from a file that was
 * named, or from `millrace.config` in the project's own root: the folder of the nearest `package.json` upward from the
 * current one, and no other. Commands that only look never come here.
 */

import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Config, defineConfig, isMillraceError, isWorkflow, MillraceError, type Workflow } from "../../index.ts";

/** A configuration and the file that it came from. */
export interface LoadedConfig {
  readonly path: string;
  readonly config: Config;
}

const NAMES = ["millrace.config.ts", "millrace.config.mts", "millrace.config.js", "millrace.config.mjs"];

/** The path of the project's configuration; nothing of it is run. Throws `INVALID_CONFIG` where there are several. */
export function findProjectConfig(directory: string): string | undefined {
  const root = projectRoot(directory);
  if (root === undefined) return undefined;
  const found = NAMES.filter((name) => existsSync(join(root, name)));
  if (found.length > 1) throw invalid(`${root} has ${found.join(" and ")}`, "Keep one of them.");
  const [name] = found;
  return name === undefined ? undefined : join(root, name);
}

/** The configuration of the project that the folder belongs to; `undefined` if it has none. Throws `INVALID_CONFIG`. */
export async function loadProjectConfig(directory: string): Promise<LoadedConfig | undefined> {
  const path = findProjectConfig(directory);
  if (path === undefined) return undefined;
  return { path, config: configOf(await load(path, directory), relative(directory, path) || basename(path)) };
}

/** The configuration that a named file exports, or the workflows that it exports. Throws `INVALID_CONFIG`. */
export async function loadWorkflowsFile(file: string, directory: string): Promise<LoadedConfig> {
  const path = resolve(directory, file);
  if (!isFile(path)) throw invalid(`there is no file ${file}`, "Give --workflows a file that exports workflows.");
  const exported = await load(path, directory);
  const { default: main, ...named } = exported;
  if (typeof main === "object" && main !== null && "workflows" in main)
    return { path, config: configOf(exported, file) };
  const workflows = [...new Set([...workflowsIn(main), ...Object.values(named).flatMap(workflowsIn)])];
  if (workflows.length > 0) return { path, config: defineConfig({ workflows }) };
  throw invalid(
    `${file} exports no workflow`,
    "Export workflows by name, or a configuration as default: defineConfig({ workflows: [...] }).",
  );
}

/** What to do where code is needed and none was found. */
export function noWorkflows(directory: string): MillraceError {
  const root = projectRoot(directory);
  const where =
    root === undefined
      ? "a package.json and, beside it, millrace.config.ts"
      : join(relative(realpathSync(directory), root), "millrace.config.ts");
  return new MillraceError("INVALID_CONFIG", "there are no workflows to run: no millrace.config was found", {
    hints: [
      `Create ${where} with: export default defineConfig({ workflows: [...] }).`,
      "Or name a file that exports workflows: --workflows FILE.",
    ],
  });
}

/** The folder of the nearest `package.json`. */
function projectRoot(directory: string): string | undefined {
  for (let folder = realpathSync(directory); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

async function load(path: string, directory: string): Promise<Readonly<Record<string, unknown>>> {
  const shown = relative(directory, path) || basename(path);
  try {
    return await withoutLoaderWarnings(() => import(pathToFileURL(path).href));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hints = isMillraceError(cause) ? cause.hints : [`Run it by itself to see what is wrong: node ${shown}`];
    throw new MillraceError("INVALID_CONFIG", `${shown} cannot be loaded: ${why}`, { cause, hints });
  }
}

function configOf(exported: Readonly<Record<string, unknown>>, shown: string): Config {
  const { default: main } = exported;
  if (typeof main !== "object" || main === null || !("workflows" in main)) {
    throw invalid(
      `${shown} has no configuration as its default export`,
      "Write: export default defineConfig({ workflows: [...] }).",
    );
  }
  try {
    // Its own `defineConfig` may not have been called, or be that of another copy of the package.
    return defineConfig(main as Config);
  } catch (cause) {
    if (!isMillraceError(cause)) throw cause;
    throw new MillraceError("INVALID_CONFIG", `${shown}: ${cause.message}`, { cause, hints: cause.hints });
  }
}

function workflowsIn(exported: unknown): readonly Workflow[] {
  if (Array.isArray(exported)) return exported.filter(isWorkflow);
  return isWorkflow(exported) ? [exported] : [];
}

/**
 * Node warns that reading TypeScript is experimental, and that it had to guess a module's format: true, but nothing that
 * who runs a worker could act on. All other warnings still show.
 */
async function withoutLoaderWarnings<T>(run: () => Promise<T>): Promise<T> {
  const { emitWarning } = process;
  const filtered: typeof process.emitWarning = (...values: unknown[]) => {
    if (/^(Type Stripping is an experimental|Module type of file )/.test(String(values[0]))) return;
    Reflect.apply(emitWarning, process, values);
  };
  process.emitWarning = filtered;
  try {
    return await run();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function invalid(message: string, ...hints: readonly string[]): MillraceError {
  return new MillraceError("INVALID_CONFIG", message, { hints });
}
