/**
 * Rows as JSON lists, and back with types. A place that does not hold what it must means that the store is damaged, and is
 * told as `BACKEND_CORRUPT`. JSON keeps every text and every finite number, and nothing in it is a space at its start.
 */

import { damaged } from "./reply.ts";

export type StoredList = readonly unknown[];

/** The list that the text is. */
export function readList(text: string, what: string): StoredList {
  const parsed = parse(text);
  return Array.isArray(parsed) ? parsed : wrong(what, "a list");
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged("a row that is not readable");
  }
}

export function numberAt(list: StoredList, at: number): number {
  const value = list[at];
  return typeof value === "number" ? value : wrong(`place ${at} of a row`, "a number");
}

export function optionalNumberAt(list: StoredList, at: number): number | undefined {
  const value = list[at];
  return value === null || value === undefined ? undefined : numberAt(list, at);
}

export function textAt(list: StoredList, at: number): string {
  const value = list[at];
  return typeof value === "string" ? value : wrong(`place ${at} of a row`, "text");
}

export function optionalTextAt(list: StoredList, at: number): string | undefined {
  const value = list[at];
  return value === null || value === undefined ? undefined : textAt(list, at);
}

export function textsAt(list: StoredList, at: number): readonly string[] {
  const value = list[at];
  if (isEmpty(value)) return NO_TEXTS;
  return Array.isArray(value) && value.every(isText) ? value : wrong(`place ${at} of a row`, "a list of texts");
}

export function numbersAt(list: StoredList, at: number): readonly number[] {
  const value = list[at];
  if (isEmpty(value)) return NO_NUMBERS;
  return Array.isArray(value) && value.every(isNumber) ? value : wrong(`place ${at} of a row`, "a list of numbers");
}

export function listAt(list: StoredList, at: number): StoredList {
  const value = list[at];
  return Array.isArray(value) ? value : wrong(`place ${at} of a row`, "a list");
}

const NO_TEXTS: readonly string[] = Object.freeze([]);
const NO_NUMBERS: readonly number[] = Object.freeze([]);

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function wrong(where: string, expected: string): never {
  throw damaged(`something else than ${expected} at ${where}`);
}
