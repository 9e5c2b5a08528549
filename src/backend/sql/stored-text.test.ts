import fc from "fast-check";
import { expect, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { ESCAPE_MARK, fromStoredText, parseStored, toStoredText } from "./stored-text.ts";

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\0", "\ud800", "\udc00", "\ufeff", "\u0001", '"', "\\", "a", "💧", "\u202e") }),
);

test("every string comes back as it was, however hostile", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const stored = toStoredText(text);
      expect(fromStoredText(stored)).toBe(text);
      expect(stored.isWellFormed()).toBe(true);
      expect(stored).not.toContain("\0");
    }),
  );
});

test("different strings are stored differently", () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      expect(toStoredText(a) === toStoredText(b)).toBe(a === b);
    }),
  );
});

test("ordinary text is stored as it is", () => {
  for (const text of ["", "order-1", "Grüße 💧", "line\nbreak", "\ufeffmark"]) expect(toStoredText(text)).toBe(text);
});

test.each([["\u0001"], [`${ESCAPE_MARK}{`], [`${ESCAPE_MARK}5`]])(
  "an escape that nobody wrote is corruption: %j",
  (stored) => {
    expect(() => fromStoredText(stored)).toThrow(
      expect.toSatisfy((error) => isMillraceError(error, "BACKEND_CORRUPT")),
    );
  },
);

test("JSON text that is cut off is corruption", () => {
  expect(() => parseStored('{"a":')).toThrow(expect.toSatisfy((error) => isMillraceError(error, "BACKEND_CORRUPT")));
});
