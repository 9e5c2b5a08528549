/**
 * Values as a context keeps them: copied when they come in, so that the caller may go on changing what it gave, and
 * frozen all the way down, so that many readers may share one copy. Bytes cannot be frozen; whatever holds some is
 * copied for each reader instead. It refuses what cannot be stored. Invariant: nobody outside of the context ever holds
 * something through which a shared value could change.
 */

import { Buffer } from "node:buffer";
import type { ErrorCode } from "../../core/error-table.ts";
import { decodeValue, encodeValue } from "../../core/values.ts";

/** A string up to this length is well within every bound and needs no encoding to be checked. */
const SHORT_STRING = 1_024;

/** Objects, arrays and bytes that are or contain bytes. */
const holdingBytes = new WeakSet<object>();

/** What a value is for, where not for a change by a node. */
export interface TakeOptions {
  /** Code of a refusal that has no code of its own. Default `INVALID_VALUE`. */
  readonly code?: ErrorCode | undefined;
  /** Default `LIMITS.payloadBytes`. */
  readonly maxBytes?: number | undefined;
  /** Default `LIMITS.valueKeys`. */
  readonly maxKeys?: number | undefined;
}

/**
 * A shared copy of a value that comes from outside. Throws, with the path to the refused part: `TOO_DEEP`,
 * `TOO_MANY_KEYS`, `PAYLOAD_TOO_LARGE`, or the given code for what cannot be stored.
 */
export function takeValue(value: unknown, what: string, options: TakeOptions = {}): unknown {
  if (value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) {
    return value;
  }
  if (typeof value === "string" && value.length <= SHORT_STRING) {
    return value;
  }
  const copy = decodeValue(encodeValue(value, { what, ...options }));
  share(copy);
  return copy;
}

/** Freezes a value that nobody else holds, and estimates its memory in bytes. */
export function share(value: unknown): number {
  if (typeof value === "string") {
    return 16 + value.length;
  }
  if (typeof value !== "object" || value === null) {
    return 8;
  }
  if (value instanceof Uint8Array) {
    holdingBytes.add(value);
    return 64 + value.byteLength;
  }
  let bytes = 32;
  let holds = false;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    const part: unknown = Reflect.get(value, key);
    bytes += share(part) + (typeof key === "string" ? key.length + 8 : 0);
    holds ||= isHoldingBytes(part);
  }
  if (holds) {
    holdingBytes.add(value);
  }
  Object.freeze(value);
  return bytes;
}

/** A shared value as a reader may have it: itself, or a frozen copy where it holds bytes. */
export function readValue(value: unknown): unknown {
  if (!isHoldingBytes(value)) {
    return value;
  }
  return rebuild(value, (part) => (isHoldingBytes(part) ? readValue(part) : part), Object.freeze);
}

/** A copy of a shared value that its receiver may change. */
export function privateCopy(value: unknown): unknown {
  return rebuild(value, privateCopy, (copy) => copy);
}

/** A shared value as JSON has it: bytes become `{"$bytes": base64}`, as they are stored. */
export function jsonOf(value: unknown): unknown {
  if (!isHoldingBytes(value)) {
    return value;
  }
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  return rebuild(value, jsonOf, (copy) => copy);
}

/** Sets an own property whatever it is called; plain assignment to `__proto__` would change a prototype. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    Reflect.set(target, key, value);
  }
}

function isHoldingBytes(value: unknown): value is object {
  return typeof value === "object" && value !== null && holdingBytes.has(value);
}

function rebuild(value: unknown, part: (value: unknown) => unknown, finish: (copy: object) => object): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (value instanceof Uint8Array) {
    return new Uint8Array(value);
  }
  if (Array.isArray(value)) {
    return finish(value.map(part));
  }
  const copy = {};
  for (const [key, inner] of Object.entries(value)) {
    setOwn(copy, key, part(inner));
  }
  return finish(copy);
}
