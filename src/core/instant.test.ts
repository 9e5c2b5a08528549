import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Instant, toInstant } from "./instant.ts";

function untyped(value: unknown): Instant {
  return value as Instant;
}

describe("toInstant", () => {
  it.each<[Instant, number]>([
    [0, 0],
    [1_700_000_000_000, 1_700_000_000_000],
    [new Date(5), 5],
    ["1970-01-01T00:00:00Z", 0],
    ["2026-03-01T10:00:00+01:00", Date.UTC(2026, 2, 1, 9)],
    ["2026-03-01T10:00-05:30", Date.UTC(2026, 2, 1, 15, 30)],
    ["2024-02-29T00:00:00.123456Z", Date.UTC(2024, 1, 29, 0, 0, 0, 123)],
    ["+010000-01-01T00:00:00Z", Date.UTC(10_000, 0, 1)],
    ["0001-01-01T00:00:00Z", Date.parse("0001-01-01T00:00:00Z")],
  ])("reads %s", (instant, ms) => {
    expect(toInstant(instant, "startAt")).toBe(ms);
  });

  it.each([
    "",
    "now",
    "2026-03-01",
    "2026-03-01T10:00:00",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00Z\n",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "+999999-01-01T00:00:00Z",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    8.65e15,
    new Date(Number.NaN),
    null,
    undefined,
    {},
    5n,
  ])("refuses %s", (garbage) => {
    expect(() => toInstant(untyped(garbage), "startAt")).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringMatching(/^startAt must be/) }),
    );
  });

  it("reads what Date writes", () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(toInstant(date.toISOString(), "t")).toBe(date.getTime());
      }),
    );
  });
});
