/**
 * Digests: the one way in which the engine says "the same content". Canonical JSON has sorted keys and no white space,
 * so equal values give equal text whatever order they were built in.
 */

import { hash } from "node:crypto";
import { LIMITS } from "./limits.ts";
import { MillraceError } from "./millrace-error.ts";
import { cleanText } from "./text.ts";
import { ValueRefusal, writeValue } from "./value-writer.ts";

/** The first 128 bits of the SHA-256 of some bytes, or of a text in UTF-8, as 32 hexadecimal characters. */
export function digest(content: Uint8Array | string): string {
  return hash("sha256", content, "hex").slice(0, 32);
}

/**
 * JSON with sorted keys and no white space. Refuses (`INVALID_VALUE`, `TOO_DEEP`) what cannot be stored as a value,
 * but knows no limit of size or keys: what is digested need not be stored.
 */
export function canonicalJson(value: unknown): string {
  try {
    return writeValue(value, {
      sorted: true,
      maxDepth: LIMITS.valueDepth,
      maxKeys: Number.POSITIVE_INFINITY,
      maxLength: Number.POSITIVE_INFINITY,
    });
  } catch (thrown) {
    if (thrown instanceof ValueRefusal) {
      throw new MillraceError(
        thrown.limit ?? "INVALID_VALUE",
        cleanText(`value: ${thrown.path} ${thrown.message}`, LIMITS.errorTextBytes),
      );
    }
    throw thrown;
  }
}
