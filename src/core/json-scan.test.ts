import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanJson } from "./json-scan.ts";

const limits = { maxDepth: 64, maxKeys: 10 };

describe("scanJson", () => {
  it("counts depth, also where it is a million, without recursion", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(scanJson(nested(64), limits)).toBeUndefined();
    for (const depth of [65, 5_000, 1_000_000]) {
      expect(scanJson(nested(depth), limits)?.code).toBe("TOO_DEEP");
    }
  });

  it("counts keys on all levels, but no colons inside strings", () => {
    const keys = (count: number) => `{${Array.from({ length: count }, (_, at) => `"k${at}":":::{[\\":"`).join(",")}}`;
    expect(scanJson(keys(10), limits)).toBeUndefined();
    expect(scanJson(keys(11), limits)?.code).toBe("TOO_MANY_KEYS");
  });

  it.each([
    "9007199254740993",
    "-9007199254740993",
    "1e400",
    "-1e400",
    "123456789012345678901234567890",
    "1e-400",
    "0.1e-500",
  ])("refuses %s, which would become another number", (number) => {
    expect(scanJson(`{"a":[${number}]}`, limits)?.code).toBe("INVALID_VALUE");
  });

  it.each([
    "0",
    "-0",
    "9007199254740992",
    "9007199254740994",
    "-36017527277380310",
    "1e300",
    "0.1",
    "3.141592653589793238",
    "0e-999",
    "1E5",
    "100000000000000000000",
  ])("lets %s pass", (number) => {
    expect(scanJson(number, limits)).toBeUndefined();
  });

  it("does not take digits in strings for numbers", () => {
    expect(scanJson('["9007199254740993","\\"1e400"]', limits)).toBeUndefined();
  });

  it("finds nothing wrong with what JSON.stringify wrote", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        fc.pre(!/__proto__|constructor/.test(json));
        expect(scanJson(json, { maxDepth: 1_000, maxKeys: 1e6 })).toBeUndefined();
      }),
    );
  });

  it("ends on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        scanJson(text, limits);
      }),
    );
  });
});
