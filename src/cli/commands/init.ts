/**
 * `millrace init`: sets up a project that runs: a workflow, its test, the configuration, and what npm and the compiler
 * need. It shows what it will write before it writes, never overwrites anything, and installs nothing.
 */

import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { MillraceError, VERSION } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { type ProjectFile, packageName, projectFiles } from "../init/project-files.ts";
import { confirm } from "../input/confirmation.ts";
import { usage } from "../input/option-values.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import type { Surroundings } from "../surroundings.ts";

interface InitOptions extends CommonOptions {
  readonly yes?: boolean | undefined;
}

export function initCommand(run: Run): Command {
  return describeCommand({
    name: "init",
    summary: "Set up a project: a workflow, its test, and what runs them",
    details:
      "DIR is made if it is absent; without it the project is set up in the current folder. Shows what it will write and asks first. What is there already is kept as it is.",
    examples: [
      ["init greeter && cd greeter && npm install && npm test", "A project that runs, in a folder of its own"],
      ["init --yes", "In the current folder, without being asked"],
    ],
  })
    .argument("[dir]", "the project's folder (default: the current one)")
    .option("--yes", "do not ask")
    .action(acting(run, (typed: string | undefined, options: InitOptions) => init(run.around, typed ?? ".", options)));
}

async function init(around: Surroundings, typed: string, options: InitOptions): Promise<void> {
  if (typed === "" || typed.includes("\0")) throw usage("the folder has no name");
  const folder = resolve(around.directory, typed);
  const all = projectFiles(packageName(basename(folder)), VERSION);
  const kept = all.filter(({ path }) => isThere(join(folder, path)));
  const missing = all.filter((file) => !kept.includes(file));
  const shown = relative(around.directory, folder) || ".";
  if (options.json !== true) announce(around, shown, missing, kept);
  if (missing.length > 0) {
    await confirm(around, `Write ${missing.length === 1 ? "this file" : `these ${missing.length} files`}?`, options);
    for (const file of missing) write(folder, file);
  }
  const next = nextSteps(shown, kept);
  if (options.json === true) {
    const paths = (files: readonly ProjectFile[]): readonly string[] => files.map(({ path }) => path);
    around.out.line(jsonLine({ directory: folder, written: paths(missing), kept: paths(kept), next }));
    return;
  }
  around.out.line("");
  for (const line of next) around.out.line(plainLine(line));
}

function announce(
  { out }: Surroundings,
  folder: string,
  missing: readonly ProjectFile[],
  kept: readonly ProjectFile[],
): void {
  out.line(`In ${plainLine(folder)}:`);
  for (const { path } of missing) out.line(`  ${out.tint("green", "new ")}  ${path}`);
  for (const { path } of kept) out.line(`  ${out.tint("dim", "kept")}  ${path}`);
}

/** Also a link that leads nowhere is there. What cannot be looked at is not; writing says why. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** Fails rather than overwrite what has come in between, also through a link. */
function write(folder: string, { path, text }: ProjectFile): void {
  const target = join(folder, path);
  try {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text, { flag: "wx" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("INVALID_VALUE", `${path} cannot be written: ${why}`, {
      cause,
      hints: ["Run it again when that is resolved: what has been written is kept."],
    });
  }
}

function nextSteps(folder: string, kept: readonly ProjectFile[]): readonly string[] {
  const enter = folder === "." ? "" : `cd ${/^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder)} && `;
  const steps = `next: ${enter}npm install && npm test && npx millrace dev`;
  if (!kept.some(({ path }) => path === "package.json")) return [steps];
  const own = `your package.json is kept; it needs: npm pkg set type=module scripts.test="node --test" scripts.dev="millrace dev" && npm install millrace`;
  return [own, steps];
}
