/**
 * A worker process that is kept in step with the files of a project: ended and started again when they change. One at a
 * time; the next starts when the last has ended. The process ends by the end of its standard input, so that none is left
 * behind whatever becomes of this one.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock, type Timer } from "../../index.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import type { Surroundings } from "../surroundings.ts";
import { watchSources } from "./source-watch.ts";

/** What is run, and what is watched. */
export interface DevSettings {
  /** Its source files are watched, and those of all folders below. */
  readonly folder: string;
  /** The command line of the worker process. */
  readonly argv: readonly string[];
  readonly json: boolean;
}

const LAUNCHER = fileURLToPath(new URL("../../../bin/millrace.js", import.meta.url));
/** Editors write a file in several steps, and people save several files. */
const SETTLE_MS = 150;

export class DevSession {
  readonly #around: Surroundings;
  readonly #settings: DevSettings;
  #child: ChildProcess | undefined;
  #pending: Timer | undefined;
  #changed: string | undefined;
  #wake: (() => void) | undefined;
  #isStopping = false;
  #wasReady = false;

  constructor(around: Surroundings, settings: DevSettings) {
    this.#around = around;
    this.#settings = settings;
  }

  /** Until it is stopped. */
  async run(): Promise<void> {
    const unwatch = watchSources(this.#settings.folder, (path) => this.#sawChange(path));
    try {
      while (!this.#isStopping) {
        this.#changed = undefined;
        const code = await this.#work();
        if (this.#isStopping) break;
        if (this.#changed === undefined) {
          this.#say("waiting", `the workers have ended (exit code ${code}); waiting for a change`, { exitCode: code });
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            if (this.#isStopping || this.#changed !== undefined) resolve();
          });
        }
        if (!this.#isStopping)
          this.#say("restarting", `${this.#changed ?? "a file"} changed: starting again`, { file: this.#changed });
      }
    } finally {
      unwatch();
      this.#pending?.cancel();
    }
  }

  /** The first time lets what is in hand finish, the second ends it at once. */
  stop(): void {
    if (this.#isStopping) this.#child?.kill("SIGKILL");
    this.#isStopping = true;
    this.#child?.stdin?.end();
    this.#wake?.();
  }

  #sawChange(path: string): void {
    this.#changed ??= path;
    this.#pending?.cancel();
    this.#pending = systemClock.setTimer(SETTLE_MS, () => {
      this.#child?.stdin?.end();
      this.#wake?.();
    });
  }

  /** One worker process, from its start to its end. */
  #work(): Promise<number | null> {
    const { argv } = this.#settings;
    const { directory, environment, out, err } = this.#around;
    // In a process group of its own: an interrupt at the terminal is for this process, which passes it on in order.
    const child = spawn(process.execPath, [LAUNCHER, ...argv], {
      cwd: directory,
      env: { ...environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    this.#child = child;
    // Writing to a process that has ended is no error here.
    child.stdin.on("error", () => undefined);
    createInterface({ input: child.stdout }).on("line", (line) => {
      out.line(line);
      if (/^(ready: |\{"event":"ready")/.test(line)) this.#isReady(line);
    });
    createInterface({ input: child.stderr }).on("line", (line) => err.line(line));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        this.#child = undefined;
        resolve(code);
      });
    });
  }

  /** Says once what to do next. */
  #isReady(line: string): void {
    if (this.#wasReady) return;
    this.#wasReady = true;
    const name = /(?: for |"workflows":\[")([^@\s]+)@/.exec(line)?.[1] ?? "NAME";
    const command = `millrace start ${plainLine(name)} --input '…' --wait`;
    this.#say("next", `next: change a file, or in another terminal: npx ${command}`, { command });
  }

  #say(event: string, sentence: string, data: Readonly<Record<string, unknown>>): void {
    const { out } = this.#around;
    out.line(this.#settings.json ? jsonLine({ event, ...data }) : out.tint("dim", plainLine(sentence)));
  }
}
