/**
 * A program that serves in a folder of its own and can be ended and started again. Beside it a small shell waits for the
 * end of the process that started it: whatever happens to that one, the server is ended by its pid and the folder goes.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "./server-folder.ts";

export interface ServerLaunch {
  readonly program: string;
  readonly args: readonly string[];
  /** Goes away with the server. Its output is in `server.log`. */
  readonly folder: string;
  readonly identity?: Identity | undefined;
  /** Ends it at once when nobody is left to end it well. */
  readonly lastSignal: "QUIT" | "KILL";
}

// Told the pid line by line (an empty one: it is down). When the pipe closes, it ends what is left.
const guard = `trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -"$1" "$pid" && kill -CONT "$pid"
  tries=0
  while kill -0 "$pid" && [ "$tries" -lt 60 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -KILL "$pid"
fi
rm -rf "$2"`;

const LOG_LINES = 15;

export class ServerProcess {
  readonly #launch: ServerLaunch;
  readonly #guard: ChildProcess;
  #child: ChildProcess | undefined;
  #problem: Error | undefined;
  #ended: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(launch: ServerLaunch) {
    this.#launch = launch;
    const args = ["-c", guard, "guard", launch.lastSignal, launch.folder];
    this.#guard = spawn("/bin/sh", args, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    this.#guard.stdin?.on("error", () => undefined);
    this.#guard.unref();
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; whether it answers is for others to see. Does nothing while it runs. */
  start(): void {
    if (this.#closed !== undefined) throw new Error(`the server of ${this.#launch.folder} was closed`);
    if (this.#child !== undefined) return;
    const { program, args, folder, identity } = this.#launch;
    const log = openSync(join(folder, "server.log"), "a");
    const child = spawn(program, args, { cwd: folder, detached: true, stdio: ["ignore", log, log], ...identity });
    closeSync(log);
    this.#child = child;
    this.#problem = undefined;
    this.#ended = new Promise((resolve) => {
      const ended = (): void => {
        if (this.#child === child) {
          this.#child = undefined;
          this.#guard.stdin?.write("\n");
        }
        resolve();
      };
      child.once("exit", ended);
      child.once("error", (error) => {
        this.#problem = error;
        ended();
      });
    });
    if (child.pid !== undefined) this.#guard.stdin?.write(`${child.pid}\n`);
    child.unref();
  }

  /** Sends the signal and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child?.ref();
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Ends it for good, folder included. */
  close(signal: NodeJS.Signals): Promise<void> {
    this.#closed ??= this.end(signal).then(async () => {
      this.#guard.ref();
      const gone = once(this.#guard, "exit");
      this.#guard.stdin?.end();
      if (this.#guard.exitCode === null && this.#guard.signalCode === null) await gone;
    });
    return this.#closed;
  }

  /** Fails with the reason, or the last lines of its log, when it runs no more. For use while waiting for an answer. */
  assertRunning(): void {
    if (this.#child !== undefined) return;
    throw new Error(`${this.#launch.program} ended: ${this.#problem?.message ?? this.lastLines()}`);
  }

  lastLines(): string {
    const path = join(this.#launch.folder, "server.log");
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(-LOG_LINES).join("\n") : "";
  }
}
