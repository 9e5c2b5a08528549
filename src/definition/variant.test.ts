import { describe, expect, it } from "vitest";
import { isVariant, variant, variantBy } from "./variant.ts";

describe("variant", () => {
  it("gives a value a kind, and null where there is no value", () => {
    expect(variant("above", 84)).toEqual({ kind: "above", value: 84, "~variant": true });
    expect(variant("done").value).toBeNull();
    expect(variant("done", undefined).value).toBeUndefined();
    expect(Object.isFrozen(variant("done"))).toBe(true);
  });

  it("refuses a kind that is no non-empty string", () => {
    expect(() => variant("")).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
    expect(() => Reflect.apply(variant, undefined, [7, 1])).toThrow("must be a non-empty string, not number");
  });

  it("takes kinds with names of built-in properties", () => {
    expect(variant("__proto__", 1).kind).toBe("__proto__");
    expect(variant("constructor", 1).kind).toBe("constructor");
  });
});

describe("variantBy", () => {
  it("takes the kind from the value's tag, and keeps the value whole", () => {
    const call: { name: "search"; q: string } | { name: "calc"; e: number } = { name: "search", q: "x" };
    expect(variantBy("name", call)).toEqual({ kind: "search", value: call, "~variant": true });
  });

  it("refuses a value without that tag", () => {
    expect(() => Reflect.apply(variantBy, undefined, ["name", { q: "x" }])).toThrow("not undefined");
    expect(() => Reflect.apply(variantBy, undefined, ["name", null])).toThrow("not undefined");
  });
});

describe("isVariant", () => {
  it("knows what variant and variantBy made", () => {
    expect(isVariant(variant("a", 1))).toBe(true);
    expect(isVariant(variantBy("kind", { kind: "a" } as const))).toBe(true);
  });

  it("is not taken in by data that looks like a variant, such as an input from outside", () => {
    const forged: unknown = JSON.parse('{"kind":"approved","value":{},"~variant":true}');
    expect(isVariant(forged)).toBe(false);
    expect(isVariant({ ...variant("a", 1) })).toBe(false);
    for (const value of [null, undefined, "a", Object.create(variant("a", 1))]) expect(isVariant(value)).toBe(false);
  });
});
