/**
 * What one log line looks like: for people, or as JSON for programs. Whatever it is given, it gives one line back without
 * control characters and without the secrets that it knows; it never throws. What cannot be shown is named, not dropped.
 */

import { Buffer } from "node:buffer";
import { styleText } from "node:util";
import { LIMITS } from "../core/limits.ts";
import { cleanText } from "../core/text.ts";
import type { Severity } from "./log-level.ts";
import { redactText, redactValue } from "./redaction.ts";

/** What was logged. */
export interface LoggedLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly severity: Severity;
  readonly message: string;
  readonly data?: unknown;
}

/** A line of JSON: `time`, `level`, `message` and, where there is any, `data`. */
export function jsonForm({ at, severity, message, data }: LoggedLine): string {
  const shown = shownData(data);
  const line = { time: timeOf(at), level: severity, message: clean(message) };
  return escapeHidden(JSON.stringify(shown === undefined ? line : { ...line, data: shown }));
}

const TONES = { debug: "dim", info: "cyan", warn: "yellow", error: "red" } as const;

/** A line for a terminal: the time of day in UTC, the level, the message, and the data as JSON. */
export function prettyForm({ at, severity, message, data }: LoggedLine, colour: boolean): string {
  const shown = shownData(data);
  const text = clean(message).replaceAll(/\s+/gu, " ").trim();
  const tail = shown === undefined ? "" : ` ${escapeHidden(JSON.stringify(shown))}`;
  const word = severity.padEnd(5);
  const level = colour ? styleText(TONES[severity], word, { validateStream: false }) : word;
  return `${timeOf(at).slice(11, 23)} ${level} ${text}${tail}`;
}

function clean(message: unknown): string {
  return cleanText(redactText(textOf(message)), LIMITS.errorTextBytes);
}

function textOf(message: unknown): string {
  try {
    return String(message);
  } catch {
    return "[a message that cannot be read]";
  }
}

function timeOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** A redacted copy of the data as JSON values; `undefined` where there is nothing to show. */
function shownData(data: unknown): unknown {
  if (data === undefined) return undefined;
  try {
    const json = JSON.stringify(data, shownValue);
    if (json === undefined || json === "{}") return undefined;
    if (json.length > LIMITS.errorTextBytes) return { leftOut: `${json.length} characters of data` };
    const copy: unknown = JSON.parse(json);
    return redactValue(copy);
  } catch (error) {
    return { leftOut: error instanceof Error ? clean(error.message) : "data that cannot be read" };
  }
}

/** Forms for what JSON has none for. */
function shownValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { ...value, name: value.name, message: value.message, stack: value.stack };
  if (value instanceof Uint8Array) return `[${Buffer.byteLength(value)} bytes]`;
  return typeof value === "bigint" ? value.toString() : value;
}

/** Characters that a terminal obeys, or that hide, and that JSON text may hold as they are. */
const HIDDEN = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\udb40[\udc00-\udc7f]/gu;

function escapeHidden(json: string): string {
  return json.replaceAll(HIDDEN, (hidden) =>
    Array.from({ length: hidden.length }, (_, at) => `\\u${hidden.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}
