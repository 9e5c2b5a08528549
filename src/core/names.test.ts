import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkName, isName } from "./names.ts";

describe("checkName", () => {
  it.each(["a", "A", "0", "order-processing", "1.2.0", "a_b", "constructor", "CON", "x".repeat(128)])(
    "takes %s",
    (name) => {
      expect(checkName(name, "workflow name")).toBe(name);
    },
  );

  it.each([
    "",
    ".",
    "..",
    "-a",
    "_a",
    "__proto__",
    "../../etc/passwd",
    "..%2f",
    "C:\\x",
    "x".repeat(129),
    "x".repeat(300),
    "a b",
    "a\n",
    "a\u0000",
    "é",
    "👍",
    "a\u202eb",
    "x'; DROP TABLE--",
    'a"b',
    "{tag}",
    "*",
    "\r\nFLUSHALL\r\n",
    null,
    undefined,
    1,
    {},
    ["a"],
    Symbol("a"),
  ])("refuses %s", (name) => {
    expect(() => checkName(name, "workflow name")).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringMatching(/^workflow name /) }),
    );
    expect(isName(name)).toBe(false);
  });

  it("tells the case of letters apart, and rewrites nothing", () => {
    expect(checkName("Order", "n")).not.toBe(checkName("order", "n"));
  });

  it("takes the code it is given", () => {
    expect(() => checkName("", "node name", "INVALID_WORKFLOW")).toThrow(
      expect.objectContaining({ code: "INVALID_WORKFLOW" }),
    );
  });

  it("writes no control character into its message", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          checkName(text, "name");
        } catch (error) {
          expect(error instanceof Error && /^[^\p{Cc}\p{Cs}\u202a-\u202e]*$/u.test(error.message)).toBe(true);
        }
      }),
    );
  });

  it("takes exactly what its grammar says", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), (name) => {
        expect(isName(name)).toBe(true);
      }),
    );
  });
});
