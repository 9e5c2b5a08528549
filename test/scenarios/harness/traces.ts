/**
 * What bodies and worker processes leave behind for the scenario to see, beside the engine and not through it: lines in
 * files that survive the process that wrote them, and gates, which are files that a body waits for. Each line is one
 * write to a file opened for appending, so lines of several processes do not mix.
 */

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env, pid } from "node:process";
import { setTimeout as passed } from "node:timers/promises";

/** The variable that tells a process where its scenario keeps its files. */
export const FOLDER_VARIABLE = "MILLRACE_SCENARIO";

/** A line of a trace, with the process that wrote it. */
export type Traced<T> = T & { readonly pid: number };

/** Adds a line, in a process of a scenario. */
export function trace(name: string, line: Readonly<Record<string, unknown>>): void {
  appendFileSync(join(folder(), `${name}.jsonl`), `${JSON.stringify({ ...line, pid })}\n`);
}

/** All whole lines so far, from outside. The shape is the word of whoever asks. */
export function readTraces<T>(at: string, name: string): Traced<T>[] {
  const path = join(at, `${name}.jsonl`);
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/** Lets whoever waits at the gate go on. */
export function openGate(at: string, name: string): void {
  writeFileSync(join(at, `${name}.gate`), "");
}

/** Waits until the gate is open, in a process of a scenario; rejects with the signal's reason. */
export async function gate(name: string, signal?: AbortSignal): Promise<void> {
  while (!isOpen(name)) {
    signal?.throwIfAborted();
    await passed(5);
  }
}

/** The same without letting anything else happen in the process. */
export function gateStandingStill(name: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!isOpen(name)) Atomics.wait(cell, 0, 0, 5);
}

function isOpen(name: string): boolean {
  return existsSync(join(folder(), `${name}.gate`));
}

function folder(): string {
  const at = env[FOLDER_VARIABLE];
  if (at === undefined) throw new Error("this body runs outside of a scenario's worker process");
  return at;
}
