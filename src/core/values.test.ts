import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "./limits.ts";
import { canonicalDigest, checkValue, decodeValue, encodeValue, parseJson } from "./values.ts";

const what = { what: "the output of node pay" };
const text = (value: unknown) => new TextDecoder().decode(encodeValue(value, what));
const roundTrip = (value: unknown) => decodeValue(encodeValue(value, what));
const bytesOf = (json: string) => new TextEncoder().encode(json);

/** Every value that may be stored: JSON, -0, bytes, any text, awkward keys. */
const anyKey = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("$bytes", "$$bytes", "$", "constructor", "prototype", "toJSON", "then", "0", ""),
);
const { value: anyValue } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, -0, 0, 2 ** 53, 5e-324, Number.MAX_VALUE),
    fc.uint8Array(),
  ),
  array: fc.array(tie("value"), { maxLength: 5 }),
  object: fc
    .array(fc.tuple(anyKey, tie("value")), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries.filter(([key]) => key !== "__proto__" && key !== "constructor"))),
  value: fc.oneof({ maxDepth: 5 }, tie("leaf"), tie("array"), tie("object")),
}));

describe("encodeValue and decodeValue", () => {
  it("are JSON for what JSON can hold", () => {
    const value = { a: [1, "x", true, null], b: { c: 1.5 } };
    expect(text(value)).toBe(JSON.stringify(value));
  });

  it("give every value back as it was", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(roundTrip(value)).toStrictEqual(value);
      }),
      { numRuns: 1_000 },
    );
  });

  it("write plain JSON exactly as JSON.stringify does", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const json = JSON.stringify(value);
        fc.pre(!json.includes("$bytes") && !json.includes("__proto__") && !json.includes("constructor"));
        expect(text(value).replaceAll("-0", "0")).toBe(json.replaceAll("-0", "0"));
      }),
    );
  });

  it("keep NUL, lone surrogates, U+2028, direction overrides and emoji", () => {
    const value = { "\u0000": "\ud800", a: "\u2028\u202e👍", "\udfff": `${"x".repeat(100)}\ud800` };
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it("keep -0 and the extremes of numbers", () => {
    const value = [-0, 0, 2 ** 53, 5e-324, Number.MAX_VALUE, -1e-7, 1e21];
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it("keep bytes, also views on larger buffers, and take Buffer for bytes", () => {
    const buffer = new Uint8Array([0, 1, 2, 3, 255]);
    expect(roundTrip({ all: buffer, some: buffer.subarray(1, 3), none: new Uint8Array() })).toStrictEqual({
      all: buffer,
      some: new Uint8Array([1, 2]),
      none: new Uint8Array(),
    });
    expect(roundTrip(Buffer.from("hi"))).toStrictEqual(new Uint8Array([104, 105]));
  });

  it("take no object of a user for bytes", () => {
    for (const value of [
      { $bytes: "aGk=" },
      { $bytes: 1 },
      { $$bytes: "" },
      { $bytes: "aGk=", b: 1 },
      [{ $bytes: { $bytes: "" } }],
    ]) {
      expect(roundTrip(value)).toStrictEqual(value);
    }
    expect(roundTrip({ a: undefined, $bytes: "aGk=", b: undefined })).toStrictEqual({ $bytes: "aGk=" });
  });

  it("drop object properties that are undefined, as JSON does", () => {
    expect(roundTrip({ a: 1, b: undefined })).toStrictEqual({ a: 1 });
  });

  it("take objects without prototype and objects of another realm", () => {
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(roundTrip(runInNewContext("({ a: [1, { b: 2 }] })"))).toStrictEqual({ a: [1, { b: 2 }] });
  });

  it("write a shared part twice", () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).toStrictEqual([{ a: 1 }, { a: 1 }]);
  });
});

