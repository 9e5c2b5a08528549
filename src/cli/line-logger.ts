/**
 * Where the engine's log lines go when a command runs it: warnings and errors, one line each, to standard error. Lines
 * are cleaned and relieved of secrets; what is merely informative is dropped.
 */

import type { Logger } from "../index.ts";
import { jsonLine } from "./output/json-output.ts";
import { plainLine } from "./output/plain-text.ts";
import { redactText, redactValue } from "./output/redaction.ts";
import type { Output } from "./output/terminal.ts";

/** A logger that writes to the output given, as JSON where that was asked for. */
export function lineLogger(output: Output, json: boolean): Logger {
  const write =
    (level: "warn" | "error") =>
    (message: string, data?: Readonly<Record<string, unknown>>): void => {
      const text = redactText(message);
      const more = redactValue(data ?? {});
      if (json) output.line(jsonLine({ level, message: text, data: more }));
      else
        output.line(`${output.tint(level === "warn" ? "yellow" : "red", `${level}:`)} ${plainLine(text)}${tail(more)}`);
    };
  return { debug: () => undefined, info: () => undefined, warn: write("warn"), error: write("error") };
}

function tail(data: unknown): string {
  const text = jsonLine(data);
  return text === "{}" ? "" : ` ${text}`;
}
