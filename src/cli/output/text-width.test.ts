import fc from "fast-check";
import { expect, it } from "vitest";
import { cutStartTo, cutTo, pad, widthOf } from "./text-width.ts";

it.each([
  ["plain", 5],
  ["日本語", 6],
  ["e\u0301", 1],
  ["👍", 2],
  ["👩‍👩‍👧", 2],
  ["", 0],
  ["한국", 4],
])("%j takes %i columns", (text, columns) => {
  expect(widthOf(text)).toBe(columns);
});

it("cuts with an ellipsis, never inside a character and never too wide", () => {
  expect(cutTo("abcdef", 6)).toBe("abcdef");
  expect(cutTo("abcdef", 4)).toBe("abc…");
  expect(cutTo("日本語", 6)).toBe("日本語");
  expect(cutTo("日本語", 5)).toBe("日本…");
  expect(cutTo("日本語", 4)).toBe("日…");
  expect(cutTo("abc", 1)).toBe("…");
  expect(cutTo("abc", 0)).toBe("");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, columns) => {
      const cut = cutTo(text, columns);
      expect(widthOf(cut)).toBeLessThanOrEqual(columns);
      if (widthOf(text) <= columns && columns > 0) expect(cut).toBe(text);
    }),
  );
});

it("cuts the start where the end tells more", () => {
  expect(cutStartTo("abcdef", 6)).toBe("abcdef");
  expect(cutStartTo("abcdef", 4)).toBe("…def");
  expect(cutStartTo("日本語", 4)).toBe("…語");
  expect(cutStartTo("abc", 1)).toBe("…");
  expect(cutStartTo("abc", 0)).toBe("");
});

it("pads on either side by what is seen", () => {
  expect(pad("日", 4, "left")).toBe("日  ");
  expect(pad("7", 3, "right")).toBe("  7");
  expect(pad("long", 2, "left")).toBe("long");
});
