/**
 * A logger that writes to a stream such as standard error: for people on a terminal, lines of JSON otherwise. It is
 * harmless to its process: a reader that has gone, or a stream that fails, loses lines and nothing else.
 */

import type { Clock, Logger } from "../core/ports.ts";
import { jsonForm, prettyForm } from "./line-form.ts";
import { isShown, type LogLevel, type Severity } from "./log-level.ts";

/** The part of a Node stream that is used. */
export interface LogStream {
  readonly isTTY?: boolean | undefined;
  write(text: string, written: (error?: Error | null) => void): boolean;
  once(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  listenerCount(event: "error"): number;
}

/** Where lines go, and which. */
export interface ConsoleLoggerOptions {
  readonly level: LogLevel;
  readonly stream: LogStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, "now">;
}

/** Colour needs a terminal that is not `dumb`, and no `NO_COLOR`. */
export function consoleLogger({ level, stream, environment, clock }: ConsoleLoggerOptions): Logger {
  const isTerminal = stream.isTTY === true;
  const colour = isTerminal && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
  const at =
    (severity: Severity) =>
    (message: string, data?: Readonly<Record<string, unknown>>): void => {
      if (!isShown(severity, level)) return;
      const line = { at: clock.now(), severity, message, data };
      writeSafely(stream, `${isTerminal ? prettyForm(line, colour) : jsonForm(line)}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** As Node's own console does it: nobody else need listen for the errors of this write. */
function writeSafely(stream: LogStream, text: string): void {
  stream.once("error", ignore);
  try {
    stream.write(text, (error) => {
      // The error event of a write that failed later is yet to come.
      if (error != null && stream.listenerCount("error") === 0) stream.once("error", ignore);
    });
  } catch {
    // The line is lost; a log has nowhere to complain.
  } finally {
    stream.off("error", ignore);
  }
}

function ignore(): void {
  // That the line is lost is all there is to it.
}
