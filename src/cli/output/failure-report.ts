/**
 * Errors as a command ends with them: one block that a person can read, or one line of JSON, and the exit code that the
 * one table of codes gives. Whatever is thrown becomes a report; nothing here throws.
 */

import { inspect } from "node:util";
import { ERRORS, type ErrorJson, isMillraceError, MillraceError } from "../../index.ts";
import { jsonLine } from "./json-output.ts";
import { plainText } from "./plain-text.ts";
import { redactText, redactValue } from "./redaction.ts";
import type { Output } from "./terminal.ts";

/** Lines of a stack that help; the rest is Node's own. */
const STACK_LINES = 8;

/** The exit code that a script sees. */
export function exitCodeOf(thrown: unknown): number {
  return ERRORS[asMillraceError(thrown).code].exit;
}

/** Writes the error, as JSON where that was asked for. */
export function reportFailure(output: Output, thrown: unknown, json: boolean): void {
  const error = asMillraceError(thrown);
  if (json) output.line(jsonLine({ error: failureJson(error) }));
  else for (const line of failureBlock(output, error)) output.line(line);
}

/** The error as `--json` shows it. */
export function failureJson(thrown: unknown): Readonly<Record<string, unknown>> {
  const { details, ...error }: ErrorJson = asMillraceError(thrown).toJSON();
  const message = redactText(error.message);
  return { ...error, message, ...(details === undefined ? {} : { details: redactValue(details) }) };
}

function failureBlock(output: Output, error: MillraceError): readonly string[] {
  const [first = "", ...more] = safe(error.message).split("\n");
  const place = [
    ["run", error.runId],
    ["node", error.node],
    ["item", error.itemId],
    ["attempt", error.attempt],
  ] as const;
  return [
    `${output.tint("red", "error:")} ${first}`,
    ...more.map((line) => `  ${line}`),
    `  ${output.tint("dim", "code:")} ${error.code}`,
    ...place.flatMap(([label, value]) =>
      value === undefined ? [] : [`  ${output.tint("dim", `${label}:`)} ${safe(String(value))}`],
    ),
    ...error.hints.map((hint) => `  ${output.tint("dim", "hint:")} ${indented(safe(hint))}`),
    ...stackLines(error).map((line) => `    ${output.tint("dim", line)}`),
  ];
}

/** Where it happened, for bugs of ours and for code of the user's: for all else the message is the story. */
function stackLines(error: MillraceError): readonly string[] {
  const source =
    error.code === "INTERNAL" ? (error.cause ?? error) : error.code === "INVALID_CONFIG" ? error.cause : undefined;
  if (!(source instanceof Error) || (isMillraceError(source) && error.code === "INVALID_CONFIG")) return [];
  const frames = safe(source.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !line.includes("(node:"));
  return frames.slice(0, STACK_LINES).map((line) => line.trim());
}

function asMillraceError(thrown: unknown): MillraceError {
  if (isMillraceError(thrown)) return thrown;
  const message = thrown instanceof Error && thrown.message !== "" ? thrown.message : inspect(thrown, { depth: 1 });
  return new MillraceError("INTERNAL", message, { cause: thrown });
}

function safe(text: string): string {
  return plainText(redactText(text));
}

function indented(text: string): string {
  return text.split("\n").join("\n        ");
}
