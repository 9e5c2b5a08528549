import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainJson, plainLine, plainText } from "./plain-text.ts";

const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

describe("plainText", () => {
  it.each([
    ["a colour", "\u001b[31mred\u001b[0m", "red"],
    ["a colour whose start was replaced in the store", "\ufffd[31mred\ufffd[0m", "red"],
    ["clearing the screen", "a\u001b[2J\u001b[Hb", "ab"],
    ["a link", "\u001b]8;;http://evil.example\u0007click\u001b]8;;\u0007", "click"],
    ["a link that ends with ST", "\u001b]8;;http://evil.example\u001b\\click\u001b]8;;\u001b\\", "click"],
    ["a title", "\u001b]0;owned\u0007text", "text"],
    ["a C1 sequence", "\u009b31mred\u009d0;title\u009ctext", "redtext"],
    ["a device control string", "\u001bPq#0\u001b\\text", "text"],
    ["a reset", "\u001bctext", "text"],
    ["a character set", "\u001b(0text", "text"],
    ["bells and backspaces", "a\u0007b\u0008c\u0000d", "abcd"],
    ["overrides of direction", "user\u202e\u2066txt.exe\u2069", "usertxt.exe"],
    ["hidden tags", "a\u{e0041}\u{e0042}b", "ab"],
    ["carriage returns", "one\r\ntwo\rthree", "one\ntwo\nthree"],
    ["line separators", "one\u2028two\u2029three\u0085four", "one\ntwo\nthree\nfour"],
    ["half a character", "a\ud800b", "a\ufffdb"],
    ["tabs", "a\tb", "a  b"],
    ["ordinary text", "grün 日本 👩‍👩‍👧 [31m ]8;;", "grün 日本 👩‍👩‍👧 [31m ]8;;"],
  ])("takes out %s", (_, text, plain) => {
    expect(plainText(text)).toBe(plain);
  });

  it("loses nothing behind a sequence that does not end", () => {
    expect(plainText("before \u001b]8;;the rest of the message")).toBe("before 8;;the rest of the message");
    expect(plainText("before \u009dthe rest")).toBe("before the rest");
  });

  it("leaves nothing that a terminal obeys, whatever it is given", () => {
    const nasty = fc.constantFrom(
      "\u001b",
      "[",
      "]",
      "\u009b",
      "\u009d",
      "\u009c",
      "\u0007",
      "\\",
      "m",
      "8",
      ";",
      "\u202e",
      "P",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(nasty, fc.string({ unit: "binary" }))), (parts) => {
        expect(plainText(parts.join(""))).not.toMatch(UNSAFE);
        expect(plainLine(parts.join(""))).not.toMatch(/\n/);
      }),
    );
  });

  it("takes time in proportion to the text, also for hostile ones", () => {
    for (const part of ["\u001b]", "\u009d", "\u001b[", "\u009b0", "\u001b]8;;a", "\u001bP"]) {
      const started = performance.now();
      plainText(part.repeat(200_000));
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });
});

describe("plainJson", () => {
  it("shows hidden characters as escapes and stays the same JSON", () => {
    const value = { text: "a\u009b31m\u202eb\u2028\u{e0041}\u007f\u0000 ü", "\u202ekey": 1 };
    const json = plainJson(JSON.stringify(value));
    expect(json).not.toMatch(UNSAFE);
    expect(json).not.toMatch(/[\u2028\u{e0000}-\u{e007f}]/u);
    expect(JSON.parse(json)).toEqual(value);
  });
});
