/**
 * A project in a folder of its own, as a user of the package has it: a manifest, the configuration, and the installed
 * packages (links to what was built here). Programs that were started in it and still run at the end of the test are
 * killed, by their handles alone.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { until } from "../harness/until.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const launcher = join(root, "bin", "millrace.js");
export const node = join(root, "node_modules", "node", "bin", platform === "win32" ? "node.exe" : "node");
const configuration = fileURLToPath(new URL("project/millrace.config.ts", import.meta.url));

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export class Project {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-cli-")));
  readonly #programs: Program[] = [];

  constructor() {
    this.write("package.json", '{ "private": true, "type": "module" }\n');
    cpSync(configuration, join(this.folder, "millrace.config.ts"));
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(root, join(this.folder, "node_modules", "millrace"), "dir");
    symlinkSync(join(root, "node_modules", "zod"), join(this.folder, "node_modules", "zod"), "dir");
    onTestFinished(async () => {
      for (const program of this.#programs) await program.kill();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  write(path: string, text = ""): void {
    mkdirSync(join(this.folder, path, ".."), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  /** Starts the command; it may still run when this returns. */
  spawn(
    argv: readonly string[],
    options: { readonly within?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Program {
    const program = new Program(argv, join(this.folder, options.within ?? "."), options.env ?? {});
    this.#programs.push(program);
    return program;
  }

  /** Runs the command to its end. */
  run(...argv: readonly string[]): Promise<ProgramEnd> {
    return this.spawn(argv).ended;
  }

  /** Runs the command with `--json`; it must succeed without a word on stderr. */
  async json(...argv: readonly string[]): Promise<Record<string, unknown>> {
    const { code, out, err } = await this.run(...argv, "--json");
    if (code !== 0 || err !== "") throw new Error(`millrace ${argv.join(" ")} ended with ${code}:\n${err}`);
    return JSON.parse(out);
  }

  /** Starts workers and waits for their line. */
  async worker(...options: readonly string[]): Promise<Program> {
    const worker = this.spawn(["worker", ...options]);
    await worker.says("ready");
    return worker;
  }
}

/** Runs any program to its end, without the variables that this repository's own runs set. */
export function runProgram(
  program: string,
  argv: readonly string[],
  folder: string,
  extra: NodeJS.ProcessEnv = {},
): Promise<ProgramEnd> {
  const { MILLRACE_URL: _, MILLRACE_NAMESPACE: __, NODE_OPTIONS: ___, NODE_TEST_CONTEXT: ____, ...rest } = env;
  const child = spawn(program, argv, { cwd: folder, env: { ...rest, ...extra }, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}

/** One running command. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<ProgramEnd>;
  #out = "";
  #err = "";
  #end: ProgramEnd | undefined;

  constructor(argv: readonly string[], folder: string, extra: NodeJS.ProcessEnv) {
    const { MILLRACE_URL: _, MILLRACE_NAMESPACE: __, NODE_OPTIONS: ___, ...rest } = env;
    this.child = spawn(node, [launcher, ...argv], {
      cwd: folder,
      env: { ...rest, ...extra },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#out += chunk;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#err += chunk;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code, signal) => {
        this.#end = { code, signal, out: this.#out, err: this.#err };
        resolve(this.#end);
      });
    });
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** Waits for a word on either output; fails if the program ends without it. */
  async says(word: string): Promise<void> {
    await until(`the program said "${word}"`, () => {
      if (`${this.#out}${this.#err}`.includes(word)) return true;
      if (this.#end !== undefined) throw new Error(`it ended without saying "${word}": ${JSON.stringify(this.#end)}`);
      return false;
    });
  }

  signal(signal: "SIGINT" | "SIGTERM"): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.ended;
  }
}
