/**
 * Pages: how long one may be, and what a cursor looks like. A cursor says where the page before it ended, in the order of its
 * list, and is checked before it is used; it says nothing that its bearer could not see anyway.
 */

import { digest } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { PageRequest } from "../contract/run.ts";

/** Rows of a page whose request names no limit. */
const DEFAULT_ROWS = 100;
const CHECK_LENGTH = 8;

/** A part of a position: its type is checked when a cursor comes back. */
export type CursorPart = "string" | "number";
type PartValue<P extends CursorPart> = P extends "string" ? string : number;
type Position<S extends readonly CursorPart[]> = { readonly [K in keyof S]: PartValue<S[K]> };

/** Rows to give: what is asked for, at most `LIMITS.pageRows`. Throws `INVALID_VALUE` unless it is a whole number from 1. */
export function pageLimit(page: PageRequest): number {
  const limit = page.limit ?? DEFAULT_ROWS;
  if (!Number.isInteger(limit) || limit < 1) {
    throw new MillraceError("INVALID_VALUE", `the limit of a page must be a whole number from 1, not ${String(limit)}`);
  }
  return Math.min(limit, LIMITS.pageRows);
}

/** The cursor of a page of `list` that ended at `position`. */
export function encodeCursor(list: string, position: readonly (string | number)[]): string {
  const text = JSON.stringify(position);
  return `${checkOf(list, text)}${Buffer.from(text, "utf8").toString("base64url")}`;
}

/** The position in a cursor of `list`; `undefined` without one. Throws `INVALID_VALUE` if it is not one of this list. */
export function decodeCursor<const S extends readonly CursorPart[]>(
  list: string,
  cursor: string | undefined,
  shape: S,
): Position<S> | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor.slice(CHECK_LENGTH), "base64url").toString("utf8");
  if (cursor !== `${checkOf(list, text)}${Buffer.from(text, "utf8").toString("base64url")}`) throw invalid(list);
  const position = parse(text);
  if (!isPosition(position, shape)) throw invalid(list);
  return position;
}

function checkOf(list: string, text: string): string {
  return digest(`${list}\n${text}`).slice(0, CHECK_LENGTH);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPosition<S extends readonly CursorPart[]>(position: unknown, shape: S): position is Position<S> {
  return (
    Array.isArray(position) &&
    position.length === shape.length &&
    shape.every((part, at) => typeof position[at] === part && (part === "string" || Number.isFinite(position[at])))
  );
}

function invalid(list: string): MillraceError {
  return new MillraceError("INVALID_VALUE", `the cursor is not one of a page of ${list}`, {
    hints: ["Pass the cursor of the page before, unchanged, with the same filter; or none, to begin anew."],
  });
}