describe("what encodeValue refuses", () => {
  class Order {
    id = 1;
  }
  class Orders extends Array<number> {}
  const cycle: Record<string, unknown> = { name: "x" };
  cycle.self = { inner: [cycle] };
  const sparse: unknown[] = [1];
  sparse[2] = 3;

  it.each<[string, unknown, string]>([
    ["undefined at top level", undefined, "$ is undefined"],
    ["undefined in an array", { a: [1, undefined] }, "$.a[1] is undefined"],
    ["a hole in an array", sparse, "$[1] is undefined"],
    ["a huge sparse array", new Array(1e9), "$[0] is undefined"],
    ["NaN", { a: { b: Number.NaN } }, "$.a.b is NaN"],
    ["Infinity", [Number.NEGATIVE_INFINITY], "$[0] is -Infinity"],
    ["a BigInt", { a: 1n }, "$.a is a BigInt"],
    ["a function", { a: () => 1 }, "$.a is a function"],
    ["a function called toJSON", { toJSON: () => "boo" }, "$.toJSON is a function"],
    ["a symbol", [Symbol("x")], "$[0] is a symbol"],
    ["a symbol as key", { [Symbol("x")]: 1 }, "$ has a symbol as a key"],
    ["a Date", { at: new Date(0) }, "$.at is an instance of Date"],
    ["a Map", new Map(), "$ is an instance of Map"],
    ["a Set", [new Set()], "$[0] is an instance of Set"],
    ["a RegExp", /x/, "$ is an instance of RegExp"],
    ["an Error", new Error("x"), "$ is an instance of Error"],
    ["a Promise", Promise.resolve(1), "$ is an instance of Promise"],
    ["a boxed number", Object(1), "$ is an instance of Number"],
    ["a class instance", { order: new Order() }, "$.order is an instance of Order"],
    ["a class of arrays", new Orders(1, 2), "$ is an instance of Orders"],
    ["an object with another prototype", Object.create({ inherited: 1 }), "$ is an instance of"],
    ["a Float64Array", new Float64Array(1), "$ is an instance of Float64Array"],
    ["an ArrayBuffer", new ArrayBuffer(1), "$ is an instance of ArrayBuffer"],
    ["a match with properties of its own", "abc".match(/b/), "$ is an array with properties of its own"],
    ["a cycle", cycle, "is part of a cycle"],
    ["a Proxy", { p: new Proxy({}, {}) }, "$.p is a Proxy"],
    ["an own __proto__", JSON.parse('{"a":{"__proto__":{"admin":1}}}'), "$.a.__proto__ is a key that could change"],
    ["constructor.prototype", { constructor: { prototype: { admin: 1 } } }, "$.constructor is a key that could change"],
  ])("%s", (_, value, message) => {
    expect(() => encodeValue(value, what)).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringContaining(message) }),
    );
    expect(() => encodeValue(value, { ...what, code: "INVALID_OUTPUT" })).toThrow(
      expect.objectContaining({ code: "INVALID_OUTPUT", message: expect.stringMatching(/^the output of node pay: /) }),
    );
  });

  it("a getter that throws, with its reason, and a revoked proxy", () => {
    const bomb = {
      list: [
        {
          get boom() {
            throw new Error("kaboom");
          },
        },
      ],
    };
    expect(() => encodeValue(bomb, what)).toThrow(
      expect.objectContaining({
        code: "INVALID_VALUE",
        message: expect.stringContaining("$.list[0].boom cannot be read: kaboom"),
      }),
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => encodeValue([proxy], what)).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  });

  it("shows odd keys quoted and without control characters", () => {
    expect(() => encodeValue({ "a b\u202e": Number.NaN }, what)).toThrow('$["a b�"] is NaN');
  });

  it("a getter cannot show one thing to the check and another to the store", () => {
    let reads = 0;
    const shifty = {
      get a() {
        reads += 1;
        return reads === 1 ? 1 : new Date();
      },
    };
    expect(text(shifty)).toBe('{"a":1}');
  });

  it("calls no toJSON, not even an inherited one", () => {
    class Sly {
      toJSON() {
        return 1;
      }
    }
    expect(() => encodeValue(new Sly(), what)).toThrow("instance of Sly");
  });
});

describe("the limits of values", () => {
  const nested = (depth: number) => {
    let value: unknown = 1;
    for (let at = 0; at < depth; at += 1) value = at % 2 === 0 ? [value] : { a: value };
    return value;
  };

  it("64 levels pass, more do not, and the process stays alive", () => {
    expect(roundTrip(nested(64))).toStrictEqual(nested(64));
    for (const depth of [65, 5_000, 1_000_000]) {
      expect(() => encodeValue(nested(depth), what)).toThrow(expect.objectContaining({ code: "TOO_DEEP" }));
    }
  });

  it("too many keys, all levels together", () => {
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, { a: 1 }]));
    expect(() => encodeValue(keys(50_000), { ...what, maxBytes: 1e9 })).not.toThrow();
    expect(() => encodeValue(keys(50_001), { ...what, maxBytes: 1e9 })).toThrow(
      expect.objectContaining({ code: "TOO_MANY_KEYS" }),
    );
    expect(() => encodeValue({ a: 1, b: 2 }, { ...what, maxKeys: 1 })).toThrow(
      expect.objectContaining({ code: "TOO_MANY_KEYS" }),
    );
  });

  it("to the byte", () => {
    const fits = "x".repeat(LIMITS.payloadBytes - 2);
    expect(encodeValue(fits, what)).toHaveLength(LIMITS.payloadBytes);
    expect(() => encodeValue(`${fits}x`, what)).toThrow(expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }));
    expect(() => encodeValue("é".repeat(10), { ...what, maxBytes: 21 })).toThrow(
      expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }),
    );
  });

  it("are exact for every value: its own size passes, one byte less does not", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const size = encodeValue(value, what).length;
        expect(encodeValue(value, { ...what, maxBytes: size })).toHaveLength(size);
        expect(() => encodeValue(value, { ...what, maxBytes: size - 1 })).toThrow(
          expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }),
        );
      }),
    );
  });

  it("end a value that unfolds without end", () => {
    let wide: unknown = {};
    for (let at = 0; at < 60; at += 1) wide = [wide, wide];
    expect(() => encodeValue(wide, what)).toThrow(expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }));
  });

  it("do not look at all of a huge string", () => {
    const started = performance.now();
    expect(() => checkValue({ s: "\n".repeat(100_000_000) }, what)).toThrow(
      expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }),
    );
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("decodeValue", () => {
  it.each([
    ["no JSON", bytesOf("{")],
    ["nothing", bytesOf("")],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["broken bytes", bytesOf('{"$bytes":"*"}')],
    ["bytes that are no text", bytesOf('{"$bytes":1}')],
    ["a planted __proto__", bytesOf('{"a":{"__proto__":{"admin":1}}}')],
    ["a planted, escaped __proto__", bytesOf('{"\\u005f\\u005f\\u0070\\u0072oto__":{"admin":1}}')],
    ["a planted constructor.prototype", bytesOf('{"constructor":{"prototype":{}}}')],
  ])("calls %s corrupt", (_, bytes) => {
    expect(() => decodeValue(bytes)).toThrow(expect.objectContaining({ code: "BACKEND_CORRUPT" }));
    expect(() => decodeValue(bytes, { what: "x", code: "INVALID_INPUT" })).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT" }),
    );
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  it("survives text of any depth", () => {
    const deep = bytesOf(`${"[".repeat(1e6)}"proto"${"]".repeat(1e6)}`);
    expect(() => decodeValue(deep)).toThrow(expect.objectContaining({ code: "BACKEND_CORRUPT" }));
  });

  it("either reads any bytes or calls them corrupt", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytesOf)), (bytes) => {
        try {
          decodeValue(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "BACKEND_CORRUPT" });
        }
      }),
    );
  });
});

