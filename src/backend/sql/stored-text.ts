/**
 * Text as it lies in a database. A database takes neither NUL nor half a surrogate pair, and some cut at the first and
 * replace the second without a word; such strings are stored escaped behind a marker. Invariant: every string comes back as it was, and equal strings are stored equal, so unique indexes and comparisons for equality hold.
 */

import { MillraceError } from "../../core/errors.ts";

/** Starts an escaped string; a plain string that starts with it is escaped too. */
export const ESCAPE_MARK = "\u0001";

/** The form in which a string is stored. */
export function toStoredText(text: string): string {
  if (text.isWellFormed() && !text.includes("\0") && !text.startsWith(ESCAPE_MARK)) return text;
  return ESCAPE_MARK + JSON.stringify(text);
}

/** The string that was stored. Throws `BACKEND_CORRUPT` when it is none of ours. */
export function fromStoredText(stored: string): string {
  if (!stored.startsWith(ESCAPE_MARK)) return stored;
  const text = parseStored(stored.slice(ESCAPE_MARK.length));
  if (typeof text !== "string")
    throw new MillraceError("BACKEND_CORRUPT", "an escaped string in the store is not readable");
  return text;
}

/** The value of a column of JSON text. Throws `BACKEND_CORRUPT` when it is not JSON. */
export function parseStored(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new MillraceError("BACKEND_CORRUPT", "a column of JSON text in the store is not readable", { cause });
  }
}
