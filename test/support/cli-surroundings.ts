/**
 * Surroundings for running a command inside a test: what it writes is kept line by line, its environment is empty unless
 * given, and signals are sent by hand. The command itself cannot tell the difference from a shell.
 */

import { runCommandLine } from "../../src/cli/main.ts";
import { type Output, type OutputStream, output } from "../../src/cli/output/terminal.ts";
import type { Signal, Surroundings } from "../../src/cli/surroundings.ts";

export interface FakeOptions {
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** Present: both outputs are terminals so wide. */
  readonly columns?: number;
}

export interface CommandOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An output that keeps what is written to it. */
export function keptOutput(
  options: { readonly columns?: number | undefined; readonly environment?: FakeOptions["environment"] } = {},
): { readonly output: Output; readonly text: () => string } {
  let text = "";
  const stream: OutputStream = {
    write(chunk) {
      text += chunk;
      return true;
    },
    isTTY: options.columns !== undefined,
    columns: options.columns,
    on: () => undefined,
    once: () => undefined,
    off: () => undefined,
  };
  return { output: output(stream, options.environment ?? {}), text: () => text };
}

/** Runs a command line to its end. */
export async function runCommand(argv: readonly string[], options: FakeOptions): Promise<CommandOutcome> {
  const { around, out, err } = fakeSurroundings(options);
  const code = await runCommandLine(argv, around);
  return { code, out: out(), err: err() };
}

/** Surroundings, what was written in them, and a way to send signals. */
export function fakeSurroundings(options: FakeOptions) {
  const { directory, environment = {}, stdin = "", columns } = options;
  const out = keptOutput({ columns, environment });
  const err = keptOutput({ columns, environment });
  const listeners = new Set<(signal: Signal) => void>();
  const exits: number[] = [];
  const around: Surroundings = {
    out: out.output,
    err: err.output,
    environment,
    directory,
    actor: "cli:tester",
    stdin: chunksOf(stdin),
    isInteractive: columns !== undefined,
    onSignal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    now: () => 0,
    exit: (code) => {
      exits.push(code);
    },
  };
  const send = (signal: Signal): void => {
    for (const listener of listeners) listener(signal);
  };
  return { around, out: out.text, err: err.text, send, exits };
}

/** Cut in the middle of characters, as a pipe may. */
async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 3) yield bytes.slice(at, at + 3);
}
