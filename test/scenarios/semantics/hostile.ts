/**
 * Values and errors that user code might hand over, by what they are: those that must come back as they were, those that
 * must be refused, and errors whose text or shape would harm a store. Made anew at every call, in whichever process.
 */

import { range } from "./scenario.ts";

/** A value that is refused, and what the refusal says: its code if it has one of its own, and the path to the culprit. */
export interface RefusedValue {
  readonly make: () => unknown;
  readonly path: string;
  readonly code?: "TOO_DEEP" | "TOO_MANY_KEYS" | "PAYLOAD_TOO_LARGE";
}

/** Objects inside of each other. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at += 1) value = { in: value };
  return value;
}

/** Of JSON that a parser reads as it stands. */
function parsed(json: string): unknown {
  return JSON.parse(json);
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { name: "loop" };
  value.self = { back: [value] };
  return value;
}

class Money {
  readonly amount = 5;
}

export const refusedValues: Readonly<Record<string, RefusedValue>> = {
  "an own __proto__ key": { make: () => ({ a: [parsed('{"__proto__":{"admin":1}}')] }), path: "$.a[0].__proto__" },
  "constructor with a prototype": {
    make: () => parsed('{"constructor":{"prototype":{"admin":1}}}'),
    path: "$.constructor",
  },
  "a value nested too deep": { make: () => nested(65), path: "$.in.in", code: "TOO_DEEP" },
  "a value nested far too deep": { make: () => nested(5_000), path: "$.in.in", code: "TOO_DEEP" },
  "an array nested too deep": {
    make: () => range(1_000).reduce<unknown>((inner) => [inner], 0),
    path: "$[0][0]",
    code: "TOO_DEEP",
  },
  "too many keys": {
    make: () => Object.fromEntries(range(100_001).map((at) => [at.toString(36), 0])),
    path: "$",
    code: "TOO_MANY_KEYS",
  },
  "a text of ten megabytes": {
    make: () => ({ text: "x".repeat(10_000_000) }),
    path: "$.text",
    code: "PAYLOAD_TOO_LARGE",
  },
  "bytes of two megabytes": { make: () => [new Uint8Array(2_000_000)], path: "$[0]", code: "PAYLOAD_TOO_LARGE" },
  "a cycle": { make: cyclic, path: "$.self.back[0]" },
  "a BigInt": { make: () => ({ n: 5n }), path: "$.n" },
  NaN: { make: () => [1, Number.NaN], path: "$[1]" },
  Infinity: { make: () => ({ a: { b: Number.NEGATIVE_INFINITY } }), path: "$.a.b" },
  "undefined in an array": { make: () => [1, undefined], path: "$[1]" },
  "undefined itself": { make: () => undefined, path: "$" },
  "an array with a hole": { make: () => Object.assign([1], { 2: 3 }), path: "$[1]" },
  "a Date": { make: () => ({ at: new Date(0) }), path: "$.at" },
  "a Map": { make: () => ({ map: new Map([["a", 1]]) }), path: "$.map" },
  "a Set": { make: () => [new Set([1])], path: "$[0]" },
  "an instance of a class": { make: () => ({ price: new Money() }), path: "$.price" },
  "an error": { make: () => ({ cause: new Error("no data") }), path: "$.cause" },
  "a promise": { make: () => ({ later: Promise.resolve(1) }), path: "$.later" },
  "a function": { make: () => ({ call: () => 1 }), path: "$.call" },
  "a symbol": { make: () => ({ tag: Symbol("tag") }), path: "$.tag" },
  "a key that is a symbol": { make: () => ({ [Symbol("tag")]: 1 }), path: "$" },
  "a Proxy": { make: () => ({ proxy: new Proxy({}, {}) }), path: "$.proxy" },
  "a Proxy that throws": {
    make: () =>
      new Proxy({}, { get: explode, ownKeys: explode, getPrototypeOf: explode, getOwnPropertyDescriptor: explode }),
    path: "$",
  },
  "a getter that throws": {
    make: () => Object.defineProperty({}, "boom", { get: explode, enumerable: true }),
    path: "$.boom",
  },
  "a toJSON bomb": { make: () => ({ bomb: { toJSON: explode } }), path: "$.bomb.toJSON" },
};

