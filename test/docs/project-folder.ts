/**
 * A folder of its own for what the documentation shows: programs and projects in it find the packages that they name as
 * installed ones. It runs commands as a person would type them, and kills at the end what still runs.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { root } from "./pages.ts";

export interface ProgramEnd {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

export class ProjectFolder implements AsyncDisposable {
  readonly path: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<ProjectFolder> {
    return new ProjectFolder(await realpath(await mkdtemp(join(tmpdir(), "millrace-docs-"))));
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** What `npm install` would do, with the packages that are here. */
  async install(...names: readonly string[]): Promise<void> {
    const bin = join(this.path, "node_modules", ".bin");
    await mkdir(bin, { recursive: true });
    for (const name of names) {
      const source = name === "millrace" ? root : join(root, "node_modules", name);
      const target = join(this.path, "node_modules", name);
      if (!existsSync(source)) throw new Error(`there is no package ${name} here`);
      if (existsSync(target)) continue;
      await mkdir(dirname(target), { recursive: true });
      await symlink(source, target, "dir");
      if (name === "millrace") await symlink(join(root, "bin", "millrace.js"), join(bin, "millrace"));
      if (name === "typescript") await symlink(join(root, "node_modules", ".bin", "tsc"), join(bin, "tsc"));
    }
  }

  /** Runs a line of a shell to its end. */
  async run(line: string): Promise<ProgramEnd> {
    return await endOf(this.#spawn(line));
  }

  /** Starts a line of a shell, and resolves when it has printed the text. */
  async start(line: string, until: string): Promise<RunningProgram> {
    const child = this.#spawn(line);
    const ended = endOf(child);
    await new Promise<void>((resolve, reject) => {
      let text = "";
      const listen = (chunk: string): void => {
        text += chunk;
        if (text.includes(until)) resolve();
      };
      child.stdout?.on("data", listen);
      child.stderr?.on("data", listen);
      ended.then(({ errors }) => reject(new Error(`"${line}" ended before it said ${until}: ${errors}`)), reject);
    });
    return {
      async interrupt() {
        child.kill("SIGINT");
        return await ended;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) child.kill("SIGKILL");
    await rm(this.path, { recursive: true, force: true });
  }

  #spawn(line: string): ChildProcess {
    const { MILLRACE_URL: _, MILLRACE_NAMESPACE: __, NODE_OPTIONS: ___, ...env } = process.env;
    // npx looks the command up where npm put it, or here; nothing is fetched.
    const path = [join(this.path, "node_modules", ".bin"), join(root, "node_modules", ".bin"), env.PATH].join(
      delimiter,
    );
    const child = spawn("sh", ["-c", `exec ${line.replace(/^npx /, "")}`], {
      cwd: this.path,
      env: { ...env, PATH: path },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#running.add(child);
    child.on("close", () => this.#running.delete(child));
    return child;
  }
}

/** A program that goes on until it is told to end. */
export interface RunningProgram {
  /** What Ctrl-C does. */
  interrupt(): Promise<ProgramEnd>;
}

async function endOf(child: ChildProcess): Promise<ProgramEnd> {
  let out = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  await once(child, "close");
  return { code: child.exitCode, out, errors };
}
