/**
 * Typed access to the columns of a row. A column that does not hold what it must means that the store is damaged, and is
 * told as `BACKEND_CORRUPT` instead of going on with nonsense.
 */

import { MillraceError } from "../../core/errors.ts";
import { fromStoredText, parseStored } from "../sql/stored-text.ts";
import type { SqlRow, SqlValue } from "./driver.ts";

export function numberAt(row: SqlRow, at: number): number {
  const value = row[at];
  return typeof value === "number" ? value : wrong("a number", value);
}

export function optionalNumberAt(row: SqlRow, at: number): number | undefined {
  const value = row[at];
  if (value === null) return undefined;
  return typeof value === "number" ? value : wrong("a number", value);
}

export function booleanAt(row: SqlRow, at: number): boolean {
  const value = row[at];
  return typeof value === "boolean" ? value : wrong("yes or no", value);
}

/** Text that was stored by `toStoredText`. */
export function textAt(row: SqlRow, at: number): string {
  const value = row[at];
  return typeof value === "string" ? fromStoredText(value) : wrong("text", value);
}

export function optionalTextAt(row: SqlRow, at: number): string | undefined {
  return row[at] === null ? undefined : textAt(row, at);
}

/** Text as it lies there: JSON and the like. */
export function plainTextAt(row: SqlRow, at: number): string {
  const value = row[at];
  return typeof value === "string" ? value : wrong("text", value);
}

export function bytesAt(row: SqlRow, at: number): Uint8Array {
  const value = row[at];
  return value instanceof Uint8Array ? value : wrong("bytes", value);
}

export function optionalBytesAt(row: SqlRow, at: number): Uint8Array | undefined {
  return row[at] === null ? undefined : bytesAt(row, at);
}

/** JSON text of a list of strings. */
export function stringsAt(row: SqlRow, at: number): readonly string[] {
  const text = plainTextAt(row, at);
  if (text === "[]") return NO_STRINGS;
  const list = parseStored(text);
  return isStrings(list) ? list : wrong("a list of strings", text);
}

/** JSON text of an object. */
export function objectAt(row: SqlRow, at: number): Readonly<Record<string, unknown>> {
  const text = plainTextAt(row, at);
  const parsed = parseStored(text);
  return isObject(parsed) ? parsed : wrong("an object", text);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

export function damaged(what: string): MillraceError {
  return new MillraceError("BACKEND_CORRUPT", `the store holds ${what}`);
}

const NO_STRINGS: readonly string[] = Object.freeze([]);

function wrong(expected: string, value: SqlValue | undefined): never {
  throw damaged(`${value === null ? "nothing" : `a ${typeof value}`} where ${expected} must be`);
}
