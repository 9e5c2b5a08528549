/**
 * Writes a value as JSON text and, in the same single walk, refuses what JSON would silently change, with the path to
 * it. Nothing of the value is called but getters, each property is read once, and what was read is what is written, so
 * that no getter can show one thing to the check and another to the store. Beyond JSON it keeps `Uint8Array`, written
 * as `{"$bytes": "<base64>"}`, and -0. Invariant: what is written here parses to an equal value, and never to an object
 * that could reach a prototype.
 */

import { Buffer } from "node:buffer";
import { types } from "node:util";
import type { ErrorCode } from "./error-table.ts";

/** How to write, and how much is too much. */
export interface WriteOptions {
  /** Whether object keys are sorted, so that equal values give equal text. */
  readonly sorted: boolean;
  readonly maxDepth: number;
  readonly maxKeys: number;
  /** Bound on the text in UTF-16 units, so never more than the bytes it will have. */
  readonly maxLength: number;
}

/** Why a value was refused. Never leaves `core`: callers turn it into an error of theirs. */
export class ValueRefusal extends Error {
  /** Set where the refusal has a code of its own, whatever the value was for. */
  readonly limit: ErrorCode | undefined;
  readonly #steps: (string | number)[] = [];

  constructor(problem: string, limit?: ErrorCode) {
    super(problem);
    this.limit = limit;
  }

  /** Adds the step that leads to where it was refused; called from the inside out. */
  addStep(step: string | number): void {
    this.#steps.push(step);
  }

  /** The way to the refused part, such as `$.items[3].name`. */
  get path(): string {
    return `$${this.#steps.map(showStep).reverse().join("")}`;
  }
}

/** The key that marks bytes, and the start of keys that are set aside so that no user's object is taken for bytes. */
export const BYTES_KEY = "$bytes";

/** Keys of single-key objects that are written with one more `$`, and read with one less. */
export const RESERVED_KEY = /^\$+bytes$/;

/** JSON text of the value. Throws `ValueRefusal`. */
export function writeValue(value: unknown, options: WriteOptions): string {
  const writer: Writer = { options, left: options.maxLength, keysLeft: options.maxKeys, ancestors: [] };
  return write(writer, value, 0);
}

interface Writer {
  readonly options: WriteOptions;
  left: number;
  keysLeft: number;
  readonly ancestors: object[];
}

function write(writer: Writer, value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(writer, value);
    case "number":
      return spend(writer, writeNumber(value));
    case "boolean":
      return spend(writer, value ? "true" : "false");
    case "object":
      return value === null ? spend(writer, "null") : writeContainer(writer, value, depth);
    case "undefined":
      throw new ValueRefusal("is undefined; use null, or leave the property out");
    case "bigint":
      throw new ValueRefusal("is a BigInt; use a number or a string");
    case "function":
      throw new ValueRefusal("is a function; only data can be stored");
    case "symbol":
      throw new ValueRefusal("is a symbol; only data can be stored");
  }
}

function spend(writer: Writer, text: string): string {
  spendLength(writer, text.length + 1); // one for the comma, bracket or end that follows
  return text;
}

function spendLength(writer: Writer, length: number): void {
  writer.left -= length;
  if (writer.left < -1) {
    throw new ValueRefusal("is where the value grows larger than allowed", "PAYLOAD_TOO_LARGE");
  }
}

function writeString(writer: Writer, text: string): string {
  spendLength(writer, text.length + 3); // before the work of escaping, which for a huge string is large
  return quote(text);
}

// Most strings are short and need no escape; for those a look at each character is cheaper than a call into the platform.
function quote(text: string): string {
  if (text.length > 40) {
    return JSON.stringify(text);
  }
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || unit >= 0xd800) {
      return JSON.stringify(text);
    }
  }
  return `"${text}"`;
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) {
    throw new ValueRefusal(`is ${value}; only finite numbers can be stored`);
  }
  return value === 0 && Object.is(value, -0) ? "-0" : `${value}`;
}

function writeContainer(writer: Writer, value: object, depth: number): string {
  if (types.isProxy(value)) {
    throw new ValueRefusal("is a Proxy; copy it to a plain object first");
  }
  if (depth >= writer.options.maxDepth) {
    throw writer.ancestors.includes(value)
      ? new ValueRefusal("is part of a cycle; it contains itself")
      : new ValueRefusal(`is nested more than ${writer.options.maxDepth} deep`, "TOO_DEEP");
  }
  if (types.isUint8Array(value)) {
    return writeBytes(writer, value);
  }
  writer.ancestors[depth] = value;
  if (Array.isArray(value)) {
    return writeArray(writer, value, depth);
  }
  checkPlain(value);
  return writeObject(writer, value, depth);
}

