/**
 * Values of users: inputs, outputs, payloads, context changes. Encodes them to the bytes that are stored, reads them
 * back, and takes JSON from strangers. Refuses whatever would not come back equal, or could harm who reads it.
 * Invariant: `decodeValue(encodeValue(v))` equals `v`, but for object properties that are `undefined`, which are
 * dropped, and for `Buffer`, which comes back as `Uint8Array`.
 */

import { Buffer } from "node:buffer";
import { canonicalJson, digest } from "./digest.ts";
import type { ErrorCode } from "./error-table.ts";
import { scanJson } from "./json-scan.ts";
import { LIMITS } from "./limits.ts";
import { MillraceError } from "./millrace-error.ts";
import { cleanText } from "./text.ts";
import { BYTES_KEY, RESERVED_KEY, ValueRefusal, writeValue } from "./value-writer.ts";

/** What a value is for, and its limits. */
export interface ValueOptions {
  /** Names the value in messages, as in "the output of node pay". */
  readonly what: string;
  /** Code of a refusal that has no code of its own. Default `INVALID_VALUE` (`BACKEND_CORRUPT` when decoding). */
  readonly code?: ErrorCode | undefined;
  /** Default `LIMITS.payloadBytes`. */
  readonly maxBytes?: number | undefined;
  /** Default `LIMITS.valueKeys`. */
  readonly maxKeys?: number | undefined;
  /** Default `LIMITS.valueDepth`; `LIMITS.envelopeDepth` for what the engine puts around values. */
  readonly maxDepth?: number | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The value as JSON in UTF-8. Throws, with the path to the refused part: `TOO_DEEP`, `TOO_MANY_KEYS`,
 * `PAYLOAD_TOO_LARGE`, or the given code for what cannot be stored. Calls nothing of the value but getters, each once.
 */
export function encodeValue(value: unknown, options: ValueOptions): Uint8Array {
  const maxBytes = options.maxBytes ?? LIMITS.payloadBytes;
  const text = writeFor(value, options, maxBytes);
  const bytes = encoder.encode(text);
  if (bytes.length > maxBytes) {
    throw tooLarge(options.what, maxBytes, `it has ${bytes.length} bytes`);
  }
  return bytes;
}

/** Throws as `encodeValue` does, without giving the bytes. */
export function checkValue(value: unknown, options: ValueOptions): void {
  encodeValue(value, options);
}

/** The value that `encodeValue` wrote. Throws `BACKEND_CORRUPT` (or the given code) for bytes that it never writes. */
export function decodeValue(
  bytes: Uint8Array,
  options: Pick<ValueOptions, "what" | "code"> = { what: "stored value" },
): unknown {
  try {
    const text = decoder.decode(bytes);
    return read(text);
  } catch (cause) {
    throw new MillraceError(options.code ?? "BACKEND_CORRUPT", `${options.what}: cannot be read (${reasonOf(cause)})`, {
      cause,
    });
  }
}

/**
 * The value that JSON of a stranger stands for, with every check made before it is parsed that parsing could not
 * survive. Throws `PAYLOAD_TOO_LARGE`, `TOO_DEEP`, `TOO_MANY_KEYS`, or the given code for text that is not JSON, numbers
 * that would change, and keys that could change a prototype. `{"$bytes": "<base64>"}` stands for a `Uint8Array`.
 */
export function parseJson(json: Uint8Array | string, options: ValueOptions): unknown {
  const maxBytes = options.maxBytes ?? LIMITS.payloadBytes;
  const length = typeof json === "string" ? Buffer.byteLength(json, "utf8") : json.length;
  if (length > maxBytes) {
    throw tooLarge(options.what, maxBytes, `it has ${length} bytes`);
  }
  const text = typeof json === "string" ? json : decodeText(json, options);
  const limits = { maxDepth: options.maxDepth ?? LIMITS.valueDepth, maxKeys: options.maxKeys ?? LIMITS.valueKeys };
  const problem = scanJson(text, limits);
  if (problem !== undefined) {
    const code = problem.code === "INVALID_VALUE" ? (options.code ?? problem.code) : problem.code;
    throw new MillraceError(code, `${options.what}: ${problem.message}`);
  }
  try {
    return read(text);
  } catch (cause) {
    throw new MillraceError(options.code ?? "INVALID_VALUE", `${options.what}: ${reasonOf(cause)}`, { cause });
  }
}

/** A digest of the value that does not depend on the order of its keys. Refuses as `canonicalJson` does. */
export function canonicalDigest(value: unknown): string {
  return digest(canonicalJson(value));
}

function writeFor(value: unknown, options: ValueOptions, maxBytes: number): string {
  try {
    return writeValue(value, {
      sorted: false,
      maxDepth: options.maxDepth ?? LIMITS.valueDepth,
      maxKeys: options.maxKeys ?? LIMITS.valueKeys,
      maxLength: maxBytes,
    });
  } catch (thrown) {
    if (!(thrown instanceof ValueRefusal)) {
      throw thrown;
    }
    const refused = cleanText(`${thrown.path} ${thrown.message}`, LIMITS.errorTextBytes);
    if (thrown.limit === "PAYLOAD_TOO_LARGE") {
      throw tooLarge(options.what, maxBytes, refused);
    }
    const code = thrown.limit ?? options.code ?? "INVALID_VALUE";
    throw new MillraceError(code, `${options.what}: ${refused}`);
  }
}

function tooLarge(what: string, maxBytes: number, detail: string): MillraceError {
  return new MillraceError("PAYLOAD_TOO_LARGE", `${what}: is larger than ${maxBytes} bytes; ${detail}`);
}

function decodeText(bytes: Uint8Array, options: ValueOptions): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MillraceError(options.code ?? "INVALID_VALUE", `${options.what}: is not UTF-8`, { cause });
  }
}

function read(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Only text that could hold such a key has to be walked: in clear, or with its characters escaped.
  const plain = !text.includes(`${BYTES_KEY.slice(1)}"`) && !text.includes("proto") && !text.includes("\\u00");
  return plain ? value : restore(value);
}

/** Turns marked bytes back into bytes, in place, and refuses keys that could change a prototype. */
function restore(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    for (const [at, part] of value.entries()) {
      value[at] = restore(part);
    }
    return value;
  }
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record);
  const [only] = keys;
  if (keys.length === 1 && only !== undefined && RESERVED_KEY.test(only)) {
    return only === BYTES_KEY ? restoreBytes(record[only]) : { [only.slice(1)]: restore(record[only]) };
  }
  for (const key of keys) {
    const part = record[key];
    const harmful =
      key === "__proto__" || (key === "constructor" && isRecord(part) && Object.hasOwn(part, "prototype"));
    if (harmful) {
      throw new SyntaxError(`has the key ${key}, which could change a prototype`);
    }
    record[key] = restore(part);
  }
  return record;
}

function restoreBytes(base64: unknown): Uint8Array {
  const bytes = typeof base64 === "string" ? Buffer.from(base64, "base64") : undefined;
  if (bytes === undefined || bytes.toString("base64") !== base64) {
    throw new SyntaxError(`has the key ${BYTES_KEY} without base64`);
  }
  return new Uint8Array(bytes);
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cleanText(cause.message, 200) : "unknown reason";
}
