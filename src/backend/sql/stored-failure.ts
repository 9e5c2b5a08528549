/**
 * A failure as JSON text. Never refuses one: the failure path must always commit, so details that cannot be stored are
 * replaced by a note.
 */

import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { decodeValue, encodeValue } from "../../core/values.ts";
import type { RunFailure } from "../contract/run.ts";
import { parseStored } from "./stored-text.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** JSON text, always of well-formed ASCII-safe characters where it matters: no NUL, no lone surrogate. */
export function toStoredFailure(failure: RunFailure): string {
  const { details, ...rest } = failure;
  return JSON.stringify(details === undefined ? rest : { ...rest, details: storedDetails(details) });
}

/** The failure that was stored. Throws `BACKEND_CORRUPT` when it is none of ours. */
export function fromStoredFailure(stored: string): RunFailure {
  const parsed = parseStored(stored);
  if (!isFailure(parsed)) throw new MillraceError("BACKEND_CORRUPT", "a failure in the store is not readable");
  const { details, ...rest } = parsed;
  return typeof details === "string"
    ? { ...rest, details: decodeValue(encoder.encode(details), { what: "details of a failure" }) }
    : rest;
}

function storedDetails(details: unknown): string {
  try {
    return decoder.decode(encodeValue(details, { what: "details", maxBytes: LIMITS.payloadBytes }));
  } catch {
    return JSON.stringify({ leftOut: "they could not be stored" });
  }
}

function isFailure(parsed: unknown): parsed is RunFailure {
  return (
    typeof parsed === "object" &&
    parsed !== null &&
    "code" in parsed &&
    typeof parsed.code === "string" &&
    "message" in parsed &&
    typeof parsed.message === "string"
  );
}
