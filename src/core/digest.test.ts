import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, digest } from "./digest.ts";

describe("digest", () => {
  it("is the first half of the SHA-256, for bytes and for text alike", () => {
    expect(digest("")).toBe("e3b0c44298fc1c149afbf4c8996fb924");
    expect(digest("abc")).toBe("ba7816bf8f01cfea414140de5dae2223");
    expect(digest(new TextEncoder().encode("abc"))).toBe(digest("abc"));
  });
});

describe("canonicalJson", () => {
  it("sorts keys by code unit on every level and keeps the order of arrays", () => {
    expect(canonicalJson({ b: [2, 1], a: { z: null, 10: 1, 9: 2 }, B: true })).toBe(
      '{"B":true,"a":{"10":1,"9":2,"z":null},"b":[2,1]}',
    );
  });

  it("does not depend on the order in which keys were set", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: false }), (record) => {
        fc.pre(!Object.hasOwn(record, "__proto__"));
        const reversed = Object.fromEntries(Object.entries(record).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(record));
      }),
    );
  });

  it("refuses what is no value, with the path", () => {
    expect(() => canonicalJson({ a: [1, () => 1] })).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringContaining("$.a[1] is a function") }),
    );
  });

  it("knows no limit of size", () => {
    expect(canonicalJson("x".repeat(3_000_000))).toHaveLength(3_000_002);
  });
});
