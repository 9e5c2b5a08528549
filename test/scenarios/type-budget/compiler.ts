/**
 * Compiles programs as a user's project would, in a folder of their own, against the sources of the package. It gives
 * what the compiler said and what it cost, and judges nothing. Costs are counted in type instantiations and memory,
 * which are the same on every machine; time is not.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
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
  const folder = await mkdtemp(join(tmpdir(), "millrace-types-"));
  try {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await mkdir(join(folder, "programs"));
    for (const [name, text] of Object.entries(programs)) await writeFile(join(folder, "programs", name), text);
    const configuration = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        paths: { "@/*": [join(root, "src/*.ts")] },
        typeRoots: [join(root, "node_modules/@types")],
        // Programs are full of names for the sake of the example.
        noUnusedLocals: false,
      },
      include: ["programs"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(configuration));
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    return readOutput(await runCompiler(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runCompiler(folder: string): Promise<string> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const options = ["--project", folder, "--extendedDiagnostics", "--pretty", "false"];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, ...options], { cwd: folder, maxBuffer: 2 ** 26 }, (error, output) => {
      // A compiler that found errors exits with a code; one that could not run gives no diagnostics at all.
      if (output.includes("Instantiations:")) resolve(output);
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