describe("parseJson", () => {
  const body = { what: "the request body", code: "INVALID_INPUT" } as const;

  it("reads JSON of strangers, with bytes, from text and from bytes", () => {
    expect(parseJson('{"a":[1,{"$bytes":"aGk="}]}', body)).toStrictEqual({ a: [1, new Uint8Array([104, 105])] });
    expect(parseJson(bytesOf('"é"'), body)).toBe("é");
  });

  it.each<[string, string | Uint8Array, string]>([
    ["depth 65", "[".repeat(65) + "]".repeat(65), "TOO_DEEP"],
    ["depth 500,000", "[".repeat(500_000), "TOO_DEEP"],
    ["too many keys", `{${'"a":1,'.repeat(100_001)}"b":1}`, "TOO_MANY_KEYS"],
    ["10 MB", `"${"x".repeat(10_000_000)}"`, "PAYLOAD_TOO_LARGE"],
    ["an integer that would be rounded", "[9007199254740993]", "INVALID_INPUT"],
    ["a number that would be infinite", "1e400", "INVALID_INPUT"],
    ["__proto__", '{"__proto__":{"admin":1}}', "INVALID_INPUT"],
    ["an escaped __proto__", '{"x":[{"\\u005F_proto__":{"admin":1}}]}', "INVALID_INPUT"],
    ["constructor.prototype", '{"constructor":{"prototype":{"admin":1}}}', "INVALID_INPUT"],
    ["text after the value", "1 2", "INVALID_INPUT"],
    ["NaN", "NaN", "INVALID_INPUT"],
    ["no UTF-8", new Uint8Array([0xff]), "INVALID_INPUT"],
    ["a byte order mark", "\ufeff1", "INVALID_INPUT"],
  ])("refuses %s", (_, json, code) => {
    expect(() => parseJson(json, body)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(/^the request body: /) }),
    );
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  it("reads back whatever encodeValue writes", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(parseJson(encodeValue(value, what), body)).toStrictEqual(value);
      }),
    );
  });
});

describe("canonicalDigest", () => {
  it("is the same for equal values and another for others", () => {
    expect(canonicalDigest({ a: 1, b: [2, null] })).toBe(canonicalDigest({ b: [2, null], a: 1, c: undefined }));
    expect(canonicalDigest([1, 2])).not.toBe(canonicalDigest([2, 1]));
    expect(canonicalDigest(new Uint8Array([1]))).not.toBe(canonicalDigest({ $bytes: "AQ==" }));
  });

  it("does not change by a round trip", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(canonicalDigest(roundTrip(value))).toBe(canonicalDigest(value));
      }),
    );
  });
});

it("encoding a small object takes a few microseconds", () => {
  const small = {
    orderId: "o-12345",
    item: "widget",
    quantity: 3,
    tags: ["a", "b"],
    customer: { name: "Ann", id: 77 },
  };
  const measure = () => {
    const started = performance.now();
    for (let at = 0; at < 5_000; at += 1) encodeValue(small, what);
    return (performance.now() - started) / 5;
  };
  // The best of several rounds, since other tests share the machine; a tenfold loss still shows.
  expect(Math.min(...Array.from({ length: 8 }, measure))).toBeLessThan(10);
});
