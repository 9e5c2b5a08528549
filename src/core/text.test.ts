import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanText, utf8Length } from "./text.ts";

const anyText = fc.string({ unit: "binary", maxLength: 300 });

describe("cleanText", () => {
  it("leaves ordinary text alone, with tabs, line feeds and emoji", () => {
    expect(cleanText("Grüße\n\t👩‍💻 ok", 100)).toBe("Grüße\n\t👩‍💻 ok");
  });

  it("replaces control characters, escapes and direction overrides", () => {
    expect(cleanText("a\u0000b\u001b[2Jc\u202ed\u2066e\u009bf\u007f", 100)).toBe("a�b�[2Jc�d�e�f�");
  });

  it("replaces lone surrogates", () => {
    expect(cleanText("a\ud800b", 100)).toBe("a�b");
  });

  it("turns CRLF into a line feed", () => {
    expect(cleanText("a\r\nb\rc", 100)).toBe("a\nb�c");
  });

  it("cuts with a marker that tells the length", () => {
    const cut = cleanText("x".repeat(1_000), 100);
    expect(cut).toMatch(/^x+\n\[cut: 1000 characters in all\]$/);
    expect(utf8Length(cut)).toBe(100);
  });

  it("cuts 50 MB quickly, without working through all of it", () => {
    const huge = "y".repeat(50_000_000);
    const started = performance.now();
    cleanText(huge, 8_192);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("never cuts a character in half", () => {
    for (let max = 60; max < 70; max += 1) {
      expect(cleanText("€👍".repeat(30), max)).not.toContain("�");
    }
  });

  it("gives well-formed, harmless text within the limit, and is idempotent", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 64, max: 400 }), (text, max) => {
        const clean = cleanText(text, max);
        expect(clean.isWellFormed()).toBe(true);
        expect(utf8Length(clean)).toBeLessThanOrEqual(max);
        expect([...clean].every((c) => c === "\n" || c === "\t" || c >= " ")).toBe(true);
        expect(cleanText(clean, max)).toBe(clean);
      }),
    );
  });
});