function explode(): never {
  throw new RangeError("boom");
}

/** Values that come back as they were, from every store. */
export const keptValues: Readonly<Record<string, unknown>> = {
  "minus zero": [-0, 0],
  "the edges of numbers": [2 ** 53 + 2, -(2 ** 53), Number.MAX_VALUE, Number.MIN_VALUE, 0.1 + 0.2, 1e21, -1e-7],
  "a NUL": "a\0b\0",
  "lone surrogates": ["\ud800", "\udc00x", "x\ud83d"],
  "a pair of surrogates": "😀👩‍👩‍👧",
  "line separators and a byte order mark": "\u2028\u2029\ufeff",
  "a text that turns its direction": "\u202etxt.exe",
  "control characters": "\u001b[2J\u0007\u009b\r\n\t",
  "an empty object, array and text": [{}, [], ""],
  "keys of any kind": {
    "": 1,
    " ": 2,
    "\0": 3,
    "\ud800": 4,
    toString: 5,
    hasOwnProperty: 6,
    constructor: 7,
    prototype: {},
  },
  "keys that look like numbers": { 1: "a", 0: "b", "-1": "c", "01": "d" },
  "what looks like bytes": { $bytes: "AAA=" },
  "what looks like escaped bytes": [{ $$bytes: "AAA=" }, { $bytes: 1, more: 2 }],
  bytes: new Uint8Array([0, 1, 127, 128, 255]),
  "no bytes": new Uint8Array(0),
  "64 objects inside of each other": nested(64),
  "what looks like SQL": "x'; DROP TABLE runs; --",
  "what looks like a template": "{{constructor.constructor('return process')()}} <%= process.env %>",
};

/** Errors whose text or shape would harm whoever stores or shows them, with what must be left of their message. */
export const hostileErrors: Readonly<Record<string, { readonly make: () => unknown; readonly message: RegExp }>> = {
  "a NUL in its text": { make: () => new Error("before\0after"), message: /^before\ufffdafter$/ },
  "lone surrogates in its text": { make: () => new Error("a\ud800b"), message: /^a\ufffdb$/ },
  "terminal codes in its text": {
    make: () => new Error("\u001b]8;;http://evil\u0007click\u001b[2J"),
    message: /^\ufffd]8;;http:/,
  },
  "a text that turns its direction": { make: () => new Error("\u202eevil"), message: /^\ufffdevil$/ },
  "a text of a megabyte": {
    make: () => new Error("m".repeat(1_000_000)),
    message: /^m{8000,}\n\[cut: 1000000 characters/,
  },
  "a stack of fifty megabytes": {
    make: () => Object.assign(new Error("big"), { stack: "s".repeat(50_000_000) }),
    message: /^big$/,
  },
  "a message that is no text": {
    make: () => Object.assign(new Error("was text"), { message: { no: "text" } }),
    message: /^Error$/,
  },
  "getters that throw": {
    make: () =>
      Object.defineProperties(new Error("hidden"), {
        message: { get: explode },
        stack: { get: explode },
        code: { get: explode },
        cause: { get: explode },
      }),
    message: /./,
  },
  "a cause that is itself": {
    make() {
      const error = new Error("round");
      error.cause = error;
      return error;
    },
    message: /^round$/,
  },
  "a Proxy of an error": { make: () => new Proxy(new Error("behind"), { get: explode }), message: /./ },
  "a code of the engine that it poses with": {
    make: () => Object.assign(new Error("posing"), { code: "RUN_CANCELLED" }),
    message: /^posing$/,
  },
  "a code with control characters": {
    make: () => Object.assign(new Error("coded"), { code: "A\0B" }),
    message: /^coded$/,
  },
  "a code of a megabyte": {
    make: () => Object.assign(new Error("coded"), { code: "C".repeat(1_000_000) }),
    message: /^coded$/,
  },
  "no error at all, but a huge object": { make: () => ({ huge: range(100_000).map((at) => ({ at })) }), message: /./ },
  "a symbol": { make: () => Symbol("thrown"), message: /Symbol\(thrown\)/ },
  "a function": { make: () => explode, message: /./ },
};
