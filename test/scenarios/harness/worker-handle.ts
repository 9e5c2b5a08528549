/**
 * A worker process from the scenario's side: started, told apart from all other processes by the handle that started it,
 * frozen, stopped or killed by that handle alone. What it says on stderr is kept, because a worker has nothing to say
 * there.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { FOLDER_VARIABLE } from "./traces.ts";
import type { ReadyMessage } from "./worker-order.ts";

/** Read by `wrong-clock.ts`, which is loaded into processes alone. */
const CLOCK_VARIABLE = "SCENARIO_CLOCK_OFF_MS";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** The Node of the dev dependency: it runs TypeScript as it is. */
const node = join(root, "node_modules", "node", "bin", platform === "win32" ? "node.exe" : "node");
/** What processes before it have compiled. Half of what it costs to start one, and scenarios start hundreds. */
const compiled = join(root, "node_modules", ".cache", "millrace", "compiled");

const wrongClock = new URL("wrong-clock.ts", import.meta.url).href;

/** What is special about the machine of a process. */
export interface Surroundings {
  /** How far its clock is from the right time. */
  readonly clockOffMs?: number | undefined;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ProcessHandle {
  readonly pid: number;
  /** Resolves when the program says that it is ready. Rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when it has loaded its code; only programs that wait at a gate say so. */
  readonly loaded: Promise<void>;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stderr = "";
  #end: Ended | undefined;

  constructor(program: string, order: unknown, folder: string, { clockOffMs }: Surroundings = {}) {
    const clock = clockOffMs === undefined ? [] : ["--import", wrongClock];
    const child = spawn(node, [...clock, program, JSON.stringify(order)], {
      env: {
        ...env,
        [FOLDER_VARIABLE]: folder,
        [CLOCK_VARIABLE]: String(clockOffMs ?? 0),
        NODE_COMPILE_CACHE: compiled,
        NODE_OPTIONS: "",
      },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    this.pid = child.pid;
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#stderr += chunk;
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#end = { code, signal };
        resolve({ code, signal });
      });
    });
    this.ready = this.#told("ready");
    this.loaded = this.#told("loaded");
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get end(): Ended | undefined {
    return this.#end;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#child.kill(signal);
  }

  /** Ends it without a word; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  /** Lets it drain and end by itself. */
  async stop(): Promise<Ended> {
    this.signal("SIGTERM");
    return await this.ended;
  }

  #told(kind: ReadyMessage["kind"]): Promise<void> {
    const told = new Promise<void>((resolve, reject) => {
      this.#child.on("message", (message: ReadyMessage) => {
        if (message.kind === kind) resolve();
      });
      void this.ended.then(({ code, signal }) =>
        reject(new Error(`process ${this.pid} ended with ${signal ?? code} before it was ${kind}:\n${this.#stderr}`)),
      );
    });
    told.catch(() => undefined);
    return told;
  }
}