function writeBytes(writer: Writer, bytes: Uint8Array): string {
  spendLength(writer, Math.ceil(bytes.length / 3) * 4 + BYTES_KEY.length + 7);
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  return `{"${BYTES_KEY}":"${base64}"}`;
}

function writeArray(writer: Writer, values: readonly unknown[], depth: number): string {
  // The prototype of arrays is itself an array, in every realm; that of a class of arrays is not.
  if (!Array.isArray(Object.getPrototypeOf(values))) {
    throw new ValueRefusal(`is ${describeClass(values)}; use a plain array`);
  }
  spendLength(writer, 2);
  let at = 0;
  let text = "[";
  try {
    for (; at < values.length; at += 1) {
      const part = write(writer, values[at], depth + 1);
      text += at === 0 ? part : `,${part}`;
    }
  } catch (thrown) {
    throw located(thrown, at);
  }
  // After the elements, so that a hole in a huge sparse array was met before its keys are listed.
  if (Object.keys(values).length !== values.length) {
    throw new ValueRefusal("is an array with properties of its own; use a plain array, or an object");
  }
  return `${text}]`;
}

function writeObject(writer: Writer, value: object, depth: number): string {
  const keys = Object.keys(value);
  spendLength(writer, 2);
  writer.keysLeft -= keys.length;
  if (writer.keysLeft < 0) {
    throw new ValueRefusal(`is where the value gets more than ${writer.options.maxKeys} keys`, "TOO_MANY_KEYS");
  }
  if (writer.options.sorted) {
    keys.sort();
  }
  let text = "{";
  let current = "";
  let written = 0;
  try {
    for (const key of keys) {
      current = key;
      const part: unknown = Reflect.get(value, key);
      if (part === undefined) {
        continue;
      }
      checkKey(key, part);
      const name = writeString(writer, key);
      text += `${written === 0 ? "" : ","}${name}:${write(writer, part, depth + 1)}`;
      written += 1;
    }
  } catch (thrown) {
    throw located(thrown, current);
  }
  return written === 1 && text.startsWith('{"$') ? asideOfBytes(text) : `${text}}`;
}

/** Closes an object of one key, with one more `$` before the key where it could be taken for bytes. */
function asideOfBytes(text: string): string {
  const name = text.slice(2, text.indexOf('"', 2));
  return RESERVED_KEY.test(name) ? `{"$${text.slice(2)}}` : `${text}}`;
}

function checkKey(key: string, part: unknown): void {
  if (key === "__proto__") {
    throw new ValueRefusal("is a key that could change a prototype");
  }
  if (key === "constructor" && typeof part === "object" && part !== null && Object.hasOwn(part, "prototype")) {
    throw new ValueRefusal("is a key that could change a prototype");
  }
}

function checkPlain(value: object): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !isForeignObjectPrototype(prototype)) {
    throw new ValueRefusal(`is ${describeClass(value)}; only plain objects, arrays and Uint8Array can be stored`);
  }
  const symbols = Object.getOwnPropertySymbols(value);
  if (symbols.length > 0 && symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))) {
    throw new ValueRefusal("has a symbol as a key; use a string");
  }
}

/** The `Object.prototype` of another realm (a vm context). */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return (
    typeof prototype === "object" &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "isPrototypeOf")
  );
}

function describeClass(value: object): string {
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    const maker: unknown =
      typeof prototype === "object" && prototype !== null ? Reflect.get(prototype, "constructor", value) : undefined;
    const name: unknown = typeof maker === "function" ? maker.name : "";
    if (typeof name === "string" && /^[\w$]{1,64}$/.test(name)) {
      return `an instance of ${name}`;
    }
  } catch {
    // A class that cannot even be named.
  }
  return "an instance of a class";
}

function located(thrown: unknown, step: string | number): ValueRefusal {
  const refusal = thrown instanceof ValueRefusal ? thrown : new ValueRefusal(`cannot be read: ${reasonOf(thrown)}`);
  refusal.addStep(step);
  return refusal;
}

function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message).slice(0, 200) : "its getter threw";
  } catch {
    return "its getter threw";
  }
}

function showStep(step: string | number): string {
  if (typeof step === "number") {
    return `[${step}]`;
  }
  return /^[A-Za-z_$][\w$]{0,63}$/.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 64))}]`;
}
