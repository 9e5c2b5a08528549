import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Duration, formatDuration, toDelayMilliseconds, toMilliseconds } from "./duration.ts";
import { LIMITS } from "./limits.ts";

/** What a caller without types could pass. */
function untyped(value: unknown): Duration {
  return value as Duration;
}

describe("toMilliseconds", () => {
  it.each<[Duration, number]>([
    [0, 0],
    [1_500, 1_500],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["30d", 2_592_000_000],
    ["0s", 0],
    [2 ** 31, 2 ** 31],
    ["25d", 2_160_000_000],
  ])("reads %j as %i", (duration, ms) => {
    expect(toMilliseconds(duration, "timeout")).toBe(ms);
  });

  it("rounds to whole milliseconds, but never a positive duration to zero", () => {
    expect(toMilliseconds("1.1ms", "t")).toBe(1);
    expect(toMilliseconds(0.2, "t")).toBe(1);
    expect(toMilliseconds("1.1s", "t")).toBe(1_100);
    expect(Object.is(toMilliseconds(-0, "t"), 0)).toBe(true);
  });

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    "-1s",
    2 ** 53,
    "9999999999d",
    "",
    "s",
    "10",
    "10 s",
    " 10s",
    "10S",
    "1e3s",
    "0x10s",
    "1,5s",
    "1s\n",
    "10y",
    "P1D",
    null,
    undefined,
    {},
    [1],
    true,
    10n,
    Symbol("s"),
  ])("refuses %s", (garbage) => {
    expect(() => toMilliseconds(untyped(garbage), "timeout")).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringMatching(/^timeout must/) }),
    );
  });

  it("reads every whole number of every unit exactly", () => {
    const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.constantFrom("ms", "s", "m", "h", "d"), (count, unit) => {
        expect(toMilliseconds(`${count}${unit}`, "t")).toBe(count * units[unit]);
      }),
    );
  });

  it("either gives a whole number within bounds or INVALID_VALUE, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^-?\d{1,20}(\.\d{1,12})?(ms|s|m|h|d)$/)), (text) => {
        try {
          const ms = toMilliseconds(untyped(text), "t");
          expect(Number.isSafeInteger(ms) && ms >= 0 && ms <= LIMITS.durationMs).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_VALUE" });
        }
      }),
    );
  });
});

describe("toDelayMilliseconds", () => {
  it("takes a delay that is over already as none", () => {
    expect(toDelayMilliseconds(-5, "delay")).toBe(0);
    expect(toDelayMilliseconds("-5m", "delay")).toBe(0);
    expect(toDelayMilliseconds("5m", "delay")).toBe(300_000);
  });

  it("refuses garbage all the same", () => {
    expect(() => toDelayMilliseconds(Number.NaN, "delay")).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
    expect(() => toDelayMilliseconds(-(2 ** 60), "delay")).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0ms"],
    [850, "850ms"],
    [1_500, "1.5s"],
    [59_999, "59.9s"],
    [60_000, "1m"],
    [61_000, "1m 1s"],
    [7_500_000, "2h 5m"],
    [3_601_000, "1h"],
    [2_592_000_000, "30d"],
    [90_000_000, "1d 1h"],
    [-1_500, "-1.5s"],
    [Number.POSITIVE_INFINITY, "forever"],
  ])("writes %d as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
