/**
 * What a command has around it: its two outputs, its input, the environment, the current folder and the signals sent to
 * it. Commands are handed this and touch nothing of the process themselves, so that they run in a test as they run in a
 * shell. Only here are signal handlers installed.
 */

import { userInfo } from "node:os";
import { isatty } from "node:tty";
import { systemClock } from "../index.ts";
import { type Output, output } from "./output/terminal.ts";

export type Signal = "SIGINT" | "SIGTERM";

/** Everything outside of a command. */
export interface Surroundings {
  readonly out: Output;
  readonly err: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths are relative to. */
  readonly directory: string;
  /** Who is asking, for the audit trail. */
  readonly actor: string;
  /** Standard input, in chunks. */
  readonly stdin: AsyncIterable<unknown>;
  /** Whether somebody can be asked: standard input and standard error are a terminal. */
  readonly isInteractive: boolean;
  /** Calls back at every interrupt or termination until the returned function is called. */
  onSignal(listener: (signal: Signal) => void): () => void;
  /** This machine's idea of the time. Ages are told by the store's clock instead. */
  now(): number;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The surroundings of this process. */
export function processSurroundings(): Surroundings {
  return {
    out: output(process.stdout, process.env),
    err: output(process.stderr, process.env),
    environment: process.env,
    directory: process.cwd(),
    actor: `cli:${userName()}`,
    // Not before it is read: a process that has opened its input waits for the end of it.
    get stdin() {
      return process.stdin;
    },
    isInteractive: isatty(0) && isatty(2),
    onSignal(listener) {
      process.on("SIGINT", listener);
      process.on("SIGTERM", listener);
      return () => {
        process.off("SIGINT", listener);
        process.off("SIGTERM", listener);
      };
    },
    now: () => systemClock.now(),
    exit: (code) => process.exit(code),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown"; // a user id without an entry, as in some containers
  }
}
