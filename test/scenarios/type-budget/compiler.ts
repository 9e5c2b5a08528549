/**
 * Compiles programs as a user's project would, in a folder of their own, against the sources of the package. It gives
 * what the compiler said, what it wrote and what it cost, and judges nothing. Costs are counted in type instantiations and memory,
 * which are the same on every machine; time is not.
 */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One error: where it is, and the whole message with its explanations. */
interface CompilerError {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** What one run of the compiler gave. */
export interface Compilation {
  readonly errors: readonly CompilerError[];
  readonly instantiations: number;
  readonly memoryBytes: number;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Compiles programs given by file name. They import the package's sources from `@/`, other packages by name. */
export async function compile(programs: Readonly<Record<string, string>>): Promise<Compilation> {
  return await inFolder(programs, async (folder) => {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    return await runCompiler(folder, { paths: { "@/*": [join(root, "src/*.ts")] } });
  });
}

/**
 * Compiles one program that imports `millrace` as an installed package, and gives its declarations too. What the package
 * does not export can't be named in them, and is an error.
 */
export async function declarationsOf(program: string): Promise<Compilation & { readonly declarations: string }> {
  return await inFolder({ "program.ts": program }, async (folder) => {
    const packages = join(folder, "node_modules");
    await mkdir(packages);
    for (const name of await readdir(join(root, "node_modules"))) {
      if (!name.startsWith(".")) await symlink(join(root, "node_modules", name), join(packages, name));
    }
    await cp(join(root, "src"), join(packages, "millrace/src"), { recursive: true });
    const manifest = { name: "millrace", type: "module", exports: { ".": "./src/index.ts" } };
    await writeFile(join(packages, "millrace/package.json"), JSON.stringify(manifest));
    const options = {
      paths: {},
      noEmit: false,
      emitDeclarationOnly: true,
      declaration: true,
      rootDir: "programs",
      outDir: "declarations",
    };
    const compilation = await runCompiler(folder, options);
    const declarations = await readFile(join(folder, "declarations/program.d.ts"), "utf8").catch(() => "");
    return { ...compilation, declarations };
  });
}

async function inFolder<T>(
  programs: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-types-"));
  try {
    await mkdir(join(folder, "programs"));
    for (const [name, text] of Object.entries(programs)) await writeFile(join(folder, "programs", name), text);
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runCompiler(folder: string, options: Readonly<Record<string, unknown>>): Promise<Compilation> {
  const configuration = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      typeRoots: [join(root, "node_modules/@types")],
      // Programs are full of names for the sake of the example.
      noUnusedLocals: false,
      ...options,
    },
    include: ["programs"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(configuration));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const given = [compiler, "--project", folder, "--extendedDiagnostics", "--pretty", "false"];
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, given, { cwd: folder, maxBuffer: 2 ** 26 }, (error, output) => {
      // A compiler that found errors exits with a code; one that could not run gives no diagnostics at all.
      if (output.includes("Instantiations:")) resolve(readOutput(output));
      else reject(error ?? new Error(`the compiler said nothing of use: ${output}`));
    });
  });
}

function readOutput(output: string): Compilation {
  const errors: { file: string; line: number; message: string }[] = [];
  for (const line of output.split("\n")) {
    const start = /^(?:.*\/)?([^/]+)\((\d+),\d+\): error (.*)$/.exec(line);
    const last = errors.at(-1);
    if (start !== null) errors.push({ file: start[1] ?? "", line: Number(start[2]), message: start[3] ?? "" });
    else if (last !== undefined && line.startsWith("  ")) last.message += `\n${line}`;
    else if (line.startsWith("error ")) errors.push({ file: "", line: 0, message: line });
  }
  return {
    errors,
    instantiations: figure(output, "Instantiations"),
    memoryBytes: figure(output, "Memory used") * 1_024,
  };
}

function figure(output: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(output)?.[1];
  if (found === undefined) throw new Error(`the compiler did not say "${name}"`);
  return Number(found);
}
